"""How a dump writes each kind of record, all of it as text."""

import consent
from amounts import write_fen, write_obligation, write_rate
from when import write_month


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


def announced(anchor, effective_ms):
    """A change of an anchor that is to come."""
    return {"anchor": write_rate(anchor), "effective_ms": str(effective_ms)}


def made_by(record):
    """What made a version of the rate table."""
    change = {"class": str(record.point_class), **announced(record.anchor, record.effective_ms)}
    return {**change, "in_effect": record.in_effect, "time_ms": str(record.time_ms)}


def gross(record):
    """What a debtor came to owe a creditor in a cycle."""
    kinds = {"redemption": record.redemption, "exchange": record.exchange}
    kinds |= {"import": record.imported, "adjustment": record.adjustment}
    kinds |= {"buy_out": record.buy_out, "distribution": record.distribution}
    return {kind: write_obligation(owed) for kind, owed in kinds.items()}


def position(books, party):
    """A party's part of the open cycle, and what waits beside it."""
    return {
        "payable": write_obligation(books.payable.get(party, 0)),
        "receivable": write_obligation(books.receivable.get(party, 0)),
        "reserved": write_obligation(books.reserved.get(party, 0)),
        "unconfirmed_fen": write_fen(books.unconfirmed.get(party, 0)),
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
        "due_ms": str(record.due_ms),
        "deadline_ms": str(record.deadline_ms),
        "bank_reference": record.bank_reference,
        "is_escalated": record.escalated,
        "state": record.state,
        "ended": record.ended,
    }


def dispute(record):
    """A dispute, open or ended."""
    return {
        "debtor": str(record.debtor),
        "creditor": str(record.creditor),
        "amount": write_obligation(record.amount),
        "reason": record.reason,
        "state": record.state,
        "due_ms": str(record.due_ms),
    }
