"""What the alliance agreed on before its first block: docs/formats.md, section 4."""

import admin
import parameters
import when
from amounts import read_fen
from books import Books, Key
from participants import Merchant

CLOCK = 0


def open_books(chain_id, genesis):
    """The books of a new alliance."""
    books = Books()
    books.chain_id = chain_id
    books.offset_minutes = genesis["utc_offset_minutes"]
    parameters.put(books, genesis["parameters"])
    for pair in genesis.get("pairs", []):
        books.pairs[pair["from_class"], pair["to_class"]] = parameters.read_pair_terms(pair["terms"])
    books.now = books.last_checkpoint_ms = genesis["time_ms"]
    books.open_month = when.month_of(books.now, books.offset_minutes)
    for key in clock_keys(genesis["clock"]):
        books.simulated = True
        books.keys[CLOCK, key] = Key(("clock",))
    for merchant in genesis["merchants"]:
        books.merchants[merchant["id"]] = Merchant(merchant.get("industry", 0), merchant.get("base_share", 1))
        enter_party(books, merchant, read_fen(merchant["net_debit_cap_fen"]))
    for partner in genesis.get("partners", []):
        books.partners[partner["id"]] = {
            of["class"]: (of["ratio"]["units"], of["ratio"]["points"]) for of in partner["imports"]
        }
        enter_party(books, partner, read_fen("0"))
    nodes = {merchant["id"]: merchant for merchant in genesis["merchants"]}
    books.epochs[1] = {name: (node["validator_key"], node["cosigner_key"]) for name, node in nodes.items()}
    read_calendar(books, genesis.get("calendar", {}))
    for opened in genesis["classes"]:
        admin.open_class(books, opened["id"], admin.read_terms(opened["issuer"], opened["terms"]))
    return books


def enter_party(books, party, cap):
    """Puts a merchant or a partner on record, with its collateral and its keys."""
    books.caps[party["id"]] = cap
    books.collateral[party["id"]] = read_fen(party.get("collateral_fen", "0"))
    for key in party["operator_keys"]:
        books.keys[party["id"], key["public_key"]] = Key(tuple(key["roles"]), key.get("store_id"))


def read_calendar(books, calendar):
    """The days that are known from the start to be business days, or not to be."""
    for name, is_business in (("holidays", False), ("workdays", True)):
        for day in calendar.get(name, []):
            books.calendar[when.read_day(day)] = is_business


def clock_keys(clock):
    """The keys that set a simulated clock; a real one has none."""
    if clock == "real":
        return []
    return clock["simulated"]["keys"]
