"""Disputes: who owes for an operation says that it does not, and the others answer or decide. rules.md section 4.

A dispute ends in an adjustment, booked in the open cycle, or without one; what it is about stays as it was booked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import business_days
import joint
import lots as lot
import settlement
import when
from amounts import read_obligation, write_obligation
from participants import require_present
from rejections import Rejected

OLDEST_ORIGINAL = 90 * when.DAY
TIME_OUTS_PER_BLOCK = 1000


@dataclass(frozen=True)
class Debt:
    """What an operation made one party owe another, and in which cycle."""

    debtor: int
    creditor: int
    value: Fraction
    cycle: int


@dataclass(frozen=True)
class Dispute:
    """`state` is "open", "contested", "accepted", "upheld" or "dismissed".

    `due_ms` is when the clock that runs, or ran last, runs out.
    """

    debtor: int
    creditor: int
    amount: Fraction
    reason: str
    due_ms: int
    state: str = "open"


def remember_debt(books, operation, debtor, creditor, value):
    """Notes what an operation made one party owe another; nothing owed, nothing to dispute."""
    if value:
        books.debts[operation.merchant, operation.reference] = Debt(debtor, creditor, value, books.cycle)


def open_dispute(books, operation):
    """The debtor disputes what it still owes for an operation, or part of it."""
    says, name = operation.says, (operation.says["merchant"], operation.says["original"])
    require_known(books, name)
    if name not in books.debts:
        raise Rejected("not_disputable")
    debt = books.debts[name]
    if debt.debtor != operation.merchant:
        raise Rejected("wrong_party")
    require_present(books, debt.creditor)
    if name in books.disputes:
        raise Rejected("dispute_exists")
    if books.now >= last_time(books, debt):
        raise Rejected("dispute_late")
    amount = read_obligation(says["amount"])
    if amount > still_owed(books, name):
        raise Rejected("dispute_unbalanced")
    due_ms = clock(books, books.now)
    books.disputes[name] = Dispute(debt.debtor, debt.creditor, amount, says["reason"], due_ms)
    return {"dispute_opened": {"answer_due_ms": due_ms}}


def require_known(books, name):
    """An operation of the last 90 days, applied or not."""
    if name not in books.references or when.reference_time(name[1]) < books.now - OLDEST_ORIGINAL:
        raise Rejected("unknown_original")


def last_time(books, debt):
    """From when on a debt is disputed no longer: so many business days after its cycle."""
    last_month = debt.cycle + books.parameters["cycle_months"] - 1
    return clock(books, when.month_end(last_month, books.offset_minutes) - 1)


def still_owed(books, name):
    """What a debtor owes for an operation; of a sale, what is not reversed."""
    sale = books.sales.get(name)
    return books.debts[name].value if sale is None else sale.value_of(lot.total(sale.spent))


def answer_dispute(books, operation):
    """The creditor accepts or contests."""
    name, dispute = dispute_of(books, operation)
    if dispute.creditor != operation.merchant:
        raise Rejected("wrong_party")
    if dispute.state != "open":
        raise Rejected("dispute_closed")
    if operation.says["accept"]:
        adjusted = adjust(books, name, "accepted")
        settlement.require_cap(books, dispute.creditor)
        return adjusted
    return {"dispute_contested": {"decision_due_ms": contest(books, name)}}


def decide_dispute(books, operation):
    """The merchants that are no party to a contested dispute end it, together."""
    name, dispute = dispute_of(books, operation)
    if dispute.state != "contested":
        raise Rejected("dispute_not_contested")
    voiced = joint.voice(books, operation, dispute.debtor, dispute.creditor)
    if voiced:
        return voiced
    if operation.says["upheld"]:
        return adjust(books, name, "upheld")
    books.disputes[name] = replace(dispute, state="dismissed")
    return "dispute_dismissed"


def dispute_of(books, operation):
    """The dispute that an operation names, by what it is about."""
    name = operation.says["merchant"], operation.says["original"]
    if name not in books.disputes:
        raise Rejected("unknown_dispute")
    return name, books.disputes[name]


def contest(books, name):
    """Puts a dispute before the governors; gives the time by which they decide."""
    due_ms = clock(books, books.now)
    books.disputes[name] = replace(books.disputes[name], state="contested", due_ms=due_ms)
    return due_ms


def adjust(books, name, state):
    """Ends a dispute by what it claims, which the creditor owes the debtor; gives the receipt."""
    dispute = books.disputes[name]
    settlement.book(books, dispute.creditor, dispute.debtor, "adjustment", dispute.amount)
    books.disputes[name] = replace(dispute, state=state)
    return {"dispute_adjusted": {**parties(dispute), "adjustment": write_obligation(dispute.amount)}}


def time_out(books):
    """Ends the disputes whose clock has run out, earliest first; gives a record of each."""
    waiting = ((dispute.due_ms, *name) for name, dispute in books.disputes.items() if is_running(dispute))
    due = sorted(place for place in waiting if place[0] <= books.now)
    return [time_out_one(books, tuple(name)) for _, *name in due[:TIME_OUTS_PER_BLOCK]]


def time_out_one(books, name):
    """Silence accepts, or contests what cannot be booked; a contested dispute that nobody decided is dismissed."""
    mark = books.mark()
    if books.disputes[name].state == "contested":
        books.disputes[name] = replace(books.disputes[name], state="dismissed")
    else:
        try:
            adjust(books, name, "accepted")
            settlement.require_cap(books, books.disputes[name].creditor)
        except Rejected:
            books.undo(mark)
            contest(books, name)
    dispute, (merchant, original) = books.disputes[name], name
    adjustment = write_obligation(dispute.amount if dispute.state == "accepted" else settlement.NONE)
    ended = {"adjustment": adjustment, "state": dispute.state}
    return {"dispute_timed_out": {"merchant": merchant, "original": original, **parties(dispute), **ended}}


def is_running(dispute):
    """Whether a dispute waits for an answer or a decision."""
    return dispute.state in ("open", "contested")


def require_covered(books, name, stays):
    """What stays of a sale covers what was claimed of it: nothing is undone a second time."""
    dispute = books.disputes.get(name)
    if dispute is not None and dispute.state != "dismissed" and dispute.amount > stays:
        raise Rejected("disputed")


def parties(dispute):
    """Who owes whom for what is disputed."""
    return {"debtor": dispute.debtor, "creditor": dispute.creditor}


def clock(books, time_ms):
    """When a clock of disputes that starts at a time runs out."""
    return business_days.after(books, time_ms, books.parameters["dispute_business_days"])
