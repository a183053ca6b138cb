"""What the alliance agreed on before its first block: docs/formats.md, section 4."""

import admin
import when
from amounts import read_fen, read_rate
from books import Books, Key

CLOCK = 0


def open_books(chain_id, genesis):
    """The books of a new alliance."""
    books = Books()
    books.chain_id = chain_id
    books.offset_minutes = genesis["utc_offset_minutes"]
    books.parameters = read_parameters(genesis["parameters"], genesis.get("pairs", []))
    books.now = genesis["time_ms"]
    books.open_month = when.month_of(books.now, books.offset_minutes)
    for key in clock_keys(genesis["clock"]):
        books.simulated = True
        books.keys[CLOCK, key] = Key(("clock",))
    for merchant in genesis["merchants"]:
        books.merchants[merchant["id"]] = merchant.get("industry", 0)
        enter_party(books, merchant, read_fen(merchant["net_debit_cap_fen"]))
    for partner in genesis.get("partners", []):
        books.partners[partner["id"]] = {
            of["class"]: (of["ratio"]["units"], of["ratio"]["points"]) for of in partner["imports"]
        }
        enter_party(books, partner, read_fen("0"))
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


def read_parameters(parameters, pairs):
    """The parameters that the rules use, with the terms of pairs; the others are the consensus's, or readers'."""
    exchange, settlement = parameters["exchange"], parameters["settlement"]
    return {
        "min_anchor": read_rate(parameters["min_anchor"]),
        "max_anchor": read_rate(parameters["max_anchor"]),
        "anchor_notice_business_days": parameters["anchor_notice_business_days"],
        "exchange": read_pair_terms({**exchange, "daily_limit_fen": exchange["pair_daily_limit_fen"]}),
        "exchange_member_limit_fen": int(exchange["member_daily_limit_fen"]),
        "exchange_days": {entry["weekday"]: read_rate(entry["spread"]) for entry in exchange["days"]},
        "pairs": {(pair["from_class"], pair["to_class"]): read_pair_terms(pair["terms"]) for pair in pairs},
        "no_consent_limit_fen": int(parameters["no_consent_limit_fen"]),
        "refund_window_days": int(parameters.get("refund_window_days", 0)),
        "cycle_months": settlement["cycle_months"],
        "payment_business_days": settlement["payment_business_days"],
        "escalation_business_days": settlement["escalation_business_days"],
        "dispute_business_days": settlement["dispute_business_days"],
    }


def read_pair_terms(terms):
    """What is said of the exchange between two classes; what is not said is not there."""
    read = {"spread": read_rate, "min_lot_fen": int, "daily_limit_fen": int}
    return {name: read[name](terms[name]) for name in read if terms.get(name) is not None}


def clock_keys(clock):
    """The keys that set a simulated clock; a real one has none."""
    if clock == "real":
        return []
    return clock["simulated"]["keys"]
