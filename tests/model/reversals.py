"""Undoing a sale, in part or whole: reverse_redeem and reverse_issue of rules.md section 2.

A reversal names its original by the reference. It may come any number of times, up to the original; cycles that are
closed stay closed, the value is booked against in the open one.
"""

from dataclasses import replace

import consent
import disputes
import holdings
import lots as lot
import pool
import referrals
import sales
import settlement
import when
from amounts import charge_of, fen_of, write_obligation
from rejections import Rejected
from requirements import require_points

OLDEST_ORIGINAL = 90 * when.DAY
SHORTEST_SECOND_LIFE = 30 * when.DAY


def original_of(books, operation, table):
    """The original of a reversal: the merchant's own, remembered, applied, of the right kind and not too old."""
    reference = operation.says["original"]
    name = operation.merchant, reference
    if name not in books.references or when.reference_time(reference) < books.now - OLDEST_ORIGINAL:
        raise Rejected("unknown_original")
    if name not in table:
        raise Rejected("not_reversible")
    window = books.parameters["refund_window_days"] * when.DAY
    if when.reference_time(reference) < books.now - window:
        raise Rejected("refund_too_late")
    return name, table[name]


def reverse_redeem(books, operation):
    """The lots that were spent come back, and the issuer owes their value no longer."""
    name, sale = original_of(books, operation, books.sales)
    number, member = sale.point_class, sale.member
    points = require_points(operation.says)
    spent_before = lot.total(sale.spent)
    if points > spent_before:
        raise Rejected("above_original")
    books.require_open(number)
    disputes.require_covered(books, name, sale.value_of(spent_before - points))
    value = sale.value_of(points)
    consent.store_charges(books, operation, "refund", charge_of(value))
    back, stays = lot.last(sale.spent, points)
    holdings.count(books, number, redemptions_reversed=points)
    holdings.gain(books, member, number, revived(books, back), "redemption_reversed")
    books.sales[name] = replace(sale, spent=stays)
    obligation = settlement.owe_issuer(books, operation.merchant, number, value)
    cash_off_fen = fen_of(sale.value_of(spent_before)) - fen_of(sale.value_of(spent_before - points))
    return {
        "redemption_reversed": {
            "member": member,
            "class": number,
            "cash_off_fen": str(cash_off_fen),
            "obligation": write_obligation(-obligation),
            "balance": str(holdings.balance(books, member, number)),
        }
    }


def revived(books, lots):
    """Lots that come back keep their month; a lapsed one gets the first month that ends at least 30 days from now."""
    month = books.month
    while when.month_end(month, books.offset_minutes) - books.now < SHORTEST_SECOND_LIFE:
        month += 1
    return lot.merged((), tuple((expires if expires >= books.month else month, points) for expires, points in lots))


def reverse_issue(books, operation):
    """The points that the refunded part of a purchase had earned are taken back; what is spent already is owed."""
    name, purchase = original_of(books, operation, books.purchases)
    number, member = purchase.point_class, purchase.member
    amount_fen = int(operation.says["amount_fen"])
    if amount_fen == 0:
        raise Rejected("amount_zero")
    if amount_fen > purchase.kept_fen:
        raise Rejected("above_original")
    books.require_open(number)
    consent.store_charges(books, operation, "refund", amount_fen)
    kept = replace(purchase, kept_fen=purchase.kept_fen - amount_fen)
    points = purchase.points() - kept.points()
    taken = min(points, holdings.balance(books, member, number))
    owed = points - taken
    if taken:
        holdings.count(books, number, issues_reversed=taken)
        holdings.lose(books, member, number, taken, "issue_reversed", sales.from_lot(purchase.expires))
    if owed:
        books.owed[member, number] = books.owed.get((member, number), 0) + owed
    books.purchases[name] = kept
    levy = pool.levy_of(kept) - pool.levy_of(purchase)
    settlement.owe_pool(books, operation.merchant, levy)
    referrals.refunded(books, kept)
    whose, balance = {"member": member, "class": number}, str(holdings.balance(books, member, number))
    told = {"points": str(points), "owed": str(owed), "balance": balance, "pool_obligation": write_obligation(levy)}
    return {"issue_reversed": {**whose, **told}}
