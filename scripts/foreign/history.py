#!/usr/bin/env python3
"""Gives a running alliance of `tally network init --simulated-clock` a history, and gets a proof of every kind about
it.

    scripts/foreign/history.py TALLY NET OUT            from the first member on
    scripts/foreign/history.py TALLY NET OUT further    afterwards: a group of gifts, a checkpoint, one more purchase

Members earn, give, spend and exchange; checkpoints come as the clock is set; a month ends, so that a settlement closes;
a node, configured so, has the checkpoints stamped and witnessed. OUT gets the proofs, what the node reports of the
settlement, its policy, and moves.jsonl: what was minted, moved and burnt, in order, with the state notes of the
checkpoints between, for a contract of ERC-1155 elsewhere. `further` adds to moves.jsonl and gets no proof.
"""
import datetime
import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path

TALLY, NET, OUT = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
INTERVAL_MS = json.loads((NET / "genesis.json").read_text())["parameters"]["checkpoint_interval_ms"]
URL = json.loads((NET / "alliance.json").read_text())["nodes"][0]["api"]
TOKEN = (NET / "merchant-1" / "api.token").read_text().strip()
# So many purchases that the log outgrows one tile of 256 entries: each is a leaf, and so is the header of its block.
PURCHASES = 120


def tally(*args):
    """Runs the command line; gives what it prints as JSON."""
    done = subprocess.run([TALLY, "--json", *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"tally {' '.join(map(str, args))}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def ask(path, lines=None):
    """What the node answers; to operations that are submitted in lines, when they are final."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    if lines:
        headers |= {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    request = urllib.request.Request(f"{URL}{path}", lines and lines.encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def new_reference():
    """A UUIDv7, whose first 6 bytes are the time in ms."""
    made = bytearray(int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10))
    made[6], made[8] = 0x70 | made[6] & 15, 0x80 | made[8] & 63
    return str(uuid.UUID(bytes=bytes(made)))


def submit(merchant, *args):
    """Submits an operation; gives reference and what was applied."""
    answer = tally("submit", "--dir", NET, "--merchant", merchant, *args)
    applied = answer["receipt"]["outcome"]["applied"]
    return answer["reference"], next(iter(applied.values())) if isinstance(applied, dict) else {}


class Moves:
    """Operations on points, each written down as a contract of ERC-1155 sees it."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.count = 0

    def write(self, **move):
        """One line."""
        self.count += move["kind"] != "checkpoint"
        self.file.write(json.dumps(move) + "\n")
        self.file.flush()

    def issue(self, merchant, member, fen):
        """Points of the merchant's own class; its number is the merchant's."""
        args = ("--class", merchant, "--member", member, "--line", f"3:{fen}")
        reference, issued = submit(merchant, "issue", *args)
        self.write(kind="mint", to=member, id=merchant, value=issued["points"])
        return reference

    def transfer(self, merchant, class_, source, target, points):
        """A gift."""
        submit(merchant, "transfer", "--class", class_, "--from", source, "--to", target, "--points", points)
        self.write(kind="transfer", **{"from": source}, to=target, id=class_, value=str(points))

    def transfer_group(self, source, target, points_by_class):
        """Gifts that take effect together or not at all, at merchant 1."""
        transfer = lambda class_, points: {"class": class_, "from": source, "to": target, "points": str(points)}
        lines = [
            json.dumps({"reference": new_reference(), "body": {"transfer": transfer(class_, points)}})
            for class_, points in points_by_class.items()
        ]
        receipts = ask("/v1/operations/bulk?mode=atomic", "\n".join(lines)).splitlines()
        if not all("applied" in json.loads(receipt)["receipt"]["outcome"] for receipt in receipts):
            raise SystemExit(f"the gifts were refused: {receipts}")
        for class_, points in points_by_class.items():
            self.write(kind="transfer", **{"from": source}, to=target, id=class_, value=str(points))

    def redeem(self, merchant, class_, member, points):
        """Cash off at any merchant; the class's issuer owes it."""
        submit(merchant, "redeem", "--class", class_, "--member", member, "--points", points)
        self.write(kind="burn", **{"from": member}, id=class_, value=str(points))

    def exchange(self, merchant, member, source, target, points):
        """Points of another class instead."""
        args = ("--from-class", source, "--to-class", target, "--points", points, "--min-out", 1)
        _, given = submit(merchant, "exchange", "--member", member, *args)
        self.write(kind="burn", **{"from": member}, id=source, value=str(points))
        self.write(kind="mint", to=member, id=target, value=given["points_out"])


def set_clock(time_ms):
    """Gives the height of the block that does it."""
    key = NET / "treasury" / "clock.key"
    return tally("submit", "--dir", NET, "--merchant", 0, "--key", key, "set-clock", "--time-ms", time_ms)["height"]


def checkpoint(moves, time_ms):
    """Sets the clock, which makes the block a checkpoint, and waits until the checkpoint is final. Gives it."""
    height = set_clock(time_ms)
    for _ in range(600):
        latest = json.loads(ask("/v1/checkpoints?limit=100"))["items"][-1:]
        if latest and latest[0]["height"] >= height and latest[0]["is_final"]:
            moves.write(kind="checkpoint", state=latest[0]["state_note"])
            return latest[0]
        time.sleep(0.2)
    raise SystemExit(f"block {height} was to be a checkpoint, and none became final within two minutes: {latest}")


def next_checkpoint_ms(time_ms):
    """A second past the next multiple of the interval."""
    return time_ms // INTERVAL_MS * INTERVAL_MS + INTERVAL_MS + 1_000


def next_month_ms(time_ms):
    """The second day of the next month, wherever the alliance is."""
    day = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.timezone.utc)
    first = (day.replace(day=1) + datetime.timedelta(days=32)).replace(day=2, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp() * 1000)


def anchored(height):
    """Waits until a node has had a checkpoint stamped and witnessed, and brought both into the ledger; gets the
    proofs."""
    for _ in range(600):
        anchors = json.loads(ask(f"/v1/checkpoints/{height}"))["anchors"]
        if len(anchors) == 2:
            break
        time.sleep(0.2)
    else:
        raise SystemExit(f"stamp and cosignature of checkpoint {height} are not on record in two minutes: {anchors}")
    for number, anchor in enumerate(anchors):
        name = f"anchored-{number}"
        prove(name, "anchored", "--evidence", anchor["evidence"])
        kind = next(iter(json.loads((OUT / f"{name}.json").read_text())["fact"]["evidence"]))
        (OUT / f"{name}.json").rename(OUT / ("anchored.json" if kind == "time_stamp" else f"anchored-{kind}.json"))


def prove(name, *args):
    """Gets a proof."""
    tally("proof", "get", "--dir", NET, "--merchant", 1, "--out", OUT / f"{name}.json", *args)


def further():
    """Goes on after the history."""
    first, second = (OUT / "moves.jsonl").read_text(encoding="utf-8").splitlines()[:2]
    ann, ben = json.loads(first)["to"], json.loads(second)["to"]
    moves = Moves(OUT / "moves.jsonl")
    moves.transfer_group(ann, ben, {1: 5, 3: 2})
    made = checkpoint(moves, next_checkpoint_ms(json.loads(ask("/v1/status"))["time_ms"]))
    moves.redeem(2, 1, ann, 3)
    moves.file.close()
    print(f"history: {moves.count} further moves of points, a checkpoint at {made['height']}")


def main():
    """The history, and the proofs."""
    OUT.mkdir()
    moves = Moves(OUT / "moves.jsonl")
    enrol = lambda merchant, number: submit(merchant, "enrol", "--number", number)[1]["member"]
    ann, ben, cat, nobody = enrol(1, "A-1001"), enrol(1, "A-1002"), enrol(2, "B-7"), enrol(3, "C-1")
    began_ms = json.loads(ask("/v1/status"))["time_ms"]

    reference = moves.issue(1, ann, 12_850)
    moves.issue(1, ben, 50_000)
    moves.issue(2, cat, 70_000)
    moves.transfer(1, 1, ann, ben, 20)
    moves.redeem(2, 1, ann, 50)
    moves.redeem(3, 2, cat, 300)
    moves.redeem(4, 1, ben, 100)
    first = checkpoint(moves, next_checkpoint_ms(began_ms))

    for number in range(PURCHASES):
        moves.issue(number % 4 + 1, (ann, ben, cat)[number % 3], 1_000 + 100 * number)
    moves.exchange(1, ann, 1, 3, 28)
    moves.redeem(1, 3, ann, 15)
    closing = checkpoint(moves, next_month_ms(first["time_ms"]))
    cycle = tally("settlement", "--dir", NET, "list")["items"][-1]["cycle"]

    moves.transfer(1, 1, ben, ann, 5)
    moves.redeem(2, 1, ann, 7)
    last = checkpoint(moves, next_checkpoint_ms(closing["time_ms"]))
    moves.file.close()

    prove("operation", "operation", 1, reference)
    prove("signed", "signed")
    prove("growth", "growth", "--from", first["height"])
    prove("balance", "balance", ann, "--class", 1)
    prove("absence", "balance", nobody, "--class", 1)
    prove("statement", "statement", ann, "--class", 1)
    prove("statement-between", "statement", ann, "--class", 1, "--from", closing["height"])
    prove("settlement", "settlement", cycle)
    anchored(last["height"])
    (OUT / "policy.txt").write_text(ask("/v1/policy"), encoding="utf-8")
    reported = tally("settlement", "--dir", NET, "show", cycle)
    (OUT / "reported.json").write_text(json.dumps(reported), encoding="utf-8")
    heights = ", ".join(str(one["height"]) for one in (first, closing, last))
    print(f"history: {moves.count} moves of points, checkpoints at {heights}, "
          f"a log of {last['log_size']} entries, cycle {cycle} with {len(reported['legs'])} legs")


if sys.argv[4:] == ["further"]:
    further()
else:
    main()
