"""What a merchant's governor does: classes, operator keys, limits of stores; and the clock. rules.md section 6."""

from dataclasses import replace

from amounts import read_rate
from books import Counters, Key, PointClass
from participants import require_issuing
from rejections import Rejected
from splits import is_well_formed, require_main

MAX_DECIMALS = 2
MAX_LIFE_MONTHS = 24


def create_class(books, operation):
    """Opens a class of the merchant's own."""
    number, terms = operation.says["class"], operation.says["terms"]
    require_merchant(books, operation)
    require_issuing(books, operation.merchant)
    if number in books.classes:
        raise Rejected("class_exists")
    opened = read_terms(operation.merchant, terms)
    if not within_bounds(books, opened):
        raise Rejected("class_out_of_bounds")
    require_acceptors(books, opened)
    require_main(books, opened)
    open_class(books, number, opened)
    return "class_created"


def open_class(books, number, opened):
    """Puts a class on record, with nothing issued yet."""
    books.classes[number] = opened
    books.counters[number] = Counters()


def read_terms(issuer, terms):
    """The terms of a class, as genesis and `create_class` write them."""
    listed, sub = terms.get("permissions"), terms.get("sub")
    return PointClass(
        issuer=issuer,
        decimals=terms["decimals"],
        anchor=read_rate(terms["anchor"]),
        earn_rate=read_rate(terms["earn_rate"]),
        life_months=terms["life_months"],
        accepted_by=tuple(terms["accepted_by"]),
        custodian_member_limit_fen=int(terms["custodian_member_limit_fen"]),
        custodian_limit_fen=int(terms["custodian_limit_fen"]),
        permissions={entry["holder"]: tuple(entry["uses"]) for entry in listed} if listed else None,
        industries=tuple(terms.get("industries", ())),
        main=sub["main"] if sub else None,
        split_rate=read_rate(sub["split_rate"]) if sub else None,
        breakage=read_rate(terms.get("breakage", "0")),
    )


def within_bounds(books, terms):
    """What docs/formats.md, section 4, says of terms, and the alliance's bounds of the anchor."""
    low, high = books.parameters["min_anchor"], books.parameters["max_anchor"]
    rising = all(list(listed) == sorted(set(listed)) for listed in (terms.accepted_by, terms.industries))
    life = 1 <= terms.life_months <= MAX_LIFE_MONTHS
    own = terms.decimals <= MAX_DECIMALS and low <= terms.anchor <= high and terms.breakage <= 1 and life and rising
    return own and is_well_formed(terms)


def require_acceptors(books, terms):
    """Whoever is to accept points is a merchant; a partner is none."""
    if any(merchant not in books.merchants for merchant in terms.accepted_by):
        raise Rejected("unknown_merchant")


def require_merchant(books, operation):
    """What a partner may not do."""
    if operation.merchant in books.partners:
        raise Rejected("wrong_party")


def add_key(books, operation):
    """Adds an operator key of the own merchant; it signs from the next block on."""
    says = operation.says
    if "acceptor" in says["roles"]:
        require_merchant(books, operation)
    name = operation.merchant, says["public_key"]
    if name in books.keys:
        raise Rejected("key_exists")
    books.keys[name] = Key(tuple(says["roles"]), says.get("store_id"))
    return "key_added"


def revoke_key(books, operation):
    """Revokes a key; it signs nothing from the next block on."""
    name, key = key_in_use(books, operation)
    if "governor" in key.roles and governors(books, operation.merchant) == 1:
        raise Rejected("last_governor_key")
    books.keys[name] = replace(key, revoked=True)
    return "key_revoked"


def rotate_key(books, operation):
    """A new key takes over the roles and the store of an old one, which is revoked."""
    name, key = key_in_use(books, operation)
    new_name = operation.merchant, operation.says["new_key"]
    if new_name in books.keys:
        raise Rejected("key_exists")
    books.keys[new_name] = key
    books.keys[name] = replace(key, revoked=True)
    return "key_rotated"


def key_in_use(books, operation):
    """The key of the own merchant that an operation names, which must not be revoked."""
    name = operation.merchant, operation.says["public_key"]
    key = books.keys.get(name)
    if key is None:
        raise Rejected("unknown_operator_key")
    if key.revoked:
        raise Rejected("key_already_revoked")
    return name, key


def governors(books, merchant):
    """How many governor keys of a merchant are not revoked."""
    keys = (key for (owner, _), key in books.keys.items() if owner == merchant)
    return sum("governor" in key.roles and not key.revoked for key in keys)


def set_store_limits(books, operation):
    """Sets what a store may do in a day, in fen."""
    says = operation.says
    limits = int(says["redeem_limit_fen"]), int(says["refund_limit_fen"])
    books.stores[operation.merchant, says["store_id"]] = limits
    return "store_limits_set"


def set_clock(books, operation):
    """Moves a simulated clock forward: the operation stands alone in its block, whose time it has set."""
    if not books.alone or operation.says["time_ms"] != books.now:
        raise Rejected("clock_backwards")
    return "clock_set"
