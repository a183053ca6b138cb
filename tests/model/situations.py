"""Situations that a history must contain, beyond each kind and each rejection.

Some show in a receipt or a due record; others only in the books as they stand when an operation has been applied.
"""

import checkpoints
import validators
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
    "shares of the pool": ("distributed", "shares_fen", True),
    "rebates paid": ("distributed", "rebates_fen", True),
    "rebates paid in part": ("distributed", "shortfall_fen", True),
    "points of a closed class bought out": ("bought_out", "into", None),
    "dispute accepted by silence": ("dispute_timed_out", "state", "accepted"),
    "dispute dismissed by silence": ("dispute_timed_out", "state", "dismissed"),
    "dispute contested, as silence cannot be booked": ("dispute_timed_out", "state", "contested"),
}


def is_shown(fields, field, what):
    """Whether a field of a receipt or a due record is something, nothing, or a text."""
    return (fields[field] != "0") == what if isinstance(what, bool) else fields[field] == what


def proposed(books, fields):
    """The change that came into effect, or did not."""
    return next(iter(books.proposals[fields["merchant"], fields["proposal"]].change))


def in_effect(kind):
    """Whether a change of a kind came into effect."""
    return lambda books, fields: fields["void"] is None and proposed(books, fields) == kind


def distributed(holds):
    """Whether something holds of the distribution that a record tells of."""
    return lambda books, fields: holds(books.distributions[when.read_month(fields["month"])])


def of_closed(books, fields):
    """Whether what a receipt names is of a closed class."""
    return fields["class"] in books.ended


def looked_at_again(time_of):
    """Whether a closed class is looked at again at a time."""
    return lambda books, fields: books.buy_outs.get(fields["class"]) == time_of(books)


def is_successors_successor(books, fields):
    """Whether the members of another merchant pass on with those of the one that is wound up."""
    others = (record for record in books.merchants.values() if record.is_wound_up())
    return any(record.successor == fields["merchant"] for record in others)


# What a receipt or a due record shows beside the books: its kind, and what holds of the books and of its fields.
SEEN = {
    **{
        f"a change in effect: {kind}": ("change_activated", in_effect(kind))
        for kind in ("parameters", "class", "pair", "import_ratio", "merchant", "admit", "suspend", "reinstate")
    },
    "a change in effect: exit": ("change_activated", in_effect("exit")),
    "a change in effect: upgrade": ("change_activated", in_effect("upgrade")),
    "a change void at its time": ("change_activated", lambda _, fields: fields["void"] is not None),
    "a reserve for rebates within a quarter": ("distributed", distributed(lambda kept: kept.reserve > 0)),
    "rebates paid in full": (
        "distributed",
        distributed(lambda kept: any(0 < part.due == part.paid for part in kept.shares)),
    ),
    "a distribution with nothing to share": (
        "distributed",
        distributed(lambda kept: all(part.share == part.paid == 0 for part in kept.shares)),
    ),
    "a pool that owes": ("distributed", distributed(lambda kept: kept.pool < 0)),
    "a weight between the bounds": (
        "distributed",
        distributed(lambda kept: len({part.weight for part in kept.shares}) > 2),
    ),
    "points of a closed class exchanged": ("bought_out", lambda _, fields: fields["into"] is not None),
    "a buy-out over several blocks": ("bought_out", looked_at_again(lambda books: books.now)),
    "a buy-out that waits for held points": ("bought_out", looked_at_again(lambda books: books.now + when.DAY)),
    "a buy-out that waits for a month with room": (
        "bought_out",
        looked_at_again(lambda books: when.month_end(books.month, books.offset_minutes)),
    ),
    "captured after the class was closed": ("captured", of_closed),
    "voided after the class was closed": ("voided", of_closed),
    "timed out after the class was closed": ("timed_out", of_closed),
    "a successor that is wound up itself": ("wound_up", is_successors_successor),
    "a checkpoint becomes final": ("attested", lambda _, fields: fields["attested"] == fields["needed"]),
    "attested when it was final": ("attested", lambda _, fields: fields["attested"] > fields["needed"]),
}


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
    return (says["from_class"], says["to_class"]) in books.pairs


def debt_of(kind):
    """Whether what is disputed came of a kind."""

    def holds(books, says):
        return kind in books.references[says["merchant"], says["original"]].body

    return holds


def dispute_of(books, says):
    """The dispute that an operation names."""
    return books.disputes[says["merchant"], says["original"]]


def proposal_of(books, says):
    """The proposal that a vote names."""
    return books.proposals[says["merchant"], says["proposal"]]


