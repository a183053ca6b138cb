"""Who takes part: merchants, whether they stay, what suspension stops, who has a member in custody. rules.md section 8.

A partner is no merchant: it has no phase, and nothing of this but that it may be suspended.
"""

from __future__ import annotations

from dataclasses import dataclass

from rejections import Rejected

MAX_CAP_FEN = 10**15


@dataclass(frozen=True)
class Merchant:
    """A merchant. `phase` is "staying", "running_off", "wound_up" or "departed".

    Of one that leaves: when its run-off ends, who takes its members, and what points of its classes become; of one that
    has departed, the first height that its node does not validate.
    """

    industry: int
    base_share: int
    phase: str = "staying"
    until_ms: int | None = None
    successor: int | None = None
    exchanges: tuple = ()
    from_height: int | None = None

    def is_wound_up(self):
        """Whether its run-off is over."""
        return self.phase in ("wound_up", "departed")


def is_known(books, party):
    """Whether a number is a merchant's or a partner's, also one's that has left."""
    return party in books.merchants or party in books.partners


def stays(books, party):
    """Whether it does not leave; a partner always stays."""
    return party in books.partners or books.merchants[party].phase == "staying"


def custodian_of(books, member):
    """Who has a member in custody now: who enrolled it, its successor if that is wound up, and so on."""
    custodian = member.custodian
    while books.merchants[custodian].is_wound_up():
        custodian = books.merchants[custodian].successor
    return custodian


def require_merchant(books, party):
    """A merchant that exists; a partner is none."""
    if party not in books.merchants:
        raise Rejected("unknown_merchant")
    require_present(books, party)


def require_participant(books, party):
    """A merchant or partner that exists."""
    if not is_known(books, party):
        raise Rejected("unknown_merchant")
    require_present(books, party)


def require_present(books, party):
    """Who has departed is gone."""
    if party in books.merchants and books.merchants[party].phase == "departed":
        raise Rejected("merchant_gone")


def require_not_suspended(books, party):
    """What a suspension stops."""
    if party in books.suspended:
        raise Rejected("merchant_suspended")


def require_staying(books, party):
    """What leaving stops."""
    if not stays(books, party):
        raise Rejected("merchant_leaving")


def require_issuing(books, party):
    """Points of a merchant come about while it is not suspended and stays."""
    require_not_suspended(books, party)
    require_staying(books, party)
