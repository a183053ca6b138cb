"""What must hold of the books whatever happened: no point is made or lost, and all that is owed sums to zero."""

import lots as lot
from amounts import FEN


def audit(books):
    """Asserts conservation over the whole books; a failure is an error of this model."""
    held, live = {}, {}
    for (_, number), lots in books.holdings.items():
        for month, points in lot.live(lots, books.month):
            live[number, month] = live.get((number, month), 0) + points
    for hold in books.holds.values():
        if hold.state == "open":
            held[hold.point_class] = held.get(hold.point_class, 0) + lot.total(hold.lots)
    assert live == {name: points for name, points in books.live.items() if points}, "live points by month"
    for number, counters in books.counters.items():
        total = sum(points for (of, _), points in live.items() if of == number)
        assert counters.outstanding() == total, f"points of class {number}"
        assert counters.held == held.get(number, 0), f"held points of class {number}"
    audit_money(books)


def audit_money(books):
    """Payables are receivables; what is reserved, open holds reserve; what is unconfirmed, open legs ask for."""
    assert sum(books.payable.values()) == sum(books.receivable.values()), "payable is receivable"
    reserved = sum(hold.reserved for hold in books.holds.values() if hold.state == "open")
    assert sum(books.reserved.values()) == reserved, "reserved by holds"
    unconfirmed = sum(leg.amount_fen for leg in books.legs.values() if leg.state == "open")
    assert sum(books.unconfirmed.values()) * 100 == unconfirmed, "unconfirmed legs"
    for statement in books.statements.values():
        assert sum(fen for _, fen in statement.positions) == 0, "positions sum to zero"
    assert min(books.collateral.values()) >= 0, "collateral is not drawn twice"
    audit_adjustments(books)


def audit_adjustments(books):
    """What was booked back is what disputes ended in; nothing else of a debt is ever taken back for its debtor."""
    adjusted = sum(gross.adjustment for gross in books.gross.values())
    ended = (dispute.amount for dispute in books.disputes.values() if dispute.state in ("accepted", "upheld"))
    assert adjusted == sum(ended), "adjustments are disputes that succeeded"
    for name, dispute in books.disputes.items():
        assert 0 < dispute.amount <= books.debts[name].value, "no more is disputed than was owed"
    for number, terms in books.classes.items():
        assert number not in books.announced or books.now < books.announced[number][1], "no change is late"
        assert terms.main is None or books.classes[terms.main].issuer == terms.issuer, "a split stays with its issuer"
    audit_pool(books)


def audit_pool(books):
    """What a distribution had, it gave away or kept; whoever votes is there."""
    for kept in books.distributions.values():
        given = sum(part.share + part.paid for part in kept.shares)
        assert kept.pool == (given + kept.reserve) * FEN + kept.carry, "the pool is shares, rebates, reserve and carry"
    for merchant, record in books.merchants.items():
        assert record.phase == "staying" or record.successor in books.merchants, f"merchant {merchant} has a successor"
