"""Exchange: points of one class become points of another at the anchors' rate less the spread. rules.md section 3."""

from math import floor

import consent
import holdings
import lots as lot
import settlement
from amounts import charge_of, require_amount, value_of, write_obligation
from rejections import Rejected
from requirements import require_balance, require_not_frozen, require_permitted, require_points


def exchange(books, operation):
    """The source's issuer owes the target's the value of what comes out, and the pool the rest."""
    says = operation.says
    member, source_number, target_number = says["member"], says["from_class"], says["to_class"]
    source = books.class_of(source_number)
    target = books.class_of(target_number)
    holder = books.member_of(member)
    require_permitted(source, holder.holder, "exchange")
    require_permitted(target, holder.holder, "exchange")
    require_not_frozen(holder)
    word = consent.require_word(books, operation, holder)
    points = require_points(says)
    if source_number == target_number:
        raise Rejected("same_party")
    require_balance(books, member, source_number, points)
    value = value_of(points, source.anchor, source.decimals)
    out = points_out(books, source, target, value)
    if out == 0 or out < int(says["min_out"]):
        raise Rejected("below_min_out")
    if word.by == "custodian" and target.issuer == operation.merchant != source.issuer:
        require_amount(charge_of(value))
        consent.custodian_charges(books, operation, source_number, charge_of(value))
    holdings.count(books, source_number, exchanged_out=points)
    holdings.count(books, target_number, exchanged_in=out)
    given = holdings.lose(books, member, source_number, points, "exchanged_out")
    holdings.gain(books, member, target_number, shared_out(given, out), "exchanged_in")
    obligation, pool_obligation = owe(books, source, target, value, out)
    return {
        "exchanged": {
            "points_out": str(out),
            "from_balance": str(holdings.balance(books, member, source_number)),
            "to_balance": str(holdings.balance(books, member, target_number)),
            "obligation": write_obligation(obligation),
            "pool_obligation": write_obligation(pool_obligation),
        }
    }


def points_out(books, source, target, value):
    """The points of the target that a value in points of the source becomes."""
    spread = books.parameters["exchange_spread"]
    out = floor(value * (1 - spread) * 10**target.decimals / target.anchor)
    require_amount(out)
    return out


def shared_out(given, out):
    """Each lot given up has its share of what comes out: floors first, then one unit each by largest remainder."""
    points = lot.total(given)
    shares = {month: divmod(out * part, points) for month, part in given}
    rest = out - sum(whole for whole, _ in shares.values())
    by_remainder = sorted(shares, key=lambda month: (-shares[month][1], month))
    lots = tuple((month, shares[month][0] + (month in by_remainder[:rest])) for month in sorted(shares))
    return lot.merged((), lots)


def owe(books, source, target, value, out):
    """Books what the source's issuer comes to owe: the target's issuer, unless it is the same, and the pool."""
    out_value = value_of(out, target.anchor, target.decimals)
    obligation = out_value if source.issuer != target.issuer else out_value * 0
    pool_obligation = value - out_value
    if obligation:
        settlement.book(books, source.issuer, target.issuer, "exchange", obligation)
        settlement.require_cap(books, source.issuer)
    books.claims[source.issuer] = books.claims.get(source.issuer, 0) + pool_obligation
    return obligation, pool_obligation
