"""Situations that a history must contain, beyond each kind and each rejection.

Some show in a receipt or a due record; others only in the books as they stand when an operation has been applied.
"""

import when

# What a receipt or a due record can show: its kind, the field, and what the field is: something, nothing, or this text.
SHOWN = {
    "owed points repaid": ("issued", "repaid", True),
    "a purchase too small to earn": ("issued", "points", False),
    "redeemed at the issuer": ("redeemed", "obligation", False),
    "redeemed at another merchant": ("redeemed", "obligation", True),
    "captured in part": ("captured", "released", True),
    "lapsed while held, then captured in part": ("captured", "expired", True),
    "voided": ("voided", "released", True),
    "lapsed while held, then voided": ("voided", "expired", True),
    "timed out": ("timed_out", "released", True),
    "lapsed while held, then timed out": ("timed_out", "expired", True),
    "redemption at the issuer reversed": ("redemption_reversed", "obligation", False),
    "redemption at another merchant reversed": ("redemption_reversed", "obligation", True),
    "issue reversed after the points were spent": ("issue_reversed", "owed", True),
    "refund too small to take points": ("issue_reversed", "points", False),
    "exchanged between issuers": ("exchanged", "obligation", True),
    "exchanged within one issuer": ("exchanged", "obligation", False),
    "exchanged with nothing for the pool": ("exchanged", "pool_obligation", False),
    "split with something for the pool": ("split", "pool_obligation", True),
    "split with nothing for the pool": ("split", "pool_obligation", False),
    "dispute accepted by silence": ("dispute_timed_out", "state", "accepted"),
    "dispute dismissed by silence": ("dispute_timed_out", "state", "dismissed"),
    "dispute contested, as silence cannot be booked": ("dispute_timed_out", "state", "contested"),
}


def is_shown(fields, field, what):
    """Whether a field of a receipt or a due record is something, nothing, or a text."""
    return (fields[field] != "0") == what if isinstance(what, bool) else fields[field] == what


def announced(fall, name):
    """Whether the class that an operation names under `name` is about to fall, or to rise."""

    def holds(books, says):
        number = says[name]
        change = books.announced.get(number)
        return change is not None and (change[0] < books.classes[number].anchor) == fall

    return holds


def on_exchange_day(books, _):
    """Whether it is a day with a spread of its own."""
    return when.weekday_of(books.day) in books.parameters["exchange_days"]


def of_pair(books, says):
    """Whether the pair has terms of its own."""
    return (says["from_class"], says["to_class"]) in books.parameters["pairs"]


def debt_of(kind):
    """Whether what is disputed came of a kind."""

    def holds(books, says):
        return kind in books.references[says["merchant"], says["original"]].body

    return holds


def dispute_of(books, says):
    """The dispute that an operation names."""
    return books.disputes[says["merchant"], says["original"]]


def leg_of(books, says):
    """The leg that an operation names."""
    return books.legs[when.read_month(says["cycle"]), says["leg"]]


# What the books show of an operation that was applied: its kind, and what holds of the books and of what it says.
STANDING = {
    "exchanged on an exchange day": ("exchange", on_exchange_day),
    "exchanged at a pair's own terms": ("exchange", of_pair),
    "exchanged at a quote": ("exchange", lambda _, says: says.get("quote") is not None),
    "exchanged from a class about to fall": ("exchange", announced(True, "from_class")),
    "exchanged from a class about to rise": ("exchange", announced(False, "from_class")),
    "exchanged into a class about to fall": ("exchange", announced(True, "to_class")),
    "exchanged into a class about to rise": ("exchange", announced(False, "to_class")),
    "split into a class about to rise": ("split", announced(False, "to_class")),
    "imported into a class about to rise": ("import", announced(False, "class")),
    "announced to fall": ("announce_anchor", announced(True, "class")),
    "announced to rise": ("announce_anchor", announced(False, "class")),
    "a redemption disputed": ("open_dispute", debt_of("redeem")),
    "a capture disputed": ("open_dispute", debt_of("capture")),
    "an exchange disputed": ("open_dispute", debt_of("exchange")),
    "an import disputed": ("open_dispute", debt_of("import")),
    "a closed cycle's operation disputed": (
        "open_dispute",
        lambda books, says: books.debts[says["merchant"], says["original"]].cycle < books.cycle,
    ),
    "a dispute upheld": ("decide_dispute", lambda books, says: dispute_of(books, says).state == "upheld"),
    "a dispute with a partner answered": (
        "answer_dispute",
        lambda books, says: dispute_of(books, says).debtor in books.partners,
    ),
    "a partner's leg drawn": (
        "draw_collateral",
        lambda books, says: leg_of(books, says).state == "drawn" and leg_of(books, says).payer in books.partners,
    ),
    "confirmed after the escalation": (
        "confirm_leg",
        lambda books, says: leg_of(books, says).escalated,
    ),
}

# Receipts of one kind that are more than one.
RECEIPTS = ["voiced", "business_days_set", "collateral_set", "collateral_drawn"]
RECEIPTS += ["dispute_contested", "dispute_adjusted", "dispute_dismissed"]
