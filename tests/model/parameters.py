"""The alliance's parameters: how they are read, their bounds, and their change; and the version of the protocol.

docs/formats.md, section 4, and rules.md section 8.
"""

import when
from amounts import read_rate
from canonical import hash_of_parameters
from rejections import Rejected

UPGRADE_AFTER = 10
LARGEST_ANCHOR = 10**6
MOST_BUSINESS_DAYS = 250
LONGEST_REFUND_WINDOW = 90
MOST_TIERS = 16
MOST_ATTESTERS = 64
WEEK = range(1, 8)


def put(books, agreed):
    """Makes these the alliance's parameters."""
    books.agreed, books.parameters = agreed, read(agreed)


def read(agreed):
    """The parameters that the rules use; the others are the consensus's, or readers'."""
    exchange, settlement = agreed["exchange"], agreed["settlement"]
    return {
        "min_anchor": read_rate(agreed["min_anchor"]),
        "max_anchor": read_rate(agreed["max_anchor"]),
        "notice_business_days": agreed["notice_business_days"],
        "no_consent_limit_fen": int(agreed["no_consent_limit_fen"]),
        "refund_window_days": agreed["refund_window_days"],
        "exchange": read_pair_terms({**exchange, "daily_limit_fen": exchange["pair_daily_limit_fen"]}),
        "exchange_member_limit_fen": int(exchange["member_daily_limit_fen"]),
        "exchange_days": {entry["weekday"]: read_rate(entry["spread"]) for entry in exchange["days"]},
        "cycle_months": settlement["cycle_months"],
        "payment_business_days": settlement["payment_business_days"],
        "escalation_business_days": settlement["escalation_business_days"],
        "dispute_business_days": settlement["dispute_business_days"],
        "cap_warning": read_rate(settlement["cap_warning"]),
        "idle_block_ms": agreed["idle_block_ms"],
        "checkpoint_interval_ms": agreed["checkpoint_interval_ms"],
        **agreed["governance"],
        **read_pool(agreed),
        **read_admission(agreed["admission"]),
    }


def read_pair_terms(terms):
    """What is said of the exchange between two classes; what is not said is not there."""
    how = {"spread": read_rate, "min_lot_fen": int, "daily_limit_fen": int}
    return {name: how[name](terms[name]) for name in how if terms.get(name) is not None}


def read_pool(agreed):
    """What the pool takes, and how it is shared."""
    tiers = [{"from_fen": int(tier["from_fen"]), "rate": read_rate(tier["rate"])} for tier in agreed["rebate"]["tiers"]]
    rates = "levy", "min_weight", "max_weight", "referral_part", "full_conversion"
    pool = {name: read_rate(agreed["pool"][name]) for name in rates}
    return {
        "pool": {**pool, "referral_days": agreed["pool"]["referral_days"]},
        "rebate": {"tiers": tiers, "is_marginal": agreed["rebate"]["is_marginal"]},
    }


def read_admission(admission):
    """What a merchant must bring."""
    return {
        "min_annual_revenue_fen": int(admission["min_annual_revenue_fen"]),
        "min_members": admission["min_members"],
        "attesters": admission["attesters"],
    }


def judge(books, says, _):
    """They replace the present ones, lie within the bounds of genesis, and leave the cycle as it is."""
    if says["replaces"] != hash_of_parameters(books.agreed):
        raise Rejected("change_superseded")
    new = read(says["parameters"])
    if not are_within_bounds(new) or new["cycle_months"] != books.parameters["cycle_months"]:
        raise Rejected("parameters_out_of_bounds")


def are_within_bounds(new):
    """The bounds of parameters."""
    anchors = 0 < new["min_anchor"] <= new["max_anchor"] <= LARGEST_ANCHOR
    block = 10 <= new["idle_block_ms"] <= 60_000 and 1_000 <= new["checkpoint_interval_ms"] <= when.DAY
    refund = new["refund_window_days"] <= LONGEST_REFUND_WINDOW
    days = "notice", "payment", "escalation", "dispute"
    short = all(new[f"{name}_business_days"] <= MOST_BUSINESS_DAYS for name in days)
    spread = new["exchange"]["spread"] < 1 and new["cap_warning"] <= 1
    weekdays = all(weekday in WEEK for weekday in new["exchange_days"])
    governed = 1 <= new["voting_days"] <= 365 and 1 <= new["run_off_days"] <= 730
    shared = is_pool_within_bounds(new["pool"]) and is_rebate_within_bounds(new["rebate"])
    return anchors and block and refund and short and spread and weekdays and governed and shared and attested(new)


def is_pool_within_bounds(pool):
    """The bounds of what the pool takes and of weights."""
    parts = pool["levy"] <= 1 and pool["referral_part"] <= 1 and 0 < pool["full_conversion"] <= 1
    weights = 0 < pool["min_weight"] <= pool["max_weight"] <= 10
    return parts and weights and 1 <= pool["referral_days"] <= 90


def is_rebate_within_bounds(rebate):
    """The tiers of a rebate rise."""
    volumes = [tier["from_fen"] for tier in rebate["tiers"]]
    return rising(volumes) and len(volumes) <= MOST_TIERS and all(tier["rate"] <= 1 for tier in rebate["tiers"])


def attested(new):
    """The attesters are named once each, by rising key."""
    return rising(new["attesters"]) and len(new["attesters"]) <= MOST_ATTESTERS


def rising(listed):
    """Whether each is named once, in order."""
    return list(listed) == sorted(set(listed))


def is_adverse(books, says):
    """Whether members are worse off with them than with the present ones, in anything."""
    new, old = read(says["parameters"]), books.parameters
    lower = "min_anchor", "max_anchor", "notice_business_days", "no_consent_limit_fen", "refund_window_days"
    lower += "exchange_member_limit_fen", "run_off_days"
    limit, lot = (new["exchange"][name] - old["exchange"][name] for name in ("daily_limit_fen", "min_lot_fen"))
    dearer = any(is_dearer(new, old, weekday) for weekday in WEEK)
    return any(new[name] < old[name] for name in lower) or limit < 0 or lot > 0 or dearer


def is_dearer(new, old, weekday):
    """Whether exchange costs more on a weekday: by the alliance's spread, or as the day has a higher one or none."""
    own = [parameters["exchange_days"].get(weekday, 1) for parameters in (new, old)]
    general = [parameters["exchange"]["spread"] for parameters in (new, old)]
    return min(own[0], general[0]) > min(own[1], general[1]) or own[0] > own[1]


def carry_out(books, says):
    """The alliance's parameters become these."""
    put(books, says["parameters"])


def judge_upgrade(books, says, _):
    """The next version follows the present one."""
    if says["version"] != books.protocol[0] + 1:
        raise Rejected("change_superseded")


def upgrade(books, says):
    """The ledger goes on under another version, a few blocks later."""
    books.protocol = says["version"], books.height + UPGRADE_AFTER
