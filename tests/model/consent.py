"""By whose word points are touched, and what it may cost: rules.md section 1.

An operation may carry the word of the member's wallet, for this very operation or as a grant; the custodian speaks
for a member without a wallet key. What goes without the member's own word is charged to a limit of a day.

Signatures are not judged here: an operation whose signature does not match reaches no block.
"""

from __future__ import annotations

from dataclasses import dataclass

import when
from participants import custodian_of
from rejections import Rejected

LONGEST_GRANT = when.DAY


@dataclass(frozen=True)
class Consent:
    """Whose word it is: "wallet", "grant", "custodian" or "none"."""

    by: str
    grant: tuple | None = None
    max_points: int = 0
    expires_ms: int = 0


@dataclass(frozen=True)
class Charge:
    """What one limit was charged: its key in `used`, how much, and the fact that must hold to give it back."""

    key: tuple
    amount: int
    day: int | None = None
    expires_ms: int | None = None


def wallet_key(books, member):
    """The key on record; a recovery takes effect by itself when its time has come."""
    if member.recovery is not None:
        new_key, effective_ms = member.recovery
        if books.now >= effective_ms:
            return new_key
    return member.wallet_key


def judge_wallet(books, operation, wallet, key):
    """A wallet authorization must be for this chain, this merchant and this time, and by this key."""
    if wallet["chain_id"] != books.chain_id:
        raise Rejected("authorization_chain")
    if wallet["acceptor"] != operation.merchant:
        raise Rejected("authorization_acceptor")
    if wallet["valid_until_ms"] < books.now:
        raise Rejected("authorization_expired")
    if key is None or wallet["public_key"] != key:
        raise Rejected("wrong_wallet_key")


def judge_grant(books, operation, grant, key):
    """A grant must be for this chain, member, class, merchant and time, and by the member's key."""
    if grant["chain_id"] != books.chain_id:
        raise Rejected("authorization_chain")
    if grant["member"] != operation.says["member"]:
        raise Rejected("grant_member")
    if grant["class"] != operation.says["class"]:
        raise Rejected("grant_class")
    if operation.merchant not in grant["acceptors"]:
        raise Rejected("grant_acceptor")
    if grant["expires_ms"] <= books.now:
        raise Rejected("grant_expired")
    if grant["expires_ms"] > books.now + LONGEST_GRANT:
        raise Rejected("grant_too_long")
    if key is None or grant["public_key"] != key:
        raise Rejected("wrong_wallet_key")


def consent_of(books, operation, member):
    """Whose word stands behind an operation on this member's points."""
    key = wallet_key(books, member)
    authorization = operation.authorization or {}
    if "wallet" in authorization:
        judge_wallet(books, operation, authorization["wallet"], key)
        return Consent("wallet")
    if "grant" in authorization:
        grant = authorization["grant"]
        judge_grant(books, operation, grant, key)
        return Consent("grant", grant_name(grant), int(grant["max_points"]), grant["expires_ms"])
    own = custodian_of(books, member) == operation.merchant
    return Consent("custodian" if own and key is None else "none")


def grant_name(grant):
    """A grant is all that its signature is over."""
    fields = "chain_id", "member", "class", "max_points", "expires_ms", "nonce", "public_key"
    return tuple(grant[field] for field in fields) + (tuple(grant["acceptors"]),)


def require_word(books, operation, member):
    """`transfer` and `exchange` take the member's or the custodian's word."""
    consent = consent_of(books, operation, member)
    if consent.by == "none":
        has_key = wallet_key(books, member) is not None
        raise Rejected("authorization_required" if has_key else "foreign_custodian")
    return consent


def spend_charges(books, operation, consent, number, charge_fen, points):
    """Charges what a redemption or a hold costs by the word behind it; gives the charges."""
    member = operation.says["member"]
    if consent.by == "grant":
        key = "grant", consent.grant
        return [charge(books, key, points, consent.max_points, "grant_exhausted", expires_ms=consent.expires_ms)]
    if consent.by == "none":
        limit = books.parameters["no_consent_limit_fen"]
        key = "no_consent", books.day, member
        return [charge(books, key, charge_fen, limit, "no_consent_limit", day=books.day)]
    if consent.by == "custodian" and books.classes[number].issuer != operation.merchant:
        return custodian_charges(books, operation, number, charge_fen)
    return []


def custodian_charges(books, operation, number, charge_fen):
    """What a custodian takes from points of another's class: per member and day, then per custodian and day."""
    terms, member = books.classes[number], operation.says["member"]
    of_member = "custodian_member", books.day, number, member
    of_custodian = "custodian", books.day, number, operation.merchant
    member_limit, all_limit = terms.custodian_member_limit_fen, terms.custodian_limit_fen
    return [
        charge(books, of_member, charge_fen, member_limit, "custodian_member_limit", day=books.day),
        charge(books, of_custodian, charge_fen, all_limit, "custodian_limit", day=books.day),
    ]


def store_charges(books, operation, which, charge_fen):
    """What a store may do in a day: `which` is "redeem" or "refund". No till or no record: no limit."""
    limits = books.stores.get((operation.merchant, operation.store))
    if operation.store is None or limits is None:
        return []
    limit = limits[0] if which == "redeem" else limits[1]
    key = f"store_{which}", books.day, operation.merchant, operation.store
    return [charge(books, key, charge_fen, limit, f"store_{which}_limit", day=books.day)]


def charge(books, key, amount, limit, name, **until):
    """Adds to what a limit was charged, or rejects what would exceed it."""
    used = books.used.get(key, 0) + amount
    if used > limit:
        raise Rejected(name)
    books.used[key] = used
    return Charge(key, amount, **until)


def give_back(books, charged, amount):
    """Takes a charge off again, if it still counts: its day is today, its grant has not expired."""
    today = charged.day is None or charged.day == books.day
    granted = charged.expires_ms is None or books.now < charged.expires_ms
    if today and granted:
        books.used[charged.key] = books.used[charged.key] - amount