def vote_ended(state):
    """Whether a vote brought its proposal to a state."""
    return lambda books, says: proposal_of(books, says).state == state


def is_pushed(books, says):
    """Whether a change takes effect later than was asked for, because its notice started with the last vote."""
    proposal = proposal_of(books, says)
    return proposal.state == "passed" and 0 < proposal.asked_ms < proposal.effective_ms - 1


def issuer_of(books, says):
    """The issuer of the class that an operation names."""
    return books.classes[says["class"]].issuer


def with_suspended(books, _):
    """Whether a merchant is suspended while others speak."""
    return any(party in books.merchants for party in books.suspended)


def is_inherited(books, says):
    """Whether the member was enrolled by a merchant that is wound up by now."""
    return books.merchants[books.members[says["member"]].custodian].is_wound_up()


def is_unconverted(books, says):
    """Whether a purchase that had converted a referral was refunded in whole."""
    purchases = (kept for (_, reference), kept in books.purchases.items() if reference == says["original"])
    return any(purchase.referred_by is not None and purchase.kept_fen == 0 for purchase in purchases)


def leg_of(books, says):
    """The leg that an operation names."""
    return books.legs[when.read_month(says["cycle"]), says["leg"]]


def is_otherwise(books, says):
    """Whether another merchant vouches for other roots."""
    return len(set(checkpoints.attested_at(books, says["height"]))) > 1


def is_behind(books, says):
    """Whether a later checkpoint is final."""
    return says["height"] < (checkpoints.latest_final(books) or 0)


def by_earlier_set(books, says):
    """Whether the set of the height is not the one of now."""
    return validators.of_height(books, says["height"]) != validators.of_height(books, books.height)


def by_later_set(books, says):
    """Whether the set of the height is not that of the founders."""
    return validators.of_height(books, says["height"]) != books.epochs[1]


def only_wrong(name):
    """Whether of the three signatures all but one are by the same validator's cosigner key."""

    def holds(books, says):
        checkpoint, of_height = books.checkpoints[says["height"]], validators.of_height(books, says["height"])
        expected = [other != name for other in checkpoints.SIGNATURES]
        keys = (cosigner_key for _, cosigner_key in of_height.values())
        return any(checkpoints.verdicts(books, checkpoint, says, key) == expected for key in keys)

    return holds


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
    "a proposal passed": ("vote", vote_ended("passed")),
    "a proposal refused": ("vote", vote_ended("refused")),
    "a notice that starts with the last vote": ("vote", is_pushed),
    "a joint act beside a suspended merchant": ("set_business_days", with_suspended),
    "issued by an admitted merchant": ("issue", lambda books, says: issuer_of(books, says) in books.admissions),
    "issued with a levy": ("issue", lambda books, _: books.parameters["pool"]["levy"] > 0),
    "redeemed while the issuer leaves": (
        "redeem",
        lambda books, says: books.merchants[issuer_of(books, says)].phase == "running_off",
    ),
    "frozen by a successor": ("freeze", is_inherited),
    "referred by a successor": ("refer", is_inherited),
    "a converted referral taken back": ("reverse_issue", is_unconverted),
    "confirmed after the escalation": (
        "confirm_leg",
        lambda books, says: leg_of(books, says).escalated,
    ),
    "attested otherwise than by others": ("attest", is_otherwise),
    "attested behind a later final checkpoint": ("attest", is_behind),
    "attested by a set that is no longer": ("attest", by_earlier_set),
    "attested by a set that was joined or left": ("attest", by_later_set),
    "anchored by a time stamp": ("anchor", lambda _, says: "time_stamp" in says["evidence"]),
    "anchored by a witness": ("anchor", lambda _, says: "witness" in says["evidence"]),
}

# What was refused, and what holds then: its kind, the rejection, and what holds of the books and of what it says.
REFUSED = {
    "a vote on a proposal that lapsed": ("vote", "voting_closed", vote_ended("open")),
    "an exit that is under way, or to one that leaves": (
        "propose",
        "merchant_leaving",
        lambda books, says: "exit" in says["change"],
    ),
    **{
        f"an attestation whose {name} signature is wrong": ("attest", "wrong_attestation", only_wrong(name))
        for name in checkpoints.SIGNATURES
    },
}

# Receipts of one kind that are more than one.
RECEIPTS = ["voiced", "business_days_set", "collateral_set", "collateral_drawn"]
RECEIPTS += ["dispute_contested", "dispute_adjusted", "dispute_dismissed"]
