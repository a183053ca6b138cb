"""What is remembered of a sale so that it can be undone: the lots a redemption spent, the amount a purchase was for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

import lots as lot
from amounts import FEN, value_of


@dataclass(frozen=True)
class Sale:
    """Points that a redeem or a capture spent: `spent` are the lots that stay spent."""

    member: str
    point_class: int
    anchor: Fraction
    decimals: int
    spent: tuple

    def value_of(self, points):
        """What points of this sale are worth, at the sale's anchor."""
        return value_of(points, self.anchor, self.decimals)


@dataclass(frozen=True)
class Purchase:
    """A purchase that earned points, and at which rates: `kept_fen` is what of it is not refunded.

    `referred_by` is the merchant whose referral it converted.
    """

    member: str
    point_class: int
    expires: int
    earn_rate: Fraction
    anchor: Fraction
    decimals: int
    levy: Fraction
    kept_fen: int
    referred_by: int | None = None

    def points(self):
        """The points that what is kept of the purchase is worth."""
        return earned(self, self.kept_fen)


def remember_sale(books, operation, member, number, spent, anchor):
    """Notes what a redeem or a capture spent, for reversals to come."""
    sale = Sale(member, number, anchor, books.classes[number].decimals, spent)
    books.sales[operation.merchant, operation.reference] = sale


def remember_purchase(books, operation, amount_fen, expires):
    """Notes what an issue was for, for reversals to come."""
    terms, levy = books.classes[operation.says["class"]], books.parameters["pool"]["levy"]
    rates = terms.earn_rate, terms.anchor, terms.decimals, levy
    purchase = Purchase(operation.says["member"], operation.says["class"], expires, *rates, amount_fen)
    books.purchases[operation.merchant, operation.reference] = purchase
    return purchase


def earned(terms, amount_fen):
    """The points that so many fen are worth, by the terms of a class or those that a purchase remembers."""
    return floor(amount_fen * FEN * terms.earn_rate * 10**terms.decimals)


def from_lot(month):
    """The order in which an issue is taken back: the lot of the issue's month first."""
    return lambda lots, points: lot.first_from(lots, month, points)
