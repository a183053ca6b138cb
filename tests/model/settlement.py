"""Who owes whom: booking, net debit caps, the close of a cycle, its legs and their confirmation. rules.md section 4."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import when
from amounts import FEN, MAX_PAIR_TOTAL, cut_to_fen
from rejections import Rejected

NONE = Fraction(0)


@dataclass(frozen=True)
class Gross:
    """What a debtor came to owe a creditor in a cycle, by kind; CNY."""

    redemption: Fraction = NONE
    exchange: Fraction = NONE


@dataclass(frozen=True)
class PairNet:
    """How the close netted a pair: CNY, and whole fen that the lower id owes the higher."""

    opening: Fraction
    net: Fraction
    net_fen: int
    closing: Fraction


@dataclass(frozen=True)
class Statement:
    """What a close came to: what each merchant is owed, in fen, and how many legs pay it."""

    height: int
    time_ms: int
    positions: tuple
    legs: int


@dataclass(frozen=True)
class Leg:
    """One payment that a close asks for. `confirmed` is the height of its confirmation."""

    payer: int
    payee: int
    amount_fen: int
    confirmed: int | None = None


def owe_acceptor(books, merchant, number, value, judge_cap):
    """The class's issuer owes the merchant that honoured its points; itself it owes nothing. Gives what is owed."""
    issuer = books.classes[number].issuer
    if issuer == merchant:
        return NONE
    book(books, issuer, merchant, "redemption", value)
    if judge_cap:
        require_cap(books, issuer)
    return value


def owe_issuer(books, merchant, number, value):
    """Books a value against what the issuer owes the merchant, who may come to owe; judged by the merchant's cap."""
    issuer = books.classes[number].issuer
    if issuer == merchant:
        return NONE
    book(books, issuer, merchant, "redemption", -value)
    require_cap(books, merchant)
    return value


def book(books, debtor, creditor, kind, value):
    """Books a value, negative for a reversal, that the debtor owes the creditor in the open cycle."""
    name = books.month, debtor, creditor
    before = books.gross.get(name, Gross())
    after = replace(before, **{kind: getattr(before, kind) + value})
    if abs(after.redemption + after.exchange) > MAX_PAIR_TOTAL:
        raise Rejected("overflow")
    books.gross[name] = after
    books.payable[debtor] = books.payable.get(debtor, NONE) + value
    books.receivable[creditor] = books.receivable.get(creditor, NONE) + value


def reserve(books, issuer, value):
    """Adds to what open holds may come to cost an issuer, or takes off."""
    if value:
        books.reserved[issuer] = books.reserved.get(issuer, NONE) + value


def require_cap(books, merchant):
    """A merchant's net debit may not exceed its cap."""
    owed = books.payable.get(merchant, NONE) - books.receivable.get(merchant, NONE)
    waiting = books.reserved.get(merchant, NONE) + books.unconfirmed.get(merchant, NONE)
    if max(NONE, owed) + waiting > books.merchants[merchant]:
        raise Rejected("net_debit_cap")


def close(books, cycle):
    """Nets the pairs of a cycle that ended and says who pays whom; gives its record."""
    pairs = {tuple(sorted(name[1:])) for name in books.gross if name[0] == cycle} | set(books.carries)
    positions = {}
    for low, high in sorted(pairs):
        net_fen = net_pair(books, cycle, low, high)
        positions[low] = positions.get(low, 0) - net_fen
        positions[high] = positions.get(high, 0) + net_fen
    positions = {merchant: fen for merchant, fen in sorted(positions.items()) if fen}
    legs = legs_of(positions)
    for number, leg in enumerate(legs):
        books.legs[cycle, number] = leg
        books.unconfirmed[leg.payer] = books.unconfirmed.get(leg.payer, NONE) + leg.amount_fen * FEN
    books.statements[cycle] = Statement(books.height, books.now, tuple(positions.items()), len(legs))
    for merchant in list(books.payable):
        del books.payable[merchant]
    for merchant in list(books.receivable):
        del books.receivable[merchant]
    return {"closed": {"cycle": when.write_month(cycle), "positions": len(positions), "legs": len(legs)}}


def net_pair(books, cycle, low, high):
    """What the lower id owes the higher in whole fen; the rest is carried into the next cycle."""
    opening = books.carries.get((low, high), NONE)
    net = opening + gross_total(books, cycle, low, high) - gross_total(books, cycle, high, low)
    net_fen = cut_to_fen(net)
    closing = net - net_fen * FEN
    books.pair_nets[cycle, low, high] = PairNet(opening, net, net_fen, closing)
    books.carries[low, high] = closing
    if not closing:
        del books.carries[low, high]
    return net_fen


def gross_total(books, cycle, debtor, creditor):
    """All that a debtor came to owe a creditor in a cycle."""
    gross = books.gross.get((cycle, debtor, creditor), Gross())
    return gross.redemption + gross.exchange


def legs_of(positions):
    """The largest debtor pays the largest creditor the smaller amount, and so on; ties go to the lower id."""
    left, legs = dict(positions), []
    while any(left.values()):
        payer = min(left, key=lambda merchant: (left[merchant], merchant))
        payee = min(left, key=lambda merchant: (-left[merchant], merchant))
        amount = min(-left[payer], left[payee])
        left[payer] += amount
        left[payee] -= amount
        legs.append(Leg(payer, payee, amount))
    return legs


def confirm_leg(books, operation):
    """The payee says that a leg was paid."""
    says = operation.says
    name = when.read_month(says["cycle"]), says["leg"]
    leg = books.legs.get(name)
    if leg is None:
        raise Rejected("unknown_leg")
    if leg.payee != operation.merchant:
        raise Rejected("wrong_party")
    if leg.confirmed is not None:
        raise Rejected("leg_confirmed")
    if int(says["amount_fen"]) != leg.amount_fen:
        raise Rejected("leg_amount")
    books.legs[name] = replace(leg, confirmed=books.height)
    books.unconfirmed[leg.payer] = books.unconfirmed[leg.payer] - leg.amount_fen * FEN
    return "leg_confirmed"
