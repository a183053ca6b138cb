"""The close of a cycle: pairs are netted, and legs say who pays whom. rules.md section 4."""

from dataclasses import dataclass
from fractions import Fraction

import legs
import settlement
import when
from amounts import FEN, cut_to_fen


@dataclass(frozen=True)
class PairNet:
    """How the close netted a pair: CNY, and whole fen that the lower id owes the higher."""

    opening: Fraction
    net: Fraction
    net_fen: int
    closing: Fraction


@dataclass(frozen=True)
class Statement:
    """What a close came to: what each party is owed, in fen, and how many legs pay it."""

    height: int
    time_ms: int
    positions: tuple
    legs: int


def close(books, cycle):
    """Nets the pairs of a cycle that ended and says who pays whom; gives its record."""
    pairs = {tuple(sorted(name[1:])) for name in books.gross if name[0] == cycle} | set(books.carries)
    positions = {}
    for low, high in sorted(pairs):
        net_fen = net_pair(books, cycle, low, high)
        positions[low] = positions.get(low, 0) - net_fen
        positions[high] = positions.get(high, 0) + net_fen
    positions = {party: fen for party, fen in sorted(positions.items()) if fen}
    payments = payments_of(positions)
    for number, payment in enumerate(payments):
        legs.ask(books, cycle, number, *payment)
    books.statements[cycle] = Statement(books.height, books.now, tuple(positions.items()), len(payments))
    for table in (books.payable, books.receivable):
        for party in list(table):
            del table[party]
    return {"closed": {"cycle": when.write_month(cycle), "positions": len(positions), "legs": len(payments)}}


def net_pair(books, cycle, low, high):
    """What the lower id owes the higher in whole fen; the rest is carried into the next cycle."""
    opening = books.carries.get((low, high), settlement.NONE)
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
    return books.gross.get((cycle, debtor, creditor), settlement.Gross()).total()


def payments_of(positions):
    """The largest debtor pays the largest creditor the smaller amount, and so on; ties go to the lower id."""
    left, payments = dict(positions), []
    while any(left.values()):
        payer = min(left, key=lambda party: (left[party], party))
        payee = min(left, key=lambda party: (-left[party], party))
        amount_fen = min(-left[payer], left[payee])
        left[payer] += amount_fen
        left[payee] -= amount_fen
        payments.append((payer, payee, amount_fen))
    return payments
