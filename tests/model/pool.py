"""What comes into the pool for points issued: rules.md section 9."""

from math import floor

from amounts import OBLIGATION_UNIT, value_of


def levy_of(purchase):
    """What the issuer owes the pool for the points that a purchase is worth, at the anchor and levy of the purchase."""
    value = value_of(purchase.points(), purchase.anchor, purchase.decimals)
    return floor(value * purchase.levy / OBLIGATION_UNIT) * OBLIGATION_UNIT
