"""Lots: points by the last month in which they can be spent.

A tuple of (month, points), by rising month, one lot a month, none empty. All functions return new tuples.
"""


def total(lots):
    """The points of all lots."""
    return sum(points for _, points in lots)


def merged(lots, more):
    """Both, lots of one month made one."""
    by_month = {}
    for month, points in lots + more:
        by_month[month] = by_month.get(month, 0) + points
    return tuple(sorted((month, points) for month, points in by_month.items() if points))


def live(lots, now_month):
    """The lots that can still be spent: a lot counts in months up to and including its own."""
    return tuple(lot for lot in lots if lot[0] >= now_month)


def lapsed(lots, now_month):
    """The lots whose last month has passed."""
    return tuple(lot for lot in lots if lot[0] < now_month)


def first(lots, points):
    """Spending: (what is taken, what is left), by rising month."""
    return _take(lots, points)


def last(lots, points):
    """Taking back: (what is taken, what is left), by falling month."""
    taken, left = _take(tuple(reversed(lots)), points)
    return tuple(reversed(taken)), tuple(reversed(left))


def first_from(lots, month, points):
    """Taking an issue back: first from the lot of `month`, then by rising month."""
    own = tuple(lot for lot in lots if lot[0] == month)
    others = tuple(lot for lot in lots if lot[0] != month)
    taken, left = _take(own + others, points)
    return tuple(sorted(taken)), tuple(sorted(left))


def _take(lots, points):
    taken, left = [], []
    for month, held in lots:
        part = min(held, points)
        points -= part
        if part:
            taken.append((month, part))
        if held > part:
            left.append((month, held - part))
    assert points == 0, "more is taken than there is"
    return tuple(taken), tuple(left)
