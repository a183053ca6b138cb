"""What each merchant contributed in a month, net of what was undone in it: rules.md section 9."""

from dataclasses import dataclass, replace
from fractions import Fraction


@dataclass(frozen=True)
class Contribution:
    """Members referred, referrals converted, and the value of others' points that it redeemed, CNY."""

    referrals: int = 0
    converted: int = 0
    honoured: Fraction = Fraction(0)


def of(books, month, merchant):
    """What a merchant contributed in a month; mostly nothing."""
    return books.contributions.get((month, merchant), Contribution())


def add(books, merchant, **more):
    """Adds to what a merchant contributed in the month of the block, by name."""
    before = of(books, books.month, merchant)
    after = {name: getattr(before, name) + amount for name, amount in more.items()}
    books.contributions[books.month, merchant] = replace(before, **after)
