#!/usr/bin/env python3
"""What stands in a Merkle tree of RFC 6962, by the code of sigstore-python, which checks its own transparency log with
it.

    scripts/foreign/tree.py operation|statement TRUST.json PROOF.json
    scripts/foreign/tree.py settlement TRUST.json PROOF.json REPORTED.json

Roots come from notes that notes.py opened. The function is internal to sigstore, so its version is pinned.
REPORTED.json is what a node reports of the cycle (`tally --json settlement show`). Damaged copies must be refused.
"""
import base64
import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from sigstore._internal.merkle import verify_merkle_inclusion

import notes
import settlement

HERE = Path(__file__).resolve().parent


def included(leaf, index, size, path, root):
    """sigstore's check of an inclusion proof, given what it reads of an entry of its own log."""
    proof = SimpleNamespace(log_index=index, tree_size=size, hashes=path, root_hash=root)
    if not 0 <= index < size:
        notes.refused("the place is outside of the tree")
    verify_merkle_inclusion(SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=leaf)))


def operation(trust, fact):
    """The leaf is in the log."""
    head, _, note = fact["tlog_proof"].partition("\n\n")
    version, index, *path = head.split("\n")
    if version != "c2sp.org/tlog-proof@v1" or not re.fullmatch(r"index [0-9]+", index):
        notes.refused("no tlog-proof")
    size, root = trust.checkpoint(note)
    path = [base64.b64decode(line, validate=True) for line in path]
    included(bytes.fromhex(fact["leaf"]), int(index.removeprefix("index ")), size, path, root)


def record(trust, part):
    """The leaf is a record of state. Gives it."""
    leaf, path = bytes.fromhex(part["leaf"]), [bytes.fromhex(hash) for hash in part["path"]]
    included(leaf, part["index"], part["size"], path, trust.state(part["state"])["state_root"])
    return leaf


def statement(trust, fact):
    """Both ends are records of state, and the lines lead from one to the other: sha256sum says so (statement.sh)."""
    ends = [record(trust, part) if part else None for part in (fact.get("from"), fact["to"])]
    start = ends[0][-32:].hex() if ends[0] else "00" * 32
    owner = ends[1][4:28]
    if any(not leaf.startswith(b"\1\0\0\0" + owner) for leaf in ends if leaf):
        notes.refused("the record is of another holding")
    if any(not bytes.fromhex(line).startswith(owner) for line in fact["lines"]):
        notes.refused("a line is of another holding")
    lines = "".join(f"{line}\n" for line in fact["lines"])
    done = subprocess.run([HERE / "statement.sh", start], input=lines, capture_output=True, text=True, check=True)
    if done.stdout.strip() != ends[1][-32:].hex():
        notes.refused(f"the lines lead to {done.stdout.strip()}")


def settled(trust, fact):
    """Statement and legs are records of state, and well-formed (settlement.py)."""
    return settlement.read(record(trust, fact["statement"]), [record(trust, leg) for leg in fact["legs"]])


def changed(fact, change):
    """A copy with a change; none where there is nothing to change, such as a hash of an empty path."""
    fact = copy.deepcopy(fact)
    try:
        change(fact)
    except IndexError:
        return None
    return fact


def damages(name, trust):
    """What is done to copies of a fact."""
    without_hash = lambda text: re.sub(r"(index .*\n).+\n", r"\1", text, count=1)
    return {
        "operation": {
            "a bit of the leaf flipped": lambda f: f.update(leaf=notes.flipped(f["leaf"])),
            "another index": lambda f: f.update(tlog_proof=f["tlog_proof"].replace("index ", "index 1", 1)),
            "a hash left out": lambda f: f.update(tlog_proof=without_hash(f["tlog_proof"])),
            "too few signatures": lambda f: f.update(tlog_proof=notes.too_few(f["tlog_proof"], trust)),
        },
        "statement": {
            "a bit of a line flipped": lambda f: f["lines"].append(notes.flipped(f["lines"].pop())),
            "the first line left out": lambda f: f["lines"].pop(0),
            "the last line left out": lambda f: f["lines"].pop(),
            "a bit of the record flipped": lambda f: f["to"].update(leaf=notes.flipped(f["to"]["leaf"])),
        },
        "settlement": {
            "a bit of a leg flipped": lambda f: f["legs"][0].update(leaf=notes.flipped(f["legs"][0]["leaf"])),
            "a hash of a path left out": lambda f: f["statement"]["path"].pop(),
            "a leg left out": lambda f: f["legs"].pop(),
            "too few signatures": lambda f: f["statement"].update(state=notes.too_few(f["statement"]["state"], trust)),
        },
    }[name]


CHECKS = {
    "operation": (operation, "sigstore"),
    "statement": (statement, "sigstore+sha256sum"),
    "settlement": (settled, "sigstore"),
}


def main():
    """Checks a proof, and damaged copies of it."""
    fact_name, trust = sys.argv[1], notes.Trust(sys.argv[2])
    check, verifier = CHECKS[fact_name]
    fact = notes.read_fact(sys.argv[3])
    proved = check(trust, fact)
    if fact_name == "settlement":
        settlement.compare(proved, json.loads(Path(sys.argv[4]).read_text(encoding="utf-8")))
    for what, change in damages(fact_name, trust).items():
        damaged = changed(fact, change)
        if damaged is not None:
            notes.must_refuse(lambda: check(trust, damaged), what)
    notes.ok(fact_name, verifier)


main()
