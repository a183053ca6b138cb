"""Exchange: points of one class become points of another at the anchors' rate less the spread. rules.md section 3."""

from math import floor

import consent
import disputes
import holdings
import lots as lot
import rates
import settlement
from amounts import charge_of, fen_of, require_amount, value_of, write_obligation
from participants import require_issuing
from rejections import Rejected
from requirements import require_balance, require_min_out, require_not_frozen, require_permitted, require_points


def exchange(books, operation):
    """The source's issuer owes the target's the value of what comes out, and the pool the rest."""
    says = operation.says
    member, source, target = says["member"], says["from_class"], says["to_class"]
    require_classes(books, source, target)
    word = judge_holder(books, operation, source, target)
    points = require_points(says)
    if source == target:
        raise Rejected("same_party")
    if any(books.classes[number].main is not None for number in (source, target)):
        raise Rejected("not_exchangeable")
    require_fresh(books, says.get("quote"))
    terms = books.classes[source]
    value = value_of(points, terms.anchor, terms.decimals)
    require_amount(charge_of(value))
    if fen_of(value) < rates.pair_term(books, source, target, "min_lot_fen"):
        raise Rejected("below_min_lot")
    require_balance(books, member, source, points)
    out = points_out(books, source, target, points)
    require_min_out(says, out)
    exchange_charges(books, member, source, target, charge_of(value))
    if word.by == "custodian" and books.classes[target].issuer == operation.merchant != terms.issuer:
        consent.custodian_charges(books, operation, source, charge_of(value))
    change_class(books, member, source, target, points, out, "exchanged")
    obligation, pool_obligation = owe(books, operation, value, out)
    return {
        "exchanged": {
            "points_out": str(out),
            "from_balance": str(holdings.balance(books, member, source)),
            "to_balance": str(holdings.balance(books, member, target)),
            "obligation": write_obligation(obligation),
            "pool_obligation": write_obligation(pool_obligation),
        }
    }


def require_classes(books, source, target):
    """Both classes serve, and the target's issuer lets new points come about."""
    books.class_of(source)
    require_issuing(books, books.class_of(target).issuer)


def judge_holder(books, operation, source, target):
    """What a member's points change class by: both classes let it, it is not frozen, and somebody's word is there."""
    source_terms, target_terms = books.classes[source], books.classes[target]
    holder = books.member_of(operation.says["member"])
    require_permitted(source_terms, holder.holder, "exchange")
    require_permitted(target_terms, holder.holder, "exchange")
    require_not_frozen(holder)
    return consent.require_word(books, operation, holder)


def require_fresh(books, quote):
    """Who was quoted a rate gets it or nothing."""
    if quote is None:
        return
    if quote["version"] != rates.version_of(books) or quote["valid_until_ms"] < books.now:
        raise Rejected("stale_quote")


def points_out(books, source, target, points):
    """The points of the target that points of the source become."""
    source_decimals, target_decimals = books.classes[source].decimals, books.classes[target].decimals
    value = value_of(points, rates.given(books, source), source_decimals)
    kept = 1 - rates.spread_of(books, source, target)
    out = floor(value * kept * 10**target_decimals / rates.received(books, target))
    require_amount(out)
    return out


def exchange_charges(books, member, source, target, charge_fen):
    """What may change class in a day: of a member over all pairs, of a pair over all members."""
    member_limit = books.parameters["exchange_member_limit_fen"]
    of_member, of_pair = ("exchange_member", books.day, member), ("exchange_pair", books.day, source, target)
    consent.charge(books, of_member, charge_fen, member_limit, "exchange_member_limit")
    pair_limit = rates.pair_term(books, source, target, "daily_limit_fen")
    consent.charge(books, of_pair, charge_fen, pair_limit, "exchange_pair_limit")


def change_class(books, member, source, target, points, out, reason):
    """Moves points from one class to the other; a split counts as an exchange, but the statement names it."""
    holdings.count(books, source, exchanged_out=points)
    holdings.count(books, target, exchanged_in=out)
    given = holdings.lose(books, member, source, points, f"{reason}_out")
    if out:
        holdings.gain(books, member, target, shared_out(given, out), f"{reason}_in")


def shared_out(given, out):
    """Each lot given up has its share of what comes out: floors first, then one unit each by largest remainder."""
    points = lot.total(given)
    shares = {month: divmod(out * part, points) for month, part in given}
    rest = out - sum(whole for whole, _ in shares.values())
    by_remainder = sorted(shares, key=lambda month: (-shares[month][1], month))
    lots = tuple((month, shares[month][0] + (month in by_remainder[:rest])) for month in sorted(shares))
    return lot.merged((), lots)


def owe(books, operation, value, out):
    """Books what the source's issuer comes to owe: the target's issuer, unless it is the same, and the pool."""
    source, target = operation.says["from_class"], operation.says["to_class"]
    debtor, creditor = books.classes[source].issuer, books.classes[target].issuer
    out_value = value_of(out, rates.received(books, target), books.classes[target].decimals)
    obligation = out_value if debtor != creditor else out_value * 0
    if obligation:
        settlement.book(books, debtor, creditor, "exchange", obligation)
        settlement.require_cap(books, debtor)
        disputes.remember_debt(books, operation, debtor, creditor, obligation)
    return obligation, settlement.owe_pool(books, debtor, value - out_value)
