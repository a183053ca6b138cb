"""Money and points: what they are worth, how they are rounded, and how they are written.

Money is an exact fraction of CNY, points are whole minor units of their class. Nothing here is approximate: the only
rounding is where docs/rules.md says `floor` or `ceil`.
"""

from fractions import Fraction
from math import ceil, floor

from rejections import Rejected

FEN = Fraction(1, 100)
OBLIGATION_UNIT = Fraction(1, 10**8)
MAX_AMOUNT = 2**64 - 1
MAX_UNSPENT = 2**63 - 1
MAX_PAIR_TOTAL = Fraction(10**13)


def value_of(points, anchor, decimals):
    """What `points` minor units are worth at an anchor, in CNY."""
    return Fraction(points, 10**decimals) * anchor


def fen_of(value):
    """Whole fen of a value, rounded down."""
    return floor(value / FEN)


def charge_of(value):
    """Whole fen of a value, rounded up: what a limit is charged."""
    return ceil(value / FEN)


def require_amount(number):
    """Points and fen are written in 64 bits; what is more cannot be represented."""
    if number > MAX_AMOUNT:
        raise Rejected("overflow")


def cut_to_fen(value):
    """Whole fen of a value of either sign, cut toward zero."""
    return fen_of(value) if value >= 0 else -fen_of(-value)


def read_rate(text):
    """A decimal such as "0.015"."""
    return Fraction(text)


def write_rate(rate):
    """A rate as the shortest decimal; every rate is a whole number of millionths."""
    whole, millionths = divmod(int(_whole(rate * 10**6)), 10**6)
    return f"{whole}.{millionths:06}".rstrip("0").rstrip(".")


def read_fen(text):
    """A number of fen as CNY."""
    return int(text) * FEN


def write_fen(value):
    """CNY as a number of fen; the value must be whole fen."""
    return _whole(value / FEN)


def read_obligation(text):
    """A number of 10^-8 CNY as CNY."""
    return int(text) * OBLIGATION_UNIT


def write_obligation(value):
    """CNY as a number of 10^-8 CNY; every value of the ledger is a whole number of them."""
    return _whole(value / OBLIGATION_UNIT)


def _whole(number):
    assert number.denominator == 1, f"{number} is not whole"
    return str(number.numerator)
