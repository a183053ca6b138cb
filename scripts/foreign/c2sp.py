#!/usr/bin/env python3
"""Checkpoints by a verifier of C2SP's formats, PyPI's aics-tlog: more than two thirds cosigned, one log begins with
another, and a witness outside has seen it.

    scripts/foreign/c2sp.py signed|growth TRUST.json PROOF.json
    scripts/foreign/c2sp.py anchored TRUST.json PROOF.json WITNESS_KEY

The merchants are witnesses with a quorum to it. It knows one key of a log, and here every merchant signs for it: the
check is made with each of those keys that signed, and one that holds suffices, for the quorum is that of the
cosignatures. Damaged copies must be refused.
"""
import base64
import sys

import aics_tlog

import notes


def open_checkpoint(trust, note):
    """Size and root of a checkpoint with a quorum."""
    note = aics_tlog.parse_note(note)
    witnesses = [aics_tlog.cosignature_vkey(name, key) for name, key in trust.keys.items()]
    logs = [aics_tlog.vkey_from_ed25519(trust.origin, key) for key in trust.keys.values()]
    origin = trust.origin
    results = [aics_tlog.verify_checkpoint(note, log, witnesses, trust.needed, expected_origin=origin) for log in logs]
    good = [result for result in results if result.ok]
    if not good:
        notes.refused(results[0].error)
    return good[0].size, good[0].root


def signed(trust, fact):
    """The checkpoint has a quorum. The state note is of our own format, which this package does not read."""
    open_checkpoint(trust, fact["checkpoint"])


def growth(trust, fact):
    """The later log begins with the earlier one."""
    (prior_size, prior_root), (size, root) = open_checkpoint(trust, fact["from"]), open_checkpoint(trust, fact["to"])
    path = [bytes.fromhex(hash) for hash in fact["path"]]
    if not aics_tlog.verify_consistency(prior_size, size, prior_root, root, path):
        notes.refused("the earlier log is not the beginning of the later one")


def witnessed(trust, fact, key):
    """The witness has cosigned the checkpoint. Its key is one that the checker brings."""
    size, root = open_checkpoint(trust, fact["checkpoint"])
    _, name, encoded = fact["evidence"]["witness"]["line"].split(" ")
    signature = base64.b64decode(encoded, validate=True)
    if (name, signature[:4]) != (key.name, key.key_id):
        notes.refused("the line is of another witness")
    if not aics_tlog.verify_cosignature(signature[4:], key.name, key.public_key, trust.origin, size, root):
        notes.refused("the cosignature does not hold")


def main():
    """Checks a proof, and damaged copies of it."""
    name, trust, fact = sys.argv[1], notes.Trust(sys.argv[2]), notes.read_fact(sys.argv[3])
    if name == "signed":
        check = signed
        note = fact["checkpoint"]
        damages = {
            "another log size": {"checkpoint": note.replace("\n", "\n1", 1)},
            "too few signatures": {"checkpoint": notes.too_few(note, trust)},
        }
    elif name == "anchored":
        key = aics_tlog.parse_vkey(sys.argv[4])
        check = lambda trust, fact: witnessed(trust, fact, key)
        *start, encoded = fact["evidence"]["witness"]["line"].split(" ")
        forged = base64.b64encode(notes.flipped(base64.b64decode(encoded))).decode()
        damages = {
            "another log size": {"checkpoint": fact["checkpoint"].replace("\n", "\n1", 1)},
            "a forged cosignature": {"evidence": {"witness": {"line": " ".join([*start, forged])}}},
        }
    else:
        check = growth
        damages = {"too few signatures": {"to": notes.too_few(fact["to"], trust)}}
        # Of a log that did not grow there is no path.
        if fact["path"]:
            damages["a bit of a hash flipped"] = {"path": [notes.flipped(fact["path"][0]), *fact["path"][1:]]}
            damages["a hash left out"] = {"path": fact["path"][:-1]}
            damages["both ends swapped"] = {"from": fact["to"], "to": fact["from"]}
    check(trust, fact)
    for what, change in damages.items():
        notes.must_refuse(lambda: check(trust, {**fact, **change}), what)
    notes.ok(name, "aics-tlog")


main()
