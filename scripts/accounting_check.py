#!/usr/bin/env python3
"""Compares the files of `tally accounting export` with what hledger makes of the journals, with one another, and with
`tally verify`; it shares no code with Tally. Called by scripts/accounting_check.sh with its working directory:

    books/merchant-N/2017-03/..., books/merchant-N.journal   the months, and their journals in a row
    whole/merchant-N/to-H/...                                the whole archive
    months.json, whole.json, verify.json                     what the commands answered
"""

import csv
import json
import pathlib
import subprocess
import sys
from decimal import ROUND_DOWN, Decimal

FEN = Decimal("0.01")
IN = ["issued", "imported", "exchanged_in", "redemptions_reversed"]
OUT = ["issues_reversed", "redeemed", "expired", "exchanged_out", "bought_out"]

mismatches = 0
compared = 0


def same(what, ours, theirs):
    """Counts a comparison."""
    global mismatches, compared
    compared += 1
    if ours != theirs:
        mismatches += 1
        print(f"mismatch: {what}: {ours} and {theirs}", file=sys.stderr)


def table(path):
    """Rows of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def balances(journal):
    """What hledger says that every account stands at, in CNY."""
    command = ["hledger", "-f", str(journal), "balance", "--flat", "--empty", "--no-total", "-O", "csv"]
    rows = csv.DictReader(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())
    return {row["account"]: Decimal(row["balance"].split()[0]) for row in rows}


def roll_forward(directory):
    """By class, each row's points and exact amount."""
    classes = {}
    for row in table(directory / "roll-forward.csv"):
        amount = Decimal(row["amount_cny"]) if row["amount_cny"] else None
        classes.setdefault(int(row["class"]), {})[row["row"]] = (Decimal(row["points"]), amount)
    return classes


def check_period(directory):
    """One period by itself: the roll-forward adds up, expiry months sum to its closing, hledger stands at it."""
    classes = roll_forward(directory)
    posted = balances(directory / "journal.hledger")
    expiry = {}
    for row in table(directory / "liability-by-expiry.csv"):
        points, amount = expiry.get(int(row["class"]), (0, 0))
        expiry[int(row["class"])] = (points + Decimal(row["points"]), amount + Decimal(row["amount_cny"]))
    for number, rows in classes.items():
        name = f"{directory}, class {number}"
        for column, what in enumerate(["points", "amount"]):
            total = sum(rows[row][column] for row in ["opening", *IN, *OUT])
            same(f"{name}: {what} of the roll-forward", total, rows["closing"][column])
            same(f"{name}: {what} by expiry", expiry.get(number, (0, 0))[column], rows["closing"][column])
        account = posted.get(f"liabilities:contract:class-{number}", Decimal(0))
        same(f"{name}: hledger", -account, rows["closing"][1].quantize(FEN, ROUND_DOWN))
    summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    exact = {}
    for account in summary["accounts"]:
        name = account["account"]
        same(f"{directory}: {name}", posted.get(name, Decimal(0)), Decimal(account["posted_cny"]))
        exact[name] = Decimal(account["posted_cny"]) + Decimal(account["below_fen_cny"])
    check_pool(directory, summary, exact)
    return classes, posted


def check_pool(directory, summary, exact):
    """Shares and rebates of the months are the income; of the whole chain all of it."""
    for account, column in [("revenue:pool-share", "share_cny"), ("revenue:rebate", "rebate_cny")]:
        given = sum(Decimal(month[column]) for month in summary["pool"]["distributions"])
        if summary["period"]["label"].startswith("to-"):
            same(f"{directory}: {account}", -exact.get(account, Decimal(0)), given)


def check_merchant(work, merchant, ledger):
    """A merchant's months follow one another and come to the whole; its closing points are the ledger's."""
    months = sorted(path for path in (work / "books" / merchant).iterdir() if path.is_dir())
    (whole,) = (work / "whole" / merchant).iterdir()
    classes, posted = check_period(whole)
    moved = {number: {row: [Decimal(0), Decimal(0)] for row in IN + OUT} for number in classes}
    before = None
    for month in months:
        rolled, last = check_period(month)
        for number, rows in rolled.items():
            opening = before[number]["closing"] if before and number in before else (Decimal(0), Decimal(0))
            same(f"{month}, class {number}: opening", rows["opening"], opening)
            for row in IN + OUT:
                for column in range(2):
                    moved[number][row][column] += rows[row][column]
        before = rolled
    if months:
        same(f"{merchant}: months in a row", balances(work / "books" / f"{merchant}.journal"), last)
    summary = json.loads((whole / "summary.json").read_text(encoding="utf-8"))
    for number, rows in classes.items():
        totals = ledger[number]["totals"]
        decimals = len(str(rows["closing"][0]).partition(".")[2])
        counted = Decimal(int(totals["outstanding"]) + int(totals["held"])).scaleb(-decimals)
        same(f"class {number}: closing points and the ledger", rows["closing"][0], counted)
        # The chain may go on into a month that is not over: what its months leave of the whole is what moved since.
        rest = {row: [rows[row][column] - moved[number][row][column] for column in range(2)] for row in IN + OUT}
        for column in range(2):
            since = rows["closing"][column] - (before[number]["closing"][column] if before and number in before else 0)
            same(f"class {number}: what moved after the last month", sum(rest[row][column] for row in rest), since)
        wrong = [row for row in rest if (min if row in IN else max)(*rest[row], 0) != 0]
        same(f"class {number}: rows that months have more of than the whole", wrong, [])
    return len(months)


def main():
    """Every merchant that has files."""
    work = pathlib.Path(sys.argv[1])
    ledger = {found["class"]: found for found in json.loads((work / "verify.json").read_text())["report"]["classes"]}
    merchants = sorted(path.name for path in (work / "books").iterdir() if path.is_dir())
    months = sum(check_merchant(work, merchant, ledger) for merchant in merchants)
    print(f"{compared} comparisons")
    print(f"accounting: merchants={len(merchants)} months={months} hledger=ok mismatches={mismatches}")
    sys.exit(1 if mismatches else 0)


if __name__ == "__main__":
    main()
