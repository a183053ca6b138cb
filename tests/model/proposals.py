"""Proposals: what merchants want changed, the votes on it, and when it takes effect. rules.md section 8."""

from __future__ import annotations

from dataclasses import dataclass, replace

import business_days
import changes
import electorate
import when
from rejections import Rejected

FURTHEST_AHEAD = 400 * when.DAY
CHANGES_PER_BLOCK = 100


@dataclass(frozen=True)
class Proposal:
    """`change` is {kind: what it says}; `ballots` are (merchant, approves), in order.

    `state` is "open", "passed", "refused", "active" or "void"; `void` is the rejection that stood in its way, `height`
    where it took effect.
    """

    change: dict
    proposed_ms: int
    asked_ms: int
    ends_ms: int
    ballots: tuple = ()
    state: str = "open"
    effective_ms: int | None = None
    height: int | None = None
    void: str | None = None


def propose(books, operation):
    """Proposes a change, and votes for it."""
    change, asked_ms = operation.says["change"], operation.says["effective_ms"]
    require_voice(books, operation.merchant)
    judge(books, change, operation.merchant)
    if asked_ms and changes.is_adverse(books, change) and asked_ms < end_of_notice(books):
        raise Rejected("notice_too_short")
    if asked_ms > books.now + FURTHEST_AHEAD:
        raise Rejected("notice_too_long")
    ends_ms = books.now + books.parameters["voting_days"] * when.DAY
    name = operation.merchant, operation.reference
    return cast(books, name, Proposal(change, books.now, asked_ms, ends_ms), operation.merchant, True)


def vote(books, operation):
    """Votes for or against a proposal, once."""
    says, name = operation.says, (operation.says["merchant"], operation.says["proposal"])
    if name not in books.proposals:
        raise Rejected("unknown_proposal")
    proposal = books.proposals[name]
    if proposal.state != "open" or books.now >= proposal.ends_ms:
        raise Rejected("voting_closed")
    require_voice(books, operation.merchant)
    if operation.merchant in dict(proposal.ballots):
        raise Rejected("voiced_already")
    if says["approves"]:
        judge(books, proposal.change, says["merchant"])
    return cast(books, name, proposal, operation.merchant, says["approves"])


def require_voice(books, merchant):
    """Whoever proposes or votes has a voice."""
    electorate.require(books, merchant, electorate.merchants(books))


def judge(books, change, proposer):
    """What stands in the way of a change: another one about the same that waits, or a rule of its own."""
    about = changes.about(change)
    waiting = (proposal for proposal in books.proposals.values() if proposal.state == "passed")
    if any(changes.about(proposal.change) == about for proposal in waiting):
        raise Rejected("change_pending")
    changes.judge(books, change, proposer)


def cast(books, name, proposal, merchant, approves):
    """Puts a ballot in and counts those of merchants that have a voice now; gives the receipt."""
    proposal = replace(proposal, ballots=(*proposal.ballots, (merchant, approves)))
    voices = electorate.merchants(books)
    counted = [approves for merchant, approves in proposal.ballots if merchant in voices]
    approvals, against, needed = counted.count(True), counted.count(False), electorate.needed(voices)
    if approvals >= needed:
        proposal = replace(proposal, state="passed", effective_ms=effective_time(books, proposal))
    elif len(voices) - against < needed:
        proposal = replace(proposal, state="refused")
    books.proposals[name] = proposal
    numbers = {"approvals": approvals, "against": against, "needed": needed}
    return {"voted": {**numbers, "effective_ms": proposal.effective_ms}}


def effective_time(books, proposal):
    """When a change that passes now takes effect: when it was asked for, after this block, and after its notice."""
    earliest = max(proposal.asked_ms, books.now + 1)
    return max(earliest, end_of_notice(books)) if changes.is_adverse(books, proposal.change) else earliest


def end_of_notice(books):
    """When a change to members' disadvantage may take effect at the earliest."""
    return business_days.after(books, books.now, books.parameters["notice_business_days"])


def take_effect(books):
    """Puts changes into effect whose time has come, earliest first; gives a record of each."""
    waiting = [(kept.effective_ms, *name) for name, kept in books.proposals.items() if kept.state == "passed"]
    due = sorted(place for place in waiting if place[0] <= books.now)
    return [take_effect_one(books, tuple(name)) for _, *name in due[:CHANGES_PER_BLOCK]]


def take_effect_one(books, name):
    """Judges a change once more and puts it into effect, or leaves it void; gives its record."""
    proposal, (merchant, reference) = books.proposals[name], name
    try:
        changes.judge(books, proposal.change, merchant)
        changes.carry_out(books, proposal.change)
        ended = replace(proposal, state="active", height=books.height)
    except Rejected as rejection:
        ended = replace(proposal, state="void", void=rejection.name)
    books.proposals[name] = ended
    return {"change_activated": {"merchant": merchant, "proposal": reference, "void": ended.void}}
