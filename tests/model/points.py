"""Issue, transfer, redeem: rules.md section 2."""

import consent
import disputes
import holdings
import pool
import sales
import settlement
import when
from amounts import charge_of, fen_of, require_amount, value_of, write_obligation
from participants import require_issuing
from rejections import Rejected
from requirements import require_balance, require_not_frozen, require_one_fen, require_permitted, require_points


def issue(books, operation):
    """Points for a purchase, at the class's earn rate; owed points are repaid from them at once."""
    says = operation.says
    number, member = says["class"], says["member"]
    terms = books.class_of(number)
    if terms.issuer != operation.merchant:
        raise Rejected("wrong_party")
    require_issuing(books, operation.merchant)
    holder = books.member_of(member).holder
    require_permitted(terms, holder, "earn")
    amount_fen = sum(int(line["amount_fen"]) for line in says["lines"])
    require_amount(amount_fen)
    if amount_fen == 0:
        raise Rejected("amount_zero")
    points = sales.earned(terms, amount_fen)
    require_amount(points)
    expires = books.month + terms.life_months
    repaid = min(points, books.owed.get((member, number), 0))
    holdings.count(books, number, issued=points)
    if points:
        holdings.gain(books, member, number, ((expires, points),), "issued")
    if repaid:
        holdings.count(books, number, issues_reversed=repaid)
        books.owed[member, number] = books.owed[member, number] - repaid
        holdings.lose(books, member, number, repaid, "issue_reversed", sales.from_lot(expires))
    purchase = sales.remember_purchase(books, operation, amount_fen, expires)
    levy = pool.levy_of(purchase)
    settlement.owe_pool(books, terms.issuer, levy)
    return {
        "issued": {
            "points": str(points),
            "repaid": str(repaid),
            "expires": when.write_month(expires),
            "balance": str(holdings.balance(books, member, number)),
            "pool_obligation": write_obligation(levy),
        }
    }


def transfer(books, operation):
    """A member gives points to another; lots move with their months."""
    says = operation.says
    number, giver, receiver = says["class"], says["from"], says["to"]
    terms = books.class_of(number)
    receiving = books.member_of(receiver)
    giving = books.member_of(giver)
    require_permitted(terms, giving.holder, "transfer")
    require_permitted(terms, receiving.holder, "transfer")
    require_not_frozen(giving)
    consent.require_word(books, operation, giving)
    points = require_points(says)
    if giver == receiver:
        raise Rejected("same_party")
    require_balance(books, giver, number, points)
    moved = holdings.lose(books, giver, number, points, "transferred_out")
    holdings.gain(books, receiver, number, moved, "transferred_in")
    return {
        "transferred": {
            "from_balance": str(holdings.balance(books, giver, number)),
            "to_balance": str(holdings.balance(books, receiver, number)),
        }
    }


def redeem(books, operation):
    """Points are spent for cash off at the merchant that submits the operation; the issuer owes it their value."""
    number, member = operation.says["class"], operation.says["member"]
    points, value, _ = judge_spending(books, operation)
    holdings.count(books, number, redeemed=points)
    spent = holdings.lose(books, member, number, points, "redeemed")
    obligation = settlement.owe_acceptor(books, operation.merchant, number, value, judge_cap=True)
    sales.remember_sale(books, operation, member, number, spent, books.classes[number].anchor)
    disputes.remember_debt(books, operation, books.classes[number].issuer, operation.merchant, obligation)
    return {
        "redeemed": {
            "cash_off_fen": str(fen_of(value)),
            "obligation": write_obligation(obligation),
            "balance": str(holdings.balance(books, member, number)),
        }
    }


def judge_spending(books, operation, judge_period=lambda: None):
    """What redeem and hold are judged by, in order; gives (points, their value, what limits were charged)."""
    number, address = operation.says["class"], operation.says["member"]
    terms = books.class_of(number)
    if books.merchants[operation.merchant].is_wound_up():
        raise Rejected("merchant_leaving")
    member = books.member_of(address)
    if terms.accepted_by and operation.merchant not in terms.accepted_by:
        raise Rejected("not_accepted")
    if terms.industries and books.merchants[operation.merchant].industry not in terms.industries:
        raise Rejected("outside_industry")
    require_permitted(terms, member.holder, "redeem")
    require_not_frozen(member)
    word = consent.consent_of(books, operation, member)
    points = require_points(operation.says)
    judge_period()
    value = value_of(points, terms.anchor, terms.decimals)
    require_amount(charge_of(value))
    require_balance(books, address, number, points)
    require_one_fen(value)
    charges = consent.spend_charges(books, operation, word, number, charge_of(value), points)
    charges += consent.store_charges(books, operation, "redeem", charge_of(value))
    return points, value, charges
