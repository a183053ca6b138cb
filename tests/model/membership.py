"""Members, their custodians and their wallet keys: rules.md section 5."""

from dataclasses import replace

import address
import consent
import when
from books import Member
from participants import custodian_of, require_staying
from rejections import Rejected
from requirements import require_not_frozen

RECOVERY_TAKES = 7 * when.DAY


def enrol(books, operation):
    """Takes a customer into the merchant's custody."""
    require_staying(books, operation.merchant)
    name = address.of_commitment(operation.merchant, operation.says["commitment"])
    return enter(books, name, Member(operation.merchant, operation.says["holder"]))


def enrol_wallet(books, operation):
    """Takes a customer into custody that comes with its own key."""
    require_staying(books, operation.merchant)
    key = operation.says["wallet_key"]
    consent.judge_wallet(books, operation, operation.authorization["wallet"], key)
    return enter(
        books, address.of_wallet_key(key), Member(operation.merchant, operation.says["holder"], wallet_key=key)
    )


def enter(books, name, member):
    """Puts a member on record under its address, once."""
    if name in books.members:
        raise Rejected("member_exists")
    books.members[name] = member
    return {"enrolled": {"member": name}}


def register_wallet(books, operation):
    """Puts a first wallet key on record."""
    name, member = own_member(books, operation)
    if member.wallet_key is not None:
        raise Rejected("wallet_exists")
    key = operation.says["wallet_key"]
    consent.judge_wallet(books, operation, operation.authorization["wallet"], key)
    books.members[name] = replace(member, wallet_key=key)
    return "wallet_registered"


def rotate_wallet(books, operation):
    """Replaces the wallet key by the old one's word; a recovery under way ends."""
    name = operation.says["member"]
    member = books.member_of(name)
    current = require_wallet(books, member)
    require_not_frozen(member)
    consent.judge_wallet(books, operation, operation.authorization["wallet"], current)
    require_other_key(operation, current)
    books.members[name] = replace(member, wallet_key=operation.says["wallet_key"], recovery=None)
    return "wallet_rotated"


def recover_wallet(books, operation):
    """The custodian replaces the key of a lost phone, in effect 7 days later; one in effect already counts first."""
    name, member = own_member(books, operation)
    current = require_wallet(books, member)
    require_other_key(operation, current)
    effective_ms = books.now + RECOVERY_TAKES
    books.members[name] = replace(member, wallet_key=current, recovery=(operation.says["wallet_key"], effective_ms))
    return {"recovery_started": {"effective_ms": effective_ms}}


def freeze(books, operation):
    """Stops what a member gives."""
    name, member = own_member(books, operation)
    require_not_frozen(member)
    books.members[name] = replace(member, frozen=True)
    return "frozen"


def unfreeze(books, operation):
    """Resumes what a member gives."""
    name, member = own_member(books, operation)
    if not member.frozen:
        raise Rejected("member_not_frozen")
    books.members[name] = replace(member, frozen=False)
    return "unfrozen"


def own_member(books, operation):
    """The member that an operation names, in the custody of the merchant that submits it."""
    name = operation.says["member"]
    member = books.member_of(name)
    if custodian_of(books, member) != operation.merchant:
        raise Rejected("foreign_custodian")
    return name, member


def require_wallet(books, member):
    """The member's current wallet key, which it must have."""
    key = consent.wallet_key(books, member)
    if key is None:
        raise Rejected("wallet_missing")
    return key


def require_other_key(operation, current):
    """A new wallet key is another than the current one."""
    if operation.says["wallet_key"] == current:
        raise Rejected("same_party")
