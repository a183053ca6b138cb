"""What happens because time has passed, at the start of a block: rules.md section 7."""

import address
import holdings
import holds
import lots as lot
import settlement
import when

SWEPT_PER_BLOCK = 1000


def due_work(books):
    """Time-outs, then each ended month's close and lapses, then the sweep; gives their records."""
    books.operation = None
    records = holds.time_out(books)
    while books.open_cycle < books.month:
        records.append(settlement.close(books, books.open_cycle))
        records += lapse(books, books.open_cycle)
        books.open_cycle += 1
        books.unswept = True
    return records + sweep(books)


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
