"""Import: points of a partner outside the alliance become points of a class. rules.md section 3."""

import disputes
import holdings
import rates
import settlement
import when
from amounts import require_amount, value_of, write_obligation
from participants import require_issuing, require_not_suspended
from rejections import Rejected
from requirements import require_permitted


def import_points(books, operation):
    """The partner owes the class's issuer their value, of which it has prefunded enough."""
    says, partner = operation.says, operation.merchant
    number, member = says["class"], says["member"]
    if partner not in books.partners:
        raise Rejected("wrong_party")
    require_not_suspended(books, partner)
    terms = books.class_of(number)
    require_issuing(books, terms.issuer)
    if number not in books.partners[partner]:
        raise Rejected("unknown_ratio")
    require_permitted(terms, books.member_of(member).holder, "earn")
    if says["units"] == 0:
        raise Rejected("amount_zero")
    name = partner, says["external_reference"]
    if name in books.imports:
        raise Rejected("import_reused")
    outside, inside = books.partners[partner][number]
    points = says["units"] * inside * 10**terms.decimals // outside
    require_amount(points)
    if points == 0:
        raise Rejected("below_min_out")
    expires = books.month + terms.life_months
    holdings.count(books, number, imported=points)
    holdings.gain(books, member, number, ((expires, points),), "imported")
    obligation = value_of(points, rates.received(books, number), terms.decimals)
    settlement.book(books, partner, terms.issuer, "imported", obligation)
    settlement.require_cap(books, partner, "not_prefunded")
    disputes.remember_debt(books, operation, partner, terms.issuer, obligation)
    books.imports[name] = operation.reference
    return {
        "imported": {
            "points": str(points),
            "expires": when.write_month(expires),
            "balance": str(holdings.balance(books, member, number)),
            "obligation": write_obligation(obligation),
        }
    }
