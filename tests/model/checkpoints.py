"""Checkpoints: blocks whose log and state merchants vouch for, and evidence from outside. rules.md section 10.

A checkpoint's texts are those that its merchants sign, byte by byte: docs/formats.md, section 12.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

import validators
from canonical import hash_of_evidence
from ed25519 import is_signed
from rejections import Rejected

SIGNATURES = "log", "cosigner", "state"


@dataclass(frozen=True)
class Checkpoint:
    """A block that is one, and the log after it."""

    time_ms: int
    log_size: int
    log_root: str


@dataclass(frozen=True)
class Attestation:
    """What a merchant vouches for: (state root, ERC-1155 root), and its three signatures, in order."""

    roots: tuple
    signatures: tuple


@dataclass(frozen=True)
class Place:
    """Who brought evidence, and where the operation stands."""

    merchant: int
    height: int
    index: int


def mark(books, parent_log):
    """At the start of a block: puts the parent on record if it is a checkpoint, and sees whether this one is."""
    if books.is_checkpoint_pending:
        record = Checkpoint(books.last_checkpoint_ms, parent_log["size"], parent_log["root"])
        books.checkpoints[books.height - 1] = record
    interval_ms = books.parameters["checkpoint_interval_ms"]
    books.is_checkpoint_pending = books.now // interval_ms > books.last_checkpoint_ms // interval_ms
    if books.is_checkpoint_pending:
        books.last_checkpoint_ms = books.now


def attest(books, operation):
    """Vouches for a checkpoint, once, by the cosigner key that the merchant had at its height."""
    says, merchant = operation.says, operation.merchant
    height = says["height"]
    checkpoint = require_checkpoint(books, height)
    of_height = validators.of_height(books, height)
    if merchant not in of_height:
        raise Rejected("not_validating")
    if (height, merchant) in books.attestations:
        raise Rejected("attested_already")
    _, cosigner_key = of_height[merchant]
    if not all(verdicts(books, checkpoint, says, cosigner_key)):
        raise Rejected("wrong_attestation")
    roots = says["state_root"], says["erc1155_root"]
    signatures = tuple(says["signatures"][name] for name in SIGNATURES)
    books.attestations[height, merchant] = Attestation(roots, signatures)
    attested = attested_at(books, height).count(roots)
    needed = needed_at(books, height)
    return {"attested": {"attested": attested, "needed": needed, "is_final": attested >= needed}}


def anchor(books, operation):
    """Puts evidence for a final checkpoint on record; whether it convinces is for whoever reads it."""
    height, evidence = operation.says["checkpoint"], operation.says["evidence"]
    require_checkpoint(books, height)
    if not is_final(books, height):
        raise Rejected("checkpoint_not_final")
    name = height, hash_of_evidence(evidence)
    if name in books.anchors:
        raise Rejected("anchored_already")
    books.anchors[name] = Place(operation.merchant, books.height, operation.index)
    return "anchored"


def require_checkpoint(books, height):
    """A checkpoint that is on record."""
    if height not in books.checkpoints:
        raise Rejected("unknown_checkpoint")
    return books.checkpoints[height]


def attested_at(books, height):
    """The roots that merchants vouch for at a height, one entry a merchant."""
    return [kept.roots for (of, _), kept in books.attestations.items() if of == height]


def needed_at(books, height):
    """How many merchants make a checkpoint final: more than two thirds of those that validated its height."""
    return 2 * len(validators.of_height(books, height)) // 3 + 1


def is_final(books, height):
    """Whether enough merchants vouch for the same roots."""
    return are_enough(books, height, attested_at(books, height))


def are_enough(books, height, attested):
    """Whether as many as make it final are alike of what is attested at a height."""
    return any(attested.count(roots) >= needed_at(books, height) for roots in set(attested))


def latest_final(books):
    """The highest checkpoint that is final, if one is."""
    attested = {}
    for (height, _), kept in books.attestations.items():
        attested.setdefault(height, []).append(kept.roots)
    final = (height for height, roots in attested.items() if are_enough(books, height, roots))
    return max(final, default=None)


def verdicts(books, checkpoint, says, key):
    """Of each of the three signatures whether it is by a key."""
    texts = texts_of(books.chain_id, says["height"], checkpoint, (says["state_root"], says["erc1155_root"]))
    signatures = (says["signatures"][name] for name in SIGNATURES)
    return [is_signed(key, text.encode(), signature) for text, signature in zip(texts, signatures)]


def texts_of(chain_id, height, checkpoint, roots):
    """What is signed: the log's checkpoint, the same as a cosigner signs it, and the state note."""
    origin = f"tally/{chain_id}"
    log = f"{origin}\n{checkpoint.log_size}\n{base64_of(checkpoint.log_root)}\n"
    cosigned = f"cosignature/v1\ntime {checkpoint.time_ms // 1000}\n{log}"
    numbers = f"{height}\n{checkpoint.time_ms}\n{checkpoint.log_size}\n"
    state = f"{origin}/state\n{numbers}" + "".join(f"{base64_of(root)}\n" for root in roots)
    return log, cosigned, state


def base64_of(digits):
    """Hexadecimal digits as base64."""
    return b64encode(bytes.fromhex(digits)).decode()
