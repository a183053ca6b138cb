"""Holdings and the counters of classes: the only place where points come, go and lapse.

Each change of a holding is one movement: what it gained or lost, why, and what is held after it. `live` counts by
month what all holdings of a class have, because points lapse all at once when their month ends, while the holdings
follow when they are touched or swept.
"""

from dataclasses import replace

import lots as lot
from amounts import MAX_AMOUNT, MAX_UNSPENT
from books import Movement
from rejections import Rejected


def live_lots(books, member, number):
    """The lots of a holding that can be spent now."""
    return lot.live(books.holdings.get((member, number), ()), books.month)


def balance(books, member, number):
    """The points of a holding that can be spent now."""
    return lot.total(live_lots(books, member, number))


def gain(books, member, number, lots, reason):
    """Puts live lots into a holding."""
    take_off_lapsed(books, member, number)
    held = lot.merged(books.holdings.get((member, number), ()), lots)
    _move(books, member, number, held, lot.total(lots), reason)
    _count_live(books, number, lots, 1)


def lose(books, member, number, points, reason, take=lot.first):
    """Takes live points out of a holding, first-expiring first; gives the lots taken."""
    take_off_lapsed(books, member, number)
    taken, left = take(books.holdings.get((member, number), ()), points)
    _move(books, member, number, left, -points, reason)
    _count_live(books, number, taken, -1)
    return taken


def release(books, member, number, lots):
    """Puts lots of a hold back; what of them has lapsed leaves again at once. Gives (live points, lapsed points)."""
    take_off_lapsed(books, member, number)
    held = lot.merged(books.holdings.get((member, number), ()), lots)
    _move(books, member, number, held, lot.total(lots), "released")
    take_off_lapsed(books, member, number)
    back, gone = lot.live(lots, books.month), lot.lapsed(lots, books.month)
    _count_live(books, number, back, 1)
    return lot.total(back), lot.total(gone)


def note(books, member, number, reason):
    """A line in the statement that moves nothing."""
    take_off_lapsed(books, member, number)
    _move(books, member, number, books.holdings.get((member, number), ()), 0, reason)


def take_off_lapsed(books, member, number):
    """Removes what has lapsed from a holding; the class counted it when its month ended."""
    held = books.holdings.get((member, number), ())
    gone = lot.lapsed(held, books.month)
    if gone:
        _move(books, member, number, lot.live(held, books.month), -lot.total(gone), "expired")


def count(books, number, **changes):
    """Adds to counters of a class, by name; none may pass what can be represented, now or when all of it lapses."""
    before = books.counters[number]
    after = replace(before, **{name: getattr(before, name) + more for name, more in changes.items()})
    unspent = after.outstanding() + after.held
    if any(value > MAX_AMOUNT for value in vars(after).values()):
        raise Rejected("overflow")
    if unspent > MAX_UNSPENT or after.lapsed + unspent > MAX_AMOUNT:
        raise Rejected("overflow")
    books.counters[number] = after


def _move(books, member, number, held, delta, reason):
    books.holdings[member, number] = held
    books.movements.append(Movement(member, number, books.operation, delta, reason, held))


def _count_live(books, number, lots, sign):
    for month, points in lots:
        books.live[number, month] = books.live.get((number, month), 0) + sign * points
