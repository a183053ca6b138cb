#!/usr/bin/env python3
"""A witness that others wrote, PyPI's aics-witness, has followed the log: it cosigned one checkpoint after the other,
each by a proof of the node's that the log only grew.

    scripts/foreign/witness.py ANCHORED.json URL STATUS.json

STATUS.json is what `aics-witness status --json` says: the size of the log that it saw, and no evidence of anything
else. It must refuse the latest checkpoint with a digit changed, and the claim that its log was empty before.
"""
import json
import sys
import urllib.error
import urllib.request

import notes


def answer(url, note):
    """The status that it answers to a checkpoint of a log that is said to have been empty before."""
    try:
        with urllib.request.urlopen(f"{url}/add-checkpoint", f"old 0\n\n{note}".encode()) as answered:
            return answered.status
    except urllib.error.HTTPError as error:
        return error.code


def main():
    """Checks what it saw."""
    note = notes.read_fact(sys.argv[1])["checkpoint"]
    with open(sys.argv[3], encoding="utf-8") as file:
        (log,) = json.load(file)["logs"]
    size = int(note.splitlines()[1])
    assert log["size"] == size and log["evidence"] == 0, f"the checkpoint has {size} entries, the witness says: {log}"
    # Statuses of C2SP tlog-witness: no key of the log signed this; the witness knows another size.
    assert answer(sys.argv[2], note.replace("\n", "\n1", 1)) == 403, "the witness took a forged checkpoint"
    assert answer(sys.argv[2], note) == 409, "the witness forgot what it had seen"
    notes.ok("growth", "aics-witness")


main()
