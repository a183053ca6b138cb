"""Whose voices count where merchants decide together: rules.md section 8."""

from participants import require_not_suspended
from rejections import Rejected


def merchants(books):
    """The merchants that have a voice: neither suspended nor departed. A partner is no merchant."""
    present = (name for name, record in books.merchants.items() if record.phase != "departed")
    return {name for name in present if name not in books.suspended}


def needed(voices):
    """More than two thirds."""
    return 2 * len(voices) // 3 + 1


def require(books, party, voices):
    """Whoever speaks has one of these voices."""
    require_not_suspended(books, party)
    if party not in voices:
        raise Rejected("wrong_party")
