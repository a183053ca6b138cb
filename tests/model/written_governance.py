"""How a dump writes the records of governance, of the pool and of checkpoints, all of it as text."""

from fractions import Fraction

from amounts import write_fen, write_obligation, write_rate


def party(books, name):
    """A merchant or a partner."""
    cap = {"net_debit_cap_fen": write_fen(books.caps[name]), "is_suspended": name in books.suspended}
    record = books.merchants.get(name)
    if record is None:
        return {**cap, "phase": "staying", "is_partner": True}
    leaving = {field: text(getattr(record, field)) for field in ("until_ms", "successor", "from_height")}
    has_end = {"running_off": ("until_ms", "successor"), "departed": ("successor", "from_height")}
    shown = has_end.get(record.phase, ("successor",))
    return {
        **cap,
        "industry": str(record.industry),
        "base_share": str(record.base_share),
        "phase": record.phase,
        **{field: leaving[field] for field in shown},
        "exchanges": {str(source): str(target) for source, target in record.exchanges if record.phase == "running_off"},
    }


def text(value):
    """A number, if there is one."""
    return None if value is None else str(value)


def validators(named):
    """A set of validators, each with its validator and cosigner key."""
    return {str(merchant): list(keys) for merchant, keys in named.items()}


def admission(record):
    """What a merchant joined with."""
    revenue_fen, members, industry = record.criteria
    return {
        "name": record.name,
        "validator_key": record.validator_key,
        "network_key": record.network_key,
        "criteria": {"annual_revenue_fen": str(revenue_fen), "members": members, "industry": industry},
        "attester": record.attester,
        "from_height": str(record.from_height),
    }


def proposal(record):
    """A proposal with its votes."""
    return {
        "change": record.change,
        "proposed_ms": str(record.proposed_ms),
        "asked_ms": str(record.asked_ms),
        "voting_ends_ms": str(record.ends_ms),
        "ballots": [f"{merchant} {'for' if approves else 'against'}" for merchant, approves in record.ballots],
        "state": record.state,
        "effective_ms": text(record.effective_ms if record.state == "passed" else None),
        "height": text(record.height),
        "void": record.void,
    }


def pair(terms):
    """The terms of a pair of classes."""
    spread = {"spread": f"{write_rate(terms['spread'])} of it"} if "spread" in terms else {}
    return {**{name: f"{value} fen" for name, value in terms.items() if name != "spread"}, **spread}


def ratios(books):
    """What units outside make what points inside, by partner and class."""
    partners = books.partners.items()
    return {f"{name}/{number}": f"{of[0]} for {of[1]}" for name, classes in partners for number, of in classes.items()}


def terms(record):
    """What of a class can be changed, and its issuer."""
    return {
        "issuer": str(record.issuer),
        "earn_rate": write_rate(record.earn_rate),
        "life_months": str(record.life_months),
        "accepted_by": list(record.accepted_by),
        "industries": list(record.industries),
        "custodian_member_limit_fen": str(record.custodian_member_limit_fen),
        "custodian_limit_fen": str(record.custodian_limit_fen),
        "breakage": write_rate(record.breakage),
    }


def later(books, time_ms):
    """When a closed class is looked at again."""
    return str(time_ms) if time_ms > books.now else "next"


def contribution(record):
    """What a merchant contributed in a month."""
    return {
        "referrals": str(record.referrals),
        "converted": str(record.converted),
        "honoured": write_obligation(record.honoured),
    }


def distribution(record):
    """How the pool was shared out."""
    return {
        "height": str(record.height),
        "time_ms": str(record.time_ms),
        "pool": write_obligation(record.pool),
        "shares": {str(part.merchant): share(part) for part in record.shares},
        "reserve_fen": str(record.reserve),
        "carry": write_obligation(record.carry),
    }


def share(part):
    """One merchant's part of a distribution."""
    return {
        "base_share": str(part.base_share),
        "weight": write_rate(Fraction(part.weight, 10**6)),
        "share_fen": str(part.share),
        "volume_fen": str(part.volume),
        "rebate_due_fen": str(part.due),
        "rebate_paid_fen": str(part.paid),
    }


def referral(record):
    """A member that was referred."""
    return {"by": str(record.by), "time_ms": str(record.time_ms), "is_converted": record.is_converted}


def checkpoint_clock(books, latest_final):
    """How far checkpoints have come."""
    last_ms, is_pending = str(books.last_checkpoint_ms), books.is_checkpoint_pending
    return {"last_ms": last_ms, "is_pending": is_pending, "latest_final": text(latest_final)}


def checkpoint(record):
    """A block that is a checkpoint."""
    return {"time_ms": str(record.time_ms), "log_size": str(record.log_size), "log_root": record.log_root}


def attestation(record):
    """What a merchant vouches for."""
    roots = dict(zip(("state_root", "erc1155_root"), record.roots))
    return {"roots": roots, "signatures": dict(zip(("log", "cosigner", "state"), record.signatures))}


def place(record):
    """Who brought evidence, and where."""
    return f"{record.merchant} at {record.height}/{record.index}"
