"""Referrals: a member sent from one merchant to another, and the purchase by which it went. rules.md section 9."""

from dataclasses import dataclass, replace

import contributions
import disputes
import when
from participants import custodian_of, require_merchant
from rejections import Rejected


@dataclass(frozen=True)
class Referral:
    """Who referred a member, when, and whether a purchase has converted it."""

    by: int
    time_ms: int
    is_converted: bool = False


def refer(books, operation):
    """Sends a member of the merchant's custody to another merchant, once."""
    member, merchant = operation.says["member"], operation.says["merchant"]
    if custodian_of(books, books.member_of(member)) != operation.merchant:
        raise Rejected("foreign_custodian")
    require_merchant(books, merchant)
    if merchant == operation.merchant:
        raise Rejected("same_party")
    if (merchant, member) in books.referrals:
        raise Rejected("referral_exists")
    books.referrals[merchant, member] = Referral(operation.merchant, books.now)
    contributions.add(books, operation.merchant, referrals=1)
    return "referred"


def claim_referral(books, operation):
    """Names the purchase by which a member went where it was referred to."""
    member, merchant, original = (operation.says[name] for name in ("member", "merchant", "original"))
    referral = books.referrals.get((merchant, member))
    if referral is None:
        raise Rejected("unknown_referral")
    if referral.by != operation.merchant:
        raise Rejected("wrong_party")
    if referral.is_converted:
        raise Rejected("referral_converted")
    purchase = purchase_of(books, (merchant, original))
    until_ms = referral.time_ms + books.parameters["pool"]["referral_days"] * when.DAY
    is_in_time = referral.time_ms <= when.reference_time(original) < until_ms
    if not converts(purchase, member) or not is_in_time:
        raise Rejected("not_converting")
    books.referrals[merchant, member] = replace(referral, is_converted=True)
    books.purchases[merchant, original] = replace(purchase, referred_by=operation.merchant)
    contributions.add(books, operation.merchant, converted=1)
    return "referral_converted"


def purchase_of(books, name):
    """The purchase under a reference of the last 90 days, or nothing if the operation there was another."""
    disputes.require_known(books, name)
    return books.purchases.get(name)


def converts(purchase, member):
    """A purchase of the member's of which something is kept, and that converted no other referral."""
    is_kept = purchase is not None and purchase.kept_fen > 0
    return is_kept and purchase.member == member and purchase.referred_by is None


def refunded(books, purchase):
    """A purchase that converted a referral and is refunded in whole counts no longer for whoever referred."""
    if purchase.referred_by is not None and purchase.kept_fen == 0:
        contributions.add(books, purchase.referred_by, converted=-1)
