"""Legs: the payments that a close asks for, until they are confirmed or drawn from collateral. rules.md section 4."""

from __future__ import annotations

from dataclasses import dataclass, replace

import business_days
import joint
import settlement
import when
from amounts import FEN
from rejections import Rejected

ESCALATED_PER_BLOCK = 1000


@dataclass(frozen=True)
class Leg:
    """One payment. `state` is "open", "confirmed" or "drawn", `ended` the height at which it came to be so.

    When an open leg is due, and when it goes to the governors, was worked out at the close.
    """

    payer: int
    payee: int
    amount_fen: int
    due_ms: int
    deadline_ms: int
    bank_reference: str | None = None
    escalated: bool = False
    state: str = "open"
    ended: int | None = None


def ask(books, cycle, number, payer, payee, amount_fen):
    """Puts a leg on record; the payer's unconfirmed legs grow by it."""
    due_ms = business_days.after(books, books.now, books.parameters["payment_business_days"])
    deadline_ms = business_days.after(books, due_ms - 1, books.parameters["escalation_business_days"])
    books.legs[cycle, number] = Leg(payer, payee, amount_fen, due_ms, deadline_ms)
    settlement.unconfirmed(books, payer, amount_fen)


def escalate(books):
    """Puts what was not confirmed in time before the governors, earliest first; gives a record of each leg."""
    waiting = ((leg.deadline_ms, *name) for name, leg in books.legs.items() if leg.state == "open")
    due = [place for place in waiting if place[0] <= books.now and not books.legs[place[1:]].escalated]
    return [escalate_one(books, name) for _, *name in sorted(due)[:ESCALATED_PER_BLOCK]]


def escalate_one(books, name):
    """Escalates one leg; gives its record."""
    cycle, number = name
    books.legs[cycle, number] = replace(books.legs[cycle, number], escalated=True)
    return {"leg_escalated": {"cycle": when.write_month(cycle), "leg": number}}


def confirm_leg(books, operation):
    """The payee says that a leg was paid."""
    name, leg = leg_of(books, operation)
    if leg.payee != operation.merchant:
        raise Rejected("wrong_party")
    require_open(leg)
    if int(operation.says["amount_fen"]) != leg.amount_fen:
        raise Rejected("leg_amount")
    end(books, name, "confirmed")
    return "leg_confirmed"


def report_payment(books, operation):
    """The payer leaves the evidence of its payment, once."""
    name, leg = leg_of(books, operation)
    if leg.payer != operation.merchant:
        raise Rejected("wrong_party")
    require_open(leg)
    if leg.bank_reference is not None:
        raise Rejected("payment_reported")
    books.legs[name] = replace(leg, bank_reference=operation.says["bank_reference"])
    return "payment_reported"


def draw_collateral(books, operation):
    """The merchants that are no party to an escalated leg pay it from the payer's collateral, together."""
    name, leg = leg_of(books, operation)
    require_open(leg)
    if not leg.escalated:
        raise Rejected("leg_not_escalated")
    amount = leg.amount_fen * FEN
    if books.collateral[leg.payer] < amount:
        raise Rejected("collateral_short")
    voiced = joint.voice(books, operation, leg.payer, leg.payee)
    if voiced:
        return voiced
    books.collateral[leg.payer] = books.collateral[leg.payer] - amount
    end(books, name, "drawn")
    return "collateral_drawn"


def leg_of(books, operation):
    """The leg that an operation names."""
    name = when.read_month(operation.says["cycle"]), operation.says["leg"]
    if name not in books.legs:
        raise Rejected("unknown_leg")
    return name, books.legs[name]


def require_open(leg):
    """A leg is paid once."""
    if leg.state != "open":
        raise Rejected("leg_confirmed")


def end(books, name, state):
    """Ends a leg; the payer's unconfirmed legs fall by it."""
    leg = books.legs[name]
    books.legs[name] = replace(leg, state=state, ended=books.height)
    settlement.unconfirmed(books, leg.payer, -leg.amount_fen)
