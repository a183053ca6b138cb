"""Suspension: a merchant or partner is stopped for a while. rules.md section 8."""

import electorate
from participants import require_not_suspended, require_participant
from rejections import Rejected


def judge_suspend(books, says, _):
    """Whoever is suspended is there, is not yet, and is not the only one with a voice."""
    party = says["merchant"]
    require_participant(books, party)
    require_not_suspended(books, party)
    if not electorate.merchants(books) - {party}:
        raise Rejected("last_merchant")


def suspend(books, says):
    """It issues and votes no more."""
    books.suspended[says["merchant"]] = True


def judge_reinstate(books, says, _):
    """Whoever is reinstated is there and suspended."""
    require_participant(books, says["merchant"])
    if says["merchant"] not in books.suspended:
        raise Rejected("not_suspended")


def reinstate(books, says):
    """It issues and votes again."""
    del books.suspended[says["merchant"]]
