"""The books written as the history writes the contracts' state, so that the two can be laid side by side.

A dump is {table: {name: value}}, all as text. What is nothing (a zero, an empty holding) is left out on both sides.
"""

import consent
from amounts import write_fen, write_obligation
from genesis import CLOCK
from when import write_month


def dump(books):
    """All tables that are compared."""
    return {
        "schedule": {"open_cycle": write_month(books.open_cycle)},
        "members": {name: member(books, record) for name, record in books.members.items()},
        "keys": {join(*name): key(record) for name, record in books.keys.items() if name[0] != CLOCK},
        "stores": {join(*name): store(limits) for name, limits in books.stores.items()},
        "holdings": {join(*name): lots(held) for name, held in books.holdings.items()},
        "owed": {join(*name): str(points) for name, points in books.owed.items()},
        "holds": {join(*name): hold(held) for name, held in books.holds.items() if held.state == "open"},
        "classes": {str(number): counters(record) for number, record in books.counters.items()},
        "live": {join(number, write_month(month)): str(points) for (number, month), points in books.live.items()},
        "used": used(books),
        **settlement(books),
    }


def settlement(books):
    """The tables of who owes whom."""
    return {
        "gross": {join(write_month(name[0]), *name[1:]): gross(record) for name, record in books.gross.items()},
        "positions": {str(merchant): position(books, merchant) for merchant in books.merchants},
        "claims": {str(merchant): write_obligation(owed) for merchant, owed in books.claims.items()},
        "carries": {join(*pair): write_obligation(carry) for pair, carry in books.carries.items()},
        "statements": {write_month(cycle): statement(record) for cycle, record in books.statements.items()},
        "pair_nets": {join(write_month(name[0]), *name[1:]): pair_net(net) for name, net in books.pair_nets.items()},
        "legs": {join(write_month(cycle), number): leg(record) for (cycle, number), record in books.legs.items()},
    }


def join(*parts):
    """A name of several parts."""
    return "/".join(str(part) for part in parts)


def lots(held):
    """Lots by month."""
    return {write_month(month): str(points) for month, points in held}


def member(books, record):
    """A member, with the wallet key as it is now."""
    waits = record.recovery is not None and books.now < record.recovery[1]
    recovery = {"wallet_key": record.recovery[0], "effective_ms": str(record.recovery[1])} if waits else None
    return {
        "custodian": str(record.custodian),
        "holder": record.holder,
        "wallet_key": consent.wallet_key(books, record),
        "recovery": recovery,
        "frozen": record.frozen,
    }


def key(record):
    """An operator key."""
    return {"roles": list(record.roles), "store_id": record.store, "revoked": record.revoked}


def store(limits):
    """The limits of a store."""
    return {"redeem_limit_fen": str(limits[0]), "refund_limit_fen": str(limits[1])}


def hold(held):
    """An open hold."""
    return {
        "member": held.member,
        "class": str(held.point_class),
        "release_ms": str(held.release_ms),
        "lots": lots(held.lots),
    }


def counters(record):
    """The counters of a class and what is outstanding."""
    counted = {name: str(value) for name, value in vars(record).items()}
    return {**counted, "outstanding": str(record.outstanding())}


def used(books):
    """What limits of today and grants that are still good were charged; a grant goes by its key, class and nonce."""
    spent = {}
    for (limit, *name), amount in books.used.items():
        if limit == "grant":
            _, _, number, _, expires_ms, nonce, key, _ = name[0]
            if books.now < expires_ms:
                spent[join(limit, key, number, nonce)] = str(amount)
        elif name[0] == books.day:
            spent[join(limit, *name[1:])] = str(amount)
    return spent


def gross(record):
    """What a debtor came to owe a creditor in a cycle."""
    return {"redemption": write_obligation(record.redemption), "exchange": write_obligation(record.exchange)}


def position(books, merchant):
    """A merchant's part of the open cycle, and what waits beside it."""
    return {
        "payable": write_obligation(books.payable.get(merchant, 0)),
        "receivable": write_obligation(books.receivable.get(merchant, 0)),
        "reserved": write_obligation(books.reserved.get(merchant, 0)),
        "unconfirmed_fen": write_fen(books.unconfirmed.get(merchant, 0)),
    }


def statement(record):
    """A close."""
    positions = {str(merchant): str(fen) for merchant, fen in record.positions}
    return {
        "height": str(record.height),
        "time_ms": str(record.time_ms),
        "positions": positions,
        "legs": str(record.legs),
    }


def pair_net(net):
    """How a pair was netted."""
    amounts = {name: write_obligation(getattr(net, name)) for name in ("opening", "net", "closing")}
    return {**amounts, "net_fen": str(net.net_fen)}


def leg(record):
    """A payment leg."""
    return {
        "payer": str(record.payer),
        "payee": str(record.payee),
        "amount_fen": str(record.amount_fen),
        "confirmed": record.confirmed,
    }


def without_nothing(value):
    """The same without zeros, empty texts and empty tables: they are left out where nothing stands."""
    if isinstance(value, dict):
        kept = {name: without_nothing(part) for name, part in value.items()}
        return {name: part for name, part in kept.items() if part not in (None, {}, "0", False)}
    return value
