"""Changes of terms: of a class, of a pair of classes, of a partner's imports, of a merchant. rules.md section 8."""

from dataclasses import replace
from fractions import Fraction

import admin
import rates
from amounts import read_fen, read_rate
from parameters import read_pair_terms
from participants import MAX_CAP_FEN, is_known, require_merchant
from rejections import Rejected

NUMBERS = "earn_rate", "life_months", "custodian_member_limit_fen", "custodian_limit_fen"


def judge_class(books, says, proposer):
    """Its issuer proposes terms within bounds, and whoever accepts the points goes on doing so."""
    present = books.class_of(says["class"])
    if present.issuer != proposer:
        raise Rejected("wrong_party")
    new = new_class(books, says)
    if not admin.within_bounds(books, new):
        raise Rejected("class_out_of_bounds")
    admin.require_acceptors(books, new)
    if is_narrower(new.accepted_by, present.accepted_by) or is_narrower(new.industries, present.industries):
        raise Rejected("scope_narrowed")


def new_class(books, says):
    """A class as it will be."""
    return replace(
        books.classes[says["class"]],
        earn_rate=read_rate(says["earn_rate"]),
        life_months=says["life_months"],
        accepted_by=tuple(says["accepted_by"]),
        industries=tuple(says["industries"]),
        custodian_member_limit_fen=int(says["custodian_member_limit_fen"]),
        custodian_limit_fen=int(says["custodian_limit_fen"]),
        breakage=read_rate(says["breakage"]),
    )


def is_narrower(new, present):
    """Whether a list lets in fewer: an empty one lets in all."""
    return bool(new) and (not present or not set(present) <= set(new))


def is_class_adverse(books, says):
    """A lower number of any of them."""
    new, present = new_class(books, says), books.classes[says["class"]]
    return any(getattr(new, name) < getattr(present, name) for name in NUMBERS)


def change_class(books, says):
    """The class has other terms; lots that were earned keep their expiry."""
    books.classes[says["class"]] = new_class(books, says)


def judge_pair(books, says, _):
    """Two classes that serve, and a spread below one."""
    source, target = says["from_class"], says["to_class"]
    books.class_of(source)
    books.class_of(target)
    if source == target:
        raise Rejected("same_party")
    if read_pair_terms(says["terms"]).get("spread", 0) >= 1:
        raise Rejected("parameters_out_of_bounds")


def is_pair_adverse(books, says):
    """A higher spread or least lot, or a lower limit: its own, or the alliance's where it has none of its own."""
    new = {**books.parameters["exchange"], **read_pair_terms(says["terms"])}
    present = {name: rates.pair_term(books, says["from_class"], says["to_class"], name) for name in new}
    dearer = any(new[name] > present[name] for name in ("spread", "min_lot_fen"))
    return dearer or new["daily_limit_fen"] < present["daily_limit_fen"]


def change_pair(books, says):
    """The pair has these terms of its own, or none."""
    pair = says["from_class"], says["to_class"]
    books.pairs[pair] = read_pair_terms(says["terms"])
    if not books.pairs[pair]:
        del books.pairs[pair]


def judge_ratio(books, says, _):
    """A partner, a class that serves, and no zero."""
    if not is_known(books, says["partner"]):
        raise Rejected("unknown_merchant")
    if says["partner"] not in books.partners:
        raise Rejected("wrong_party")
    books.class_of(says["class"])
    if 0 in (read_ratio(says) or ()):
        raise Rejected("parameters_out_of_bounds")


def read_ratio(says):
    """(units outside, points inside), or nothing."""
    ratio = says.get("ratio")
    return (ratio["units"], ratio["points"]) if ratio else None


def is_ratio_adverse(books, says):
    """Fewer points for a unit, or none any more."""
    new, present = read_ratio(says), books.partners[says["partner"]].get(says["class"])
    worth = [Fraction(ratio[1], ratio[0]) if ratio else Fraction(0) for ratio in (new, present)]
    return worth[0] < worth[1]


def change_ratio(books, says):
    """The partner's points come in at this ratio, or no more."""
    ratios = {**books.partners[says["partner"]], says["class"]: read_ratio(says)}
    books.partners[says["partner"]] = {number: ratio for number, ratio in ratios.items() if ratio}


def judge_merchant(books, says, _):
    """A merchant that has not left, and a cap that can be."""
    require_merchant(books, says["merchant"])
    if int(says["net_debit_cap_fen"]) > MAX_CAP_FEN:
        raise Rejected("parameters_out_of_bounds")


def change_merchant(books, says):
    """The merchant has another cap, base share and industry."""
    merchant = says["merchant"]
    books.caps[merchant] = read_fen(says["net_debit_cap_fen"])
    books.merchants[merchant] = replace(
        books.merchants[merchant], base_share=says["base_share"], industry=says["industry"]
    )
