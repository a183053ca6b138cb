"""Whose nodes validate, by height: one change at a height, announced some blocks before. rules.md section 8."""

NOTICE_BLOCKS = 10


def latest(books):
    """The set that was announced last, and the first height that it is for."""
    height = max(books.epochs)
    return height, books.epochs[height]


def of_height(books, height):
    """The set that is for a height."""
    return books.epochs[max(first for first in books.epochs if first <= height)]


def add(books, merchant, keys):
    """A merchant's node validates, with its validator and cosigner key; gives the first height."""
    _, validators = latest(books)
    return announce(books, {**validators, merchant: keys})


def remove(books, merchant):
    """A merchant's node validates no longer; gives the first height."""
    _, validators = latest(books)
    return announce(books, {name: keys for name, keys in validators.items() if name != merchant})


def announce(books, validators):
    """Announces a set; gives the first height that it is for, later than that of any other."""
    height = max(books.height + NOTICE_BLOCKS, latest(books)[0] + 1)
    books.epochs[height] = validators
    return height
