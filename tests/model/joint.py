"""Joint acts: what more than two thirds of the merchants that have a voice must ask for alike. rules.md section 1.

The rules of such a kind first judge the act as if it were to happen now. Then they ask here whether it does: the voice
that makes up the number carries it out, an earlier one is only counted.
"""

import json
from dataclasses import dataclass

import electorate
import when
from rejections import Rejected

KNOWN_FOR = 30 * when.DAY


@dataclass(frozen=True)
class Voices:
    """Which merchants have asked for an act, and when the first of them did."""

    begun_ms: int
    merchants: frozenset = frozenset()


def voice(books, operation, *parties):
    """Counts a voice among the merchants that have one and are no party; gives its receipt.

    If it makes up the number, it gives nothing. Only voices of merchants that have one now count.
    """
    merchants = electorate.merchants(books) - set(parties)
    electorate.require(books, operation.merchant, merchants)
    act = name_of(operation)
    voices = books.voices.get(act)
    if voices is None or forgotten(books, voices):
        voices = Voices(books.now)
    if operation.merchant in voices.merchants:
        raise Rejected("voiced_already")
    voices = Voices(voices.begun_ms, voices.merchants | {operation.merchant})
    books.voices[act] = voices
    counted, needed = len(voices.merchants & merchants), electorate.needed(merchants)
    if counted < needed:
        return {"voiced": {"voices": counted, "needed": needed}}
    del books.voices[act]
    return None


def forgotten(books, voices):
    """Voices do not wait longer for those that are missing."""
    return voices.begun_ms < books.now - KNOWN_FOR


def name_of(operation):
    """An act is its body."""
    return json.dumps(operation.body, sort_keys=True)
