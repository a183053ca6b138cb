"""The changes that merchants vote on, each kind one entry of `KINDS`; rules by family in files. rules.md section 8.

What a kind says of itself: what it is about, what stands in its way, whether members are worse off with it, and what it
does.
"""

from collections import namedtuple

import admission
import exits
import parameters
import suspension
import terms

Kind = namedtuple("Kind", "about judge is_adverse carry_out")


def never(*_):
    """Nobody is worse off."""
    return False


def named(what, *fields):
    """A change is about what its fields name."""
    return lambda says: (what, *(says[field] for field in fields))


MERCHANT = named("merchant", "merchant")

KINDS = {
    "parameters": Kind(named("parameters"), parameters.judge, parameters.is_adverse, parameters.carry_out),
    "class": Kind(named("class", "class"), terms.judge_class, terms.is_class_adverse, terms.change_class),
    "pair": Kind(named("pair", "from_class", "to_class"), terms.judge_pair, terms.is_pair_adverse, terms.change_pair),
    "import_ratio": Kind(
        named("import_ratio", "partner", "class"), terms.judge_ratio, terms.is_ratio_adverse, terms.change_ratio
    ),
    "merchant": Kind(MERCHANT, terms.judge_merchant, never, terms.change_merchant),
    "admit": Kind(MERCHANT, admission.judge, never, admission.admit),
    "suspend": Kind(MERCHANT, suspension.judge_suspend, never, suspension.suspend),
    "reinstate": Kind(MERCHANT, suspension.judge_reinstate, never, suspension.reinstate),
    "exit": Kind(MERCHANT, exits.judge, never, exits.start_run_off),
    "upgrade": Kind(named("protocol"), parameters.judge_upgrade, never, parameters.upgrade),
}


def about(change):
    """What a change is about: while one waits, no other about the same passes."""
    kind, says = kind_of(change)
    return kind.about(says)


def judge(books, change, proposer):
    """What of its own rules stands in its way."""
    kind, says = kind_of(change)
    kind.judge(books, says, proposer)


def is_adverse(books, change):
    """Whether it is to members' disadvantage."""
    kind, says = kind_of(change)
    return kind.is_adverse(books, says)


def carry_out(books, change):
    """Puts it into effect."""
    kind, says = kind_of(change)
    kind.carry_out(books, says)


def kind_of(change):
    """The kind of a change and what it says."""
    ((name, says),) = change.items()
    return KINDS[name], says
