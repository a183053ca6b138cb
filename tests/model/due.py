"""What happens because time has passed, at the start of a block: rules.md section 7."""

import address
import buy_outs
import closing
import disputes
import distribution
import exits
import holdings
import holds
import legs
import lots as lot
import proposals
import rates
import when

SWEPT_PER_BLOCK = 1000


def due_work(books):
    """Does what is due, in the order of the page; gives its records."""
    books.operation = None
    records, ended = holds.time_out(books), []
    while books.open_month < books.month:
        records += end_month(books, books.open_month)
        ended.append(books.open_month)
        books.open_month += 1
        books.unswept = True
    for month in ended:
        records += distribution.distribute(books, month)
    records += rates.take_effect(books) + legs.escalate(books) + disputes.time_out(books)
    return records + exits.wind_up(books) + proposals.take_effect(books) + buy_outs.work_off(books) + sweep(books)


def end_month(books, month):
    """The close of a month's cycle, if it ends with the month, then the month's lapses."""
    cycle = books.cycle_of(month)
    records = [closing.close(books, cycle)] if books.cycle_of(month + 1) != cycle else []
    return records + lapse(books, month)


def lapse(books, month):
    """What could last be spent in a month that ended leaves the counters of its class at once."""
    records = []
    for number in sorted(books.classes):
        points = books.live.get((number, month), 0)
        if points:
            holdings.count(books, number, lapsed=points)
            del books.live[number, month]
            records.append({"lapsed": {"class": number, "month": when.write_month(month), "points": str(points)}})
    return records


def sweep(books):
    """Takes lapsed lots off the holdings, by month, class and address, so many a block."""
    if not books.unswept:
        return []
    waiting = [
        (month, number, address.to_bytes(member), member)
        for (member, number), lots in books.holdings.items()
        for month, _ in lot.lapsed(lots, books.month)
    ]
    for _, number, _, member in sorted(waiting)[:SWEPT_PER_BLOCK]:
        holdings.take_off_lapsed(books, member, number)
    books.unswept = len(waiting) > SWEPT_PER_BLOCK
    swept = min(len(waiting), SWEPT_PER_BLOCK)
    return [{"swept": {"holdings": swept}}] if swept else []
