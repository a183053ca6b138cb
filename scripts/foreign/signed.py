#!/usr/bin/env python3
"""More than two thirds of the merchants signed: PyPI's cryptography over cosignatures and state note (notes.py).

    scripts/foreign/signed.py TRUST.json SIGNED.json [POLICY]

POLICY is the `tlog-policy` that the node publishes. Nothing rests on it; it must ask for the keys and the number that
follow from the genesis.
"""
import base64
import sys

import notes


def check_policy(trust, text):
    """The witnesses of the policy are the merchants, and its quorum is their group with the number needed."""
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    witnesses = {}
    for line in lines:
        if line[0] == "witness":
            name, identity, encoded = line[2].split("+", 2)
            key = base64.b64decode(encoded)
            assert key[0] == notes.COSIGNATURE and identity == notes.key_id(name, key[0], key[1:]).hex(), line
            witnesses[name] = key[1:]
    assert witnesses == trust.keys, "the policy asks for other keys than the genesis"
    group = next(line for line in lines if line[0] == "group")
    assert int(group[2]) == trust.needed and len(group) - 3 == len(trust.keys), group
    assert lines[-1] == ["quorum", group[1]], lines[-1]


def check(trust, fact):
    """Checkpoint and state note are signed, and of the same moment."""
    size, _ = trust.checkpoint(fact["checkpoint"])
    if trust.state(fact["state"])["log_size"] != size:
        notes.refused("checkpoint and state note are of different moments")


def main():
    """Checks a proof, and damaged copies of it."""
    trust, fact = notes.Trust(sys.argv[1]), notes.read_fact(sys.argv[2])
    check(trust, fact)
    for part in ("checkpoint", "state"):
        another = fact[part].replace("\n", "\n1", 1)
        notes.must_refuse(lambda: check(trust, {**fact, part: another}), f"another number in the {part} note")
        fewer = notes.too_few(fact[part], trust)
        notes.must_refuse(lambda: check(trust, {**fact, part: fewer}), f"too few signatures on the {part} note")
    if len(sys.argv) > 3:
        check_policy(trust, open(sys.argv[3], encoding="utf-8").read())
    notes.ok("signed", "cryptography")


main()
