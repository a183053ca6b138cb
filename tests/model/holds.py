"""Hold, capture, void and the time-out of holds: rules.md section 2.

A hold sets points aside for a checkout. They leave the holding and do not lapse; the class's anchor is pinned, and the
value is reserved against the issuer's net debit cap. A capture spends them, in part or whole; what it does not spend, a
void and a time-out come back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import consent
import disputes
import holdings
import lots as lot
import points
import sales
import settlement
import when
from amounts import charge_of, fen_of, value_of, write_obligation
from rejections import Rejected
from requirements import require_one_fen, require_points

LONGEST_HOLD = 7 * when.DAY
KNOWN_FOR = 90 * when.DAY
TIME_OUTS_PER_BLOCK = 1000


@dataclass(frozen=True)
class Hold:
    """Points set aside. `state` is "open", "captured", "voided" or "timed_out"."""

    member: str
    point_class: int
    lots: tuple
    anchor: Fraction
    decimals: int
    store: int | None
    release_ms: int
    reserved: Fraction
    charges: tuple
    state: str = "open"

    def value_of(self, points):
        """What points of this hold are worth, at the pinned anchor."""
        return value_of(points, self.anchor, self.decimals)


def hold(books, operation):
    """Sets points aside, judged as a redemption is."""
    number, member = operation.says["class"], operation.says["member"]
    release_ms = operation.says["release_ms"]

    def judge_period():
        if not books.now < release_ms <= books.now + LONGEST_HOLD:
            raise Rejected("hold_period")

    amount, value, charges = points.judge_spending(books, operation, judge_period)
    terms = books.classes[number]
    holdings.count(books, number, held=amount)
    lots = holdings.lose(books, member, number, amount, "held")
    reserved = value if terms.issuer != operation.merchant else Fraction(0)
    settlement.reserve(books, terms.issuer, reserved)
    if reserved:
        settlement.require_cap(books, terms.issuer)
    pinned = terms.anchor, terms.decimals, operation.store, release_ms, reserved, tuple(charges)
    books.holds[operation.merchant, operation.reference] = Hold(member, number, lots, *pinned)
    balance = str(holdings.balance(books, member, number))
    return {"held": {"cash_off_fen": str(fen_of(value)), "balance": balance}}


def capture(books, operation):
    """Spends points of a hold, once; the rest is released."""
    name, held = open_hold(books, operation)
    number, member = held.point_class, held.member
    points = require_points(operation.says)
    whole = lot.total(held.lots)
    if points > whole:
        raise Rejected("above_hold")
    value = held.value_of(points)
    require_one_fen(value)
    spent, rest = lot.first(held.lots, points)
    holdings.count(books, number, redeemed=points, held=-points)
    holdings.note(books, member, number, "captured")
    back, gone = give_back(books, held, rest)
    settlement.reserve(books, books.classes[number].issuer, -held.reserved)
    obligation = settlement.owe_acceptor(books, operation.merchant, number, value, judge_cap=False)
    books.holds[name] = replace(held, state="captured")
    sales.remember_sale(books, operation, member, number, spent, held.anchor)
    disputes.remember_debt(books, operation, books.classes[number].issuer, operation.merchant, obligation)
    return {
        "captured": {
            "member": member,
            "class": number,
            "cash_off_fen": str(fen_of(value)),
            "obligation": write_obligation(obligation),
            "released": str(back),
            "expired": str(gone),
            "balance": str(holdings.balance(books, member, number)),
        }
    }


def void(books, operation):
    """Releases all of a hold."""
    name, held = open_hold(books, operation)
    back, gone = end(books, name, held, "voided")
    whose = {"member": held.member, "class": held.point_class}
    balance = str(holdings.balance(books, held.member, held.point_class))
    return {"voided": {**whose, "released": str(back), "expired": str(gone), "balance": balance}}


def time_out(books):
    """Releases the holds whose time has come, earliest first; gives a record of each."""
    waiting = ((held.release_ms, name) for name, held in books.holds.items() if held.state == "open")
    due = sorted(place for place in waiting if place[0] <= books.now)
    return [time_out_one(books, name) for _, name in due[:TIME_OUTS_PER_BLOCK]]


def time_out_one(books, name):
    """Releases one hold whose time has come; gives its record."""
    merchant, reference = name
    held = books.holds[name]
    back, gone = end(books, name, held, "timed_out")
    whose = {"merchant": merchant, "hold": reference, "member": held.member, "class": held.point_class}
    return {"timed_out": {**whose, "released": str(back), "expired": str(gone)}}


def open_hold(books, operation):
    """The hold that a capture or a void names: of the same merchant, and still open."""
    name = operation.merchant, operation.says["hold"]
    held = books.holds.get(name)
    if held is None or (held.state != "open" and forgotten(books, name)):
        raise Rejected("unknown_hold")
    if held.state in ("captured", "voided"):
        raise Rejected(f"hold_{held.state}")
    if books.now >= held.release_ms:
        raise Rejected("hold_timed_out")
    return name, held


def forgotten(books, name):
    """How a hold ended is known for 90 days after the time in its reference."""
    return when.reference_time(name[1]) < books.now - KNOWN_FOR


def end(books, name, held, state):
    """Ends a hold of which nothing is spent."""
    settlement.reserve(books, books.classes[held.point_class].issuer, -held.reserved)
    books.holds[name] = replace(held, state=state)
    return give_back(books, held, held.lots)


def give_back(books, held, rest):
    """Gives back what is not spent of a hold: the points, and charge by charge what it cost.

    Gives (live points, lapsed points).
    """
    points = lot.total(rest)
    if points == 0:
        return 0, 0
    whole = lot.total(held.lots)
    fen = charge_of(held.value_of(whole)) - charge_of(held.value_of(whole - points))
    for charge in held.charges:
        consent.give_back(books, charge, points if charge.key[0] == "grant" else fen)
    back, gone = holdings.release(books, held.member, held.point_class, rest)
    holdings.count(books, held.point_class, held=-points, lapsed=gone)
    return back, gone
