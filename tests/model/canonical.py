"""Canonical bytes, where a rule goes by a hash or a signature over them: docs/formats.md, sections 1 and 4."""

from hashlib import sha256

from amounts import read_rate


def hash_of(domain, *parts):
    """The hash of parts in a domain."""
    return sha256(domain + b"\0" + b"".join(parts)).digest()


def hash_of_parameters(agreed):
    """What a change of the parameters says that it replaces."""
    return hash_of(b"tally/parameters/v1", parameters(agreed)).hex()


def attested(chain_id, says):
    """What an attester signs of an admission: whom, and on what."""
    criteria, name = says["criteria"], says["name"].encode()
    stated = u16(says["merchant"]) + octets(name) + bytes.fromhex(says["validator_key"])
    stated += u64(criteria["annual_revenue_fen"]) + u64(criteria["members"]) + u16(criteria["industry"])
    return hash_of(b"tally/attestation/v1", bytes.fromhex(chain_id), stated)


def hash_of_evidence(says):
    """What evidence from outside is known by."""
    if "time_stamp" in says:
        told = u32(1) + octets(bytes.fromhex(says["time_stamp"]["response"]))
    else:
        told = u32(2) + octets(says["witness"]["key"].encode()) + octets(says["witness"]["line"].encode())
    return hash_of(b"tally/evidence/v1", told).hex()


def parameters(agreed):
    """The bytes of the alliance's parameters."""
    head = u64(agreed["idle_block_ms"]) + u64(agreed["checkpoint_interval_ms"])
    head += rates(agreed, "min_anchor", "max_anchor")
    head += u16(agreed["notice_business_days"]) + u64(agreed["no_consent_limit_fen"])
    head += u16(agreed["refund_window_days"])
    return head + exchange(agreed["exchange"]) + settlement(agreed["settlement"]) + pool(agreed)


def exchange(terms):
    """The bytes of the terms of exchange."""
    limits = "min_lot_fen", "member_daily_limit_fen", "pair_daily_limit_fen"
    days = [u8(day["weekday"]) + rates(day, "spread") for day in terms["days"]]
    return rates(terms, "spread") + b"".join(u64(terms[name]) for name in limits) + sequence(days)


def settlement(terms):
    """The bytes of the periods of settlement."""
    periods = "cycle_months", "payment_business_days", "escalation_business_days", "dispute_business_days"
    return b"".join(u16(terms[name]) for name in periods) + rates(terms, "cap_warning")


def pool(agreed):
    """The bytes of pool, rebate, governance and admission."""
    of_pool, rebate, admission = agreed["pool"], agreed["rebate"], agreed["admission"]
    tiers = [u64(tier["from_fen"]) + rates(tier, "rate") for tier in rebate["tiers"]]
    shared = rates(of_pool, "levy", "min_weight", "max_weight", "referral_part", "full_conversion")
    shared += u16(of_pool["referral_days"]) + sequence(tiers) + u8(rebate["is_marginal"])
    governed = u16(agreed["governance"]["voting_days"]) + u16(agreed["governance"]["run_off_days"])
    least = u64(admission["min_annual_revenue_fen"]) + u64(admission["min_members"])
    return shared + governed + least + sequence([bytes.fromhex(key) for key in admission["attesters"]])


def sequence(items):
    """Items with their number before them."""
    return u64(len(items)) + b"".join(items)


def octets(data):
    """Bytes with their number before them."""
    return u64(len(data)) + data


def rates(record, *names):
    """Rates of a record, in millionths."""
    return b"".join(u64(read_rate(record[name]) * 10**6) for name in names)


def u8(number):
    """A number of one byte."""
    return int(number).to_bytes(1, "little")


def u16(number):
    """A number of two bytes."""
    return int(number).to_bytes(2, "little")


def u32(number):
    """A number of four bytes."""
    return int(number).to_bytes(4, "little")


def u64(number):
    """A number of eight bytes."""
    return int(number).to_bytes(8, "little")
