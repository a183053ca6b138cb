"""What becomes of the points of closed classes, holding by holding: rules.md section 8.

They become points of the class that the exit named, or are bought out: the issuer owes the custodian, who pays the
member.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

import address
import exchange
import holdings
import rates
import settlement
import when
from amounts import require_amount, value_of, write_obligation
from participants import custodian_of
from rejections import Rejected

HOLDINGS_PER_BLOCK = 1000


@dataclass(frozen=True)
class Outcome:
    """What one holding came to: its points, those they became, who is owed how much for them, and what the pool is owed."""

    points: int
    points_out: int
    creditor: int
    owed: Fraction
    to_pool: Fraction


def work_off(books):
    """Works off what is due of closed classes, by time and class, so many holdings a block; gives their records."""
    due = sorted((time_ms, number) for number, time_ms in books.buy_outs.items() if time_ms <= books.now)
    records, left = [], HOLDINGS_PER_BLOCK
    for _, number in due:
        if not left:
            break
        into, done, met = work_off_class(books, number, left)
        left -= met
        if done:
            records.append({"bought_out": {"class": number, "into": into, **summed(done)}})
    return records


def summed(done):
    """What holdings came to together: points, points of the other class, what is owed by creditor, and to the pool."""
    owed = {}
    for outcome in done:
        owed[outcome.creditor] = owed.get(outcome.creditor, 0) + outcome.owed
    return {
        "holdings": len(done),
        "points": str(sum(outcome.points for outcome in done)),
        "points_out": str(sum(outcome.points_out for outcome in done)),
        "debts": [{"creditor": who, "amount": write_obligation(amount)} for who, amount in sorted(owed.items())],
        "pool_obligation": write_obligation(sum((outcome.to_pool for outcome in done), Fraction(0))),
    }


def work_off_class(books, number, left):
    """Works off holdings of a class and says when it is looked at again.

    Gives (their target, what each came to, how many holdings it met); one that does not fit is met as well.
    """
    into, done = target_of(books, number), []
    for member in waiting(books, number):
        if len(done) == left:
            books.buy_outs[number] = books.now
            return into, done, left
        mark = books.mark()
        points = holdings.balance(books, member, number)
        try:
            outcome = change_or_buy(books, member, number, into, points)
        except Rejected:
            books.undo(mark)
            books.buy_outs[number] = when.month_end(books.month, books.offset_minutes)
            return into, done, len(done) + 1
        done.append(outcome)
    finish(books, number)
    return into, done, len(done)


def target_of(books, number):
    """The class that points of a closed class become, if there is one that is not closed itself."""
    into = books.ended[number]
    return None if into in books.ended else into


def waiting(books, number):
    """Whose live points of a class are left, by the first month of a live lot and address."""
    found = []
    for member, of in books.holdings:
        live = holdings.live_lots(books, member, number) if of == number else ()
        if live:
            found.append((live[0][0], address.to_bytes(member), member))
    return [member for _, _, member in sorted(found)]


def change_or_buy(books, member, number, into, points):
    """All live points of a holding become points of another class, or are bought out."""
    return buy(books, member, number, points) if into is None else change(books, member, number, into, points)


def buy(books, member, number, points):
    """The issuer owes the custodian what the points are worth."""
    terms = books.classes[number]
    holdings.count(books, number, bought_out=points)
    holdings.lose(books, member, number, points, "bought_out")
    value = value_of(points, terms.anchor, terms.decimals)
    custodian = custodian_of(books, books.members[member])
    settlement.book(books, terms.issuer, custodian, "buy_out", value)
    return Outcome(points, 0, custodian, value, Fraction(0))


def change(books, member, number, into, points):
    """An exchange without spread, limits or caps."""
    terms, target = books.classes[number], books.classes[into]
    value, received = value_of(points, terms.anchor, terms.decimals), rates.received(books, into)
    out = floor(value * 10**target.decimals / received)
    require_amount(out)
    exchange.change_class(books, member, number, into, points, out, "exchanged")
    out_value = value_of(out, received, target.decimals)
    settlement.book(books, terms.issuer, target.issuer, "exchange", out_value)
    settlement.owe_pool(books, terms.issuer, value - out_value)
    return Outcome(points, out, target.issuer, out_value, value - out_value)


def finish(books, number):
    """A class with held points left is looked at again a day later; one without any is done with."""
    if books.counters[number].held:
        books.buy_outs[number] = books.now + when.DAY
    else:
        del books.buy_outs[number]
