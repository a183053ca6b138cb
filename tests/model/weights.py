"""What a merchant's contribution weighs, and the rebate on what it honoured: rules.md section 9.

A weight is a whole number of millionths; every division rounds down to millionths.
"""

from math import floor

import contributions
from amounts import fen_of

ONE = 10**6
QUARTER = 3


def weight_of(pool, contribution, most):
    """The weight of a merchant for a month in which `most` is the most that any merchant honoured; in millionths."""
    low, high, part = (floor(pool[name] * ONE) for name in ("min_weight", "max_weight", "referral_part"))
    full = floor(pool["full_conversion"] * ONE)
    referrals, converted = max(0, contribution.referrals), max(0, contribution.converted)
    conversion = min(ONE, converted * ONE * ONE // (referrals * full)) if referrals else 0
    honoured = floor(ONE * max(0, contribution.honoured) / most) if most > 0 else 0
    score = (part * conversion + (ONE - part) * honoured) // ONE
    return low + (high - low) * score // ONE


def volume_fen(books, month, merchant):
    """What a merchant honoured in the quarter of a month, up to that month; whole fen."""
    months = range(month - month % QUARTER, month + 1)
    return max(0, fen_of(sum(contributions.of(books, of, merchant).honoured for of in months)))


def rebate_fen(rebate, volume):
    """The rebate on a volume: the rate of the highest tier reached for all of it, or each tier's rate for its part."""
    reached = [tier for tier in rebate["tiers"] if tier["from_fen"] <= volume]
    if not reached:
        return 0
    if not rebate["is_marginal"]:
        return floor(reached[-1]["rate"] * volume)
    ends = [tier["from_fen"] for tier in reached[1:]] + [volume]
    return floor(sum(tier["rate"] * (end - tier["from_fen"]) for tier, end in zip(reached, ends)))
