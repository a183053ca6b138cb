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
    books.parameters = read_parameters(genesis["parameters"])
    books.now = genesis["time_ms"]
    books.open_cycle = when.month_of(books.now, books.offset_minutes)
    for key in clock_keys(genesis["clock"]):
        books.simulated = True
        books.keys[CLOCK, key] = Key(("clock",))
    for merchant in genesis["merchants"]:
        books.merchants[merchant["id"]] = read_fen(merchant["net_debit_cap_fen"])
        for key in merchant["operator_keys"]:
            books.keys[merchant["id"], key["public_key"]] = Key(tuple(key["roles"]), key.get("store_id"))
    for opened in genesis["classes"]:
        admin.open_class(books, opened["id"], admin.read_terms(opened["issuer"], opened["terms"]))
    return books


def read_parameters(parameters):
    """The parameters that the rules use; the others are the consensus's."""
    return {
        "min_anchor": read_rate(parameters["min_anchor"]),
        "max_anchor": read_rate(parameters["max_anchor"]),
        "exchange_spread": read_rate(parameters["exchange_spread"]),
        "no_consent_limit_fen": int(parameters["no_consent_limit_fen"]),
        "refund_window_days": int(parameters.get("refund_window_days", 0)),
    }


def clock_keys(clock):
    """The keys that set a simulated clock; a real one has none."""
    if clock == "real":
        return []
    return clock["simulated"]["keys"]
