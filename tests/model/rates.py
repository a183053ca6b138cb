"""Anchors, the changes announced of them, and the terms of an exchange between two classes. rules.md section 3."""

from dataclasses import dataclass, replace
from fractions import Fraction

import business_days
import when
from amounts import read_rate, write_rate
from rejections import Rejected

CHANGES_PER_BLOCK = 1000
LONGEST_WAIT = 90 * when.DAY


@dataclass(frozen=True)
class Version:
    """What made a version of the rate table: an announcement, or a change that took effect."""

    point_class: int
    anchor: Fraction
    effective_ms: int
    in_effect: bool
    time_ms: int


def announce_anchor(books, operation):
    """The issuer of a class says what its points will be worth, and from when on."""
    says = operation.says
    number, anchor, effective_ms = says["class"], read_rate(says["anchor"]), says["effective_ms"]
    terms = books.class_of(number)
    if terms.issuer != operation.merchant:
        raise Rejected("wrong_party")
    if not books.parameters["min_anchor"] <= anchor <= books.parameters["max_anchor"]:
        raise Rejected("class_out_of_bounds")
    if anchor == terms.anchor:
        raise Rejected("anchor_unchanged")
    if number in books.announced:
        raise Rejected("anchor_pending")
    if effective_ms <= books.now or (anchor < terms.anchor and effective_ms < end_of_notice(books)):
        raise Rejected("notice_too_short")
    if effective_ms > end_of_notice(books) + LONGEST_WAIT:
        raise Rejected("notice_too_long")
    books.announced[number] = anchor, effective_ms
    version = next_version(books, Version(number, anchor, effective_ms, False, books.now))
    return {"anchor_announced": {"version": version}}


def end_of_notice(books):
    """When an anchor may fall at the earliest."""
    return business_days.after(books, books.now, books.parameters["notice_business_days"])


def take_effect(books):
    """Changes the anchors whose time has come, earliest first; gives a record of each."""
    waiting = [(effective_ms, number) for number, (_, effective_ms) in books.announced.items()]
    due = sorted(place for place in waiting if place[0] <= books.now)
    return [take_effect_one(books, number) for _, number in due[:CHANGES_PER_BLOCK]]


def take_effect_one(books, number):
    """Changes the anchor of one class; gives its record."""
    anchor, effective_ms = books.announced[number]
    del books.announced[number]
    books.classes[number] = replace(books.classes[number], anchor=anchor)
    version = next_version(books, Version(number, anchor, effective_ms, True, books.now))
    return {"anchor_changed": {"class": number, "anchor": write_rate(anchor), "version": version}}


def version_of(books):
    """The version of the rate table."""
    return 1 + len(books.versions)


def next_version(books, made_by):
    """Puts on record what makes the next version; gives its number."""
    version = version_of(books) + 1
    books.versions[version] = made_by
    return version


def given(books, number):
    """The anchor of points that are given up: the lower one while a change is announced."""
    return min(present_and_announced(books, number))


def received(books, number):
    """The anchor of points that come out: the higher one while a change is announced."""
    return max(present_and_announced(books, number))


def present_and_announced(books, number):
    """The anchors that a class has or is about to have."""
    announced = [books.announced[number][0]] if number in books.announced else []
    return [books.classes[number].anchor, *announced]


def spread_of(books, source, target):
    """What an exchange keeps back: by the pair, less on an exchange day."""
    spread = pair_term(books, source, target, "spread")
    return min(spread, books.parameters["exchange_days"].get(when.weekday_of(books.day), spread))


def pair_term(books, source, target, name):
    """A term of an ordered pair of classes: its own, or the alliance's."""
    pair = books.pairs.get((source, target), {})
    return pair.get(name, books.parameters["exchange"][name])
