"""Main and sub points: points of a class become points of a class that is spent in fewer places. rules.md section 3."""

from math import floor

import exchange
import holdings
import rates
import settlement
from amounts import require_amount, value_of, write_obligation
from rejections import Rejected
from requirements import require_balance, require_min_out, require_points


def split(books, operation):
    """Points of a main class become points of a sub class of it; what they lose in value is owed to the pool."""
    says = operation.says
    member, main, sub = says["member"], says["from_class"], says["to_class"]
    exchange.require_classes(books, main, sub)
    main_terms, sub_terms = books.classes[main], books.classes[sub]
    if sub_terms.main != main:
        raise Rejected("no_such_split")
    exchange.judge_holder(books, operation, main, sub)
    points = require_points(says)
    require_balance(books, member, main, points)
    out = floor(points * sub_terms.split_rate * 10**sub_terms.decimals / 10**main_terms.decimals)
    require_amount(out)
    require_min_out(says, out)
    out_value = value_of(out, rates.received(books, sub), sub_terms.decimals)
    if out_value > value_of(points, rates.given(books, main), main_terms.decimals):
        raise Rejected("yields_more")
    exchange.change_class(books, member, main, sub, points, out, "split")
    value = value_of(points, main_terms.anchor, main_terms.decimals)
    pool_obligation = settlement.owe_pool(books, main_terms.issuer, value - out_value)
    return {
        "split": {
            "points_out": str(out),
            "from_balance": str(holdings.balance(books, member, main)),
            "to_balance": str(holdings.balance(books, member, sub)),
            "pool_obligation": write_obligation(pool_obligation),
        }
    }


def is_well_formed(terms):
    """What of a sub class lies in its terms: it is spent somewhere only."""
    return terms.main is None or bool(terms.accepted_by or terms.industries)


def require_main(books, terms):
    """The main class of a sub class exists, is of the same issuer, no sub class itself, and worth what a split yields."""
    if terms.main is None:
        return
    main = books.classes.get(terms.main)
    if main is None or main.issuer != terms.issuer or main.main is not None:
        raise Rejected("no_such_split")
    if terms.split_rate * terms.anchor > main.anchor:
        raise Rejected("yields_more")
