#!/usr/bin/env python3
"""The demo year, worked out without Tally: reads the files, applies docs/replay.md, and says what a ledger must report.

It is the independent half of the demo's proof. It shares no code, no library and no data with the contracts: Python's
standard library and the `zstd` command only. Section numbers in the comments are those of docs/replay.md.

    year_check.py                       print the report as JSON
    year_check.py --json FILE           write it to FILE
    year_check.py --compare ACTUAL      compare with what the ledger reports; exit code 1 if anything differs
    year_check.py --self-test           check the arithmetic and the vectors of docs/replay.md
"""

import argparse
import hashlib
import json
import subprocess
import sys
from calendar import timegm
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"
POLICY = Path(__file__).resolve().parent.parent / "docs" / "replay.md"

# --- 2. Genesis --------------------------------------------------------------------------------------------------

UTC_OFFSET_MINUTES = -300
MILLION = 1_000_000
FEN = 1_000_000  # units of 10^-8 CNY in a fen
NOBODY = 0  # the clock is set in no merchant's name

MERCHANTS = {"supermarket": 1, "fuel": 2, "drugstore": 3, "cafe": 4}
NAMES = {number: name for name, number in MERCHANTS.items()}
IDS = sorted(NAMES)
PARTNER, PARTNER_NAME = 9, "Sky Miles"
PARTICIPANTS = [*IDS, PARTNER]
# Class i is issued by merchant i.
ANCHOR = {1: 10_000, 2: 20_000, 3: 15_000, 4: 30_000}
EARN_RATE = {1: 1_000_000, 2: 500_000, 3: 800_000, 4: 400_000}
LIFE_MONTHS = {1: 12, 2: 3, 3: 12, 4: 12}
SPREAD = 20_000
# The pool: what issuers owe it of what their points are worth; weights; rebates by a quarter's volume in fen.
LEVY = 10_000
MIN_WEIGHT, MAX_WEIGHT = 800_000, 1_500_000
REBATES = [(10_000_000, 50_000), (50_000_000, 100_000), (100_000_000, 150_000)]

NO_CONSENT_LIMIT_FEN = 100_000
CUSTODIAN_MEMBER_LIMIT_FEN = 100_000
CUSTODIAN_LIMIT_FEN = 100_000_000
EXCHANGE_MEMBER_LIMIT_FEN = 500_000
EXCHANGE_PAIR_LIMIT_FEN = 100_000_000
NET_DEBIT_CAP_FEN = 100_000_000

# So many miles make so many points of the class.
IMPORT_CLASS, IMPORT_MILES, IMPORT_POINTS = 1, 100, 10
PREFUNDED_FEN = 1_000_000
DISPUTE_BUSINESS_DAYS = 7

# --- 3. What the policy chooses ----------------------------------------------------------------------------------

IMPORTERS = 20  # members whose number this divides import
MILES_BESIDE_NUMBER = 1_000
# The months whose largest redemption is disputed, and how the dispute goes on.
DISPUTED = {3: "accepted", 5: "dismissed", 8: "upheld", 11: "silent"}

FIRST_DAY, END_DAY = date(2017, 1, 1), date(2018, 1, 1)
GROSS_KINDS = ["redemption", "exchange", "import", "adjustment", "distribution"]
KINDS = ["set_clock", "report_payment", "confirm_leg", "open_dispute", "answer_dispute", "decide_dispute",
         "enrol", "issue", "redeem", "exchange", "import"]


def local_midnight_ms(day):
    """The instant at which a local day starts, in ms since 1970."""
    return (timegm(day.timetuple()) - UTC_OFFSET_MINUTES * 60) * 1000


def month_of(day):
    """Months since 1970-01, so that months can be counted."""
    return (day.year - 1970) * 12 + day.month - 1


def month_text(month):
    return f"{1970 + month // 12:04}-{month % 12 + 1:02}"


def end_of_business_day(day, count):
    """The day after the count-th business day after a day: the demo's are Monday to Friday."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day + timedelta(days=1)


# --- 1. Input ----------------------------------------------------------------------------------------------------


class Purchase:
    """All rows of one (receipt, merchant)."""

    __slots__ = ("time", "merchant", "store", "member", "receipt", "lines")

    def __init__(self, time, merchant, store, member, receipt):
        self.time, self.merchant, self.store, self.member, self.receipt = time, merchant, store, member, receipt
        self.lines = []  # (category code, fen)


def read_purchases():
    """Purchases in file order, their rows checked to be what section 1 says."""
    packed = DATA / "purchases.csv.zst"
    try:
        text = subprocess.run(["zstd", "-dcq", str(packed)], check=True, capture_output=True).stdout.decode("ascii")
    except FileNotFoundError:
        sys.exit("year-check: the `zstd` command is missing; scripts/setup.sh installs it")
    rows = text.splitlines()
    expect(rows[0] == "time,merchant,store,member,receipt,category,amount_cents", "header of purchases.csv")
    rows = [row.split(",") for row in rows[1:]]
    code = {name: number for number, name in enumerate(sorted({row[5] for row in rows}), 1)}
    first, end = (utc_text(local_midnight_ms(day)) for day in (FIRST_DAY, END_DAY))
    purchases, seen, last_key, last_time = [], set(), None, ""
    for time, merchant, store, member, receipt, category, amount in rows:
        if (receipt, merchant) != last_key:
            last_key = (receipt, merchant)
            expect(last_key not in seen, f"rows of receipt {receipt} at {merchant} are adjacent")
            seen.add(last_key)
            expect(first <= time < end and last_time <= time, f"receipt {receipt} lies in the year and in order")
            last_time = time
            purchases.append(Purchase(time, MERCHANTS[merchant], int(store), int(member), int(receipt)))
        purchase = purchases[-1]
        expect((purchase.time, purchase.store, purchase.member) == (time, int(store), int(member)), f"one purchase {receipt}")
        line = (code[category], int(amount))
        expect(line[1] > 0, f"amounts of receipt {receipt} are positive")
        expect(not purchase.lines or purchase.lines[-1][0] < line[0], f"categories of receipt {receipt} rise")
        purchase.lines.append(line)
    return purchases


def read_coupons():
    """Coupon uses in file order: (row number, day, merchant, member)."""
    rows = (DATA / "coupon_redemptions.csv").read_text("ascii").splitlines()
    expect(rows[0] == "date,merchant,member,coupon", "header of coupon_redemptions.csv")
    coupons = []
    for number, row in enumerate(rows[1:], 1):
        day, merchant, member, _ = row.split(",")
        day = date.fromisoformat(day)
        expect(FIRST_DAY <= day < END_DAY, f"coupon row {number} lies in the year")
        coupons.append((number, day, MERCHANTS[merchant], int(member)))
    return coupons


def utc_text(ms):
    seconds = ms // 1000
    day = date(1970, 1, 1) + timedelta(days=seconds // 86_400)
    rest = seconds % 86_400
    return f"{day.isoformat()}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def expect(condition, what):
    if not condition:
        sys.exit(f"year-check: the input or the policy does not hold: {what}")


# --- 3. Intervals ------------------------------------------------------------------------------------------------


def intervals():
    """(first day, day after the last) of each interval: weeks, cut at month ends."""
    days = [FIRST_DAY + timedelta(days=n) for n in range((END_DAY - FIRST_DAY).days)]
    bounds = [day for n, day in enumerate(days) if n % 7 == 0 or day.day == 1] + [END_DAY]
    return list(zip(bounds, bounds[1:]))


# --- 5. References, members, draws -------------------------------------------------------------------------------


def digest(text):
    return hashlib.sha256(text.encode("ascii")).digest()


def reference(seed, kind, merchant, key, time_ms):
    """UUIDv7 text of a time and 74 bits of a hash. The totals do not need it; the vectors pin it."""
    free = int.from_bytes(digest(f"tally-replay/reference/1:{seed}:{kind}:{merchant}:{key}"), "big") % 2**74
    number = time_ms << 80 | 0x7 << 76 | free >> 62 << 64 | 0b10 << 62 | free % 2**62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def commitment(seed, member):
    salt = digest(f"tally-replay/salt/1:{seed}:{member}")[:16]
    return hashlib.sha256(salt + str(member).encode("ascii")).hexdigest()


def is_drawn(seed, member, month):
    return digest(f"tally-replay/exchange/1:{seed}:{member}:{month_text(month)}")[0] < 32


# --- 4. Arithmetic -----------------------------------------------------------------------------------------------


def earned_points(merchant, amount_fen):
    return amount_fen * EARN_RATE[merchant] // (100 * MILLION)


def value_of(points, issuer):
    """In 10^-8 CNY, exact."""
    return points * ANCHOR[issuer] * 100


def exchanged_points(points_in, source, target):
    return points_in * ANCHOR[source] * (MILLION - SPREAD) // (ANCHOR[target] * MILLION)


def exchanged_lots(lots, out):
    """Spreads `out` points over the lots' months by largest remainder; equals go to the earliest month."""
    total = sum(lots.values())
    share = {month: out * points // total for month, points in lots.items()}
    by_remainder = sorted(lots, key=lambda month: (-(out * lots[month] % total), month))
    for month in by_remainder[: out - sum(share.values())]:
        share[month] += 1
    return {month: points for month, points in share.items() if points}


def imported_points(miles):
    return miles * IMPORT_POINTS // IMPORT_MILES


def truncated_fen(amount):
    """Whole fen toward zero, and the signed rest."""
    fen = abs(amount) // FEN * (1 if amount >= 0 else -1)
    return fen, amount - fen * FEN


def apportioned(total, weights):
    """`total` in proportion to the weights, by largest remainder; equals go to the earlier."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def weight_of(honoured, most):
    """In millionths; nobody refers members in the demo, so what was honoured is half of the score and the rest is 0."""
    score = MILLION // 2 * (honoured * MILLION // most if most else 0) // MILLION
    return MIN_WEIGHT + (MAX_WEIGHT - MIN_WEIGHT) * score // MILLION


def rebate_of(volume_fen):
    rates = [rate for from_fen, rate in REBATES if from_fen <= volume_fen]
    return volume_fen * (rates[-1] if rates else 0) // MILLION


def legs_of(positions):
    """Whoever owes most pays whoever is owed most the smaller of the two, until nothing is left; equals: lowest id."""
    left = dict(positions)
    legs = []
    while any(left.values()):
        payer = min(left, key=lambda merchant: (left[merchant], merchant))
        payee = min(left, key=lambda merchant: (-left[merchant], merchant))
        amount = min(-left[payer], left[payee])
        assert amount > 0, "positions sum to zero"
        left[payer] += amount
        left[payee] -= amount
        legs.append((payer, payee, amount))
    return legs


# --- 3. The year -------------------------------------------------------------------------------------------------


class Year:
    """The account of the whole alliance, moved on interval by interval."""

    def __init__(self, seed):
        self.seed = seed
        self.custodian = {}  # member -> merchant, in order of appearance
        self.holdings = defaultdict(dict)  # (member, class) -> {last month: points}
        self.month = month_of(FIRST_DAY)
        self.operations = {kind: defaultdict(int) for kind in KINDS}  # kind -> merchant -> count
        self.points = {name: defaultdict(int) for name in ("issued", "home", "elsewhere", "in", "out", "imported", "lapsed")}
        self.honoured = defaultdict(int)  # (merchant, class) -> points
        self.gross = defaultdict(lambda: dict.fromkeys(GROSS_KINDS, 0))  # (debtor, creditor) -> 10^-8 CNY, open cycle
        self.pool = defaultdict(int)  # debtor -> 10^-8 CNY that the pool has not passed on
        self.volume = defaultdict(int)  # (month, merchant) -> 10^-8 CNY of others' points honoured
        self.carry = {(low, high): 0 for low in PARTICIPANTS for high in PARTICIPANTS if low < high}
        self.cycles = []
        self.largest = None  # redemption of the month: (value, reference, issuer, acceptor)
        self.to_dispute = None  # the same, of the month that ended last
        self.disputes = []
        self.imported_in = set()  # (member, quarter)
        self.usage = defaultdict(lambda: defaultdict(int))  # limit -> key with the day -> 10^-8 CNY
        self.peak = defaultdict(int)  # limit -> the most any key used, in 10^-8 CNY

    def run(self, purchases, coupons, limit):
        done = intervals()[:limit]
        next_purchase, next_coupon = 0, 0
        for number, (start, end) in enumerate(done, 1):
            end_text = utc_text(local_midnight_ms(end))
            first_purchase, first_coupon = next_purchase, next_coupon
            while next_purchase < len(purchases) and purchases[next_purchase].time < end_text:
                next_purchase += 1
            while next_coupon < len(coupons) and coupons[next_coupon][1] < end:
                next_coupon += 1
            self.set_clock(start, counted=number > 1)
            self.settle_legs()
            self.dispute()
            bought = purchases[first_purchase:next_purchase]
            self.enrol(bought)
            self.issue(bought)
            self.redeem(coupons[first_coupon:next_coupon])
            if end.day == 1:
                self.exchange()
            self.import_miles(bought)
        self.intervals = len(done)
        self.ended = limit is None
        if self.ended:
            expect(next_purchase == len(purchases) and next_coupon == len(coupons), "every row lies in an interval")
            self.set_clock(END_DAY, counted=True)
            self.settle_legs()

    def set_clock(self, day, counted):
        self.day = day
        self.usage.clear()
        if counted:
            self.operations["set_clock"][NOBODY] += 1
        if month_of(day) != self.month:
            self.close()
            self.to_dispute, self.largest = self.largest and (self.month, *self.largest), None
            ended, self.month = self.month, month_of(day)
            self.lapse()
            self.distribute(ended)
        self.end_disputes()

    def close(self):
        """Nets the open cycle and opens the next."""
        positions, pairs = dict.fromkeys(PARTICIPANTS, 0), []
        total = {pair: sum(kinds.values()) for pair, kinds in self.gross.items()}
        for (low, high), carry in self.carry.items():
            owed, back = total.get((low, high), 0), total.get((high, low), 0)
            if not (carry or owed or back):
                continue
            net = carry + owed - back
            fen, rest = truncated_fen(net)
            self.carry[low, high] = rest
            positions[low] -= fen
            positions[high] += fen
            pairs.append({"low": low, "high": high, "net_fen": str(fen), "closing": str(rest)})
        legs = [
            {"payer": payer, "payee": payee, "amount_fen": str(fen), "reported": None, "confirmed": False}
            for payer, payee, fen in legs_of(positions)
        ]
        self.cycles.append({
            "cycle": month_text(self.month),
            "gross": self.gross_rows(),
            "pairs": pairs,
            "legs": legs,
            "positions": positions,
        })
        self.gross.clear()

    def distribute(self, month):
        """Shares the pool out for a month that has ended (rules, section 9)."""
        issuers = sorted(self.pool)
        whole = [max(self.pool[issuer], 0) // FEN for issuer in issuers]
        available = min(max(sum(self.pool.values()), 0) // FEN, sum(whole))
        first = month - month % 3
        honoured = [self.volume[month, merchant] for merchant in IDS]
        quarter = [sum(self.volume[m, merchant] for m in range(first, first + 3)) // FEN for merchant in IDS]
        due = [rebate_of(volume) for volume in quarter]
        rebates = min(sum(due), available)
        paid = apportioned(rebates if month % 3 == 2 else 0, due)
        shares = apportioned(available - rebates, [weight_of(value, max(honoured)) for value in honoured])
        given = apportioned(sum(shares) + sum(paid), whole)
        net = dict.fromkeys(sorted({*IDS, *issuers}), 0)
        for issuer, fen in zip(issuers, given):
            self.pool[issuer] -= fen * FEN
            net[issuer] -= fen
        for merchant, share, rebate in zip(IDS, shares, paid):
            net[merchant] += share + rebate
        for debtor, creditor, fen in legs_of(net):
            self.owe(debtor, creditor, fen * FEN, "distribution")

    def gross_rows(self):
        return [
            {"debtor": debtor, "creditor": creditor, **{kind: str(amount) for kind, amount in kinds.items()}}
            for (debtor, creditor), kinds in sorted(self.gross.items())
            if sum(kinds.values())
        ]

    def lapse(self):
        for (_, issuer), lots in self.holdings.items():
            for month in [month for month in lots if month < self.month]:
                self.points["lapsed"][issuer] += lots.pop(month)

    def settle_legs(self):
        """Payers report their payments, payees confirm them."""
        for cycle in self.cycles[-1:]:
            for number, leg in enumerate(cycle["legs"]):
                if not leg["confirmed"]:
                    self.operations["report_payment"][leg["payer"]] += 1
                    self.operations["confirm_leg"][leg["payee"]] += 1
                    leg["reported"], leg["confirmed"] = f"{cycle['cycle']}-leg-{number}", True

    def end_disputes(self):
        """What nobody answered by the end of its time is accepted, what nobody decided is dismissed."""
        for dispute in self.disputes:
            if dispute["state"] == "open" and dispute["due"] <= self.day:
                self.adjust(dispute, "accepted")
            elif dispute["state"] == "contested" and dispute["due"] <= self.day:
                dispute["state"] = "dismissed"

    def dispute(self):
        due = end_of_business_day(self.day, DISPUTE_BUSINESS_DAYS)
        for dispute in self.disputes:
            debtor, creditor = dispute["debtor"], dispute["creditor"]
            if dispute["state"] == "open" and dispute["course"] != "silent":
                self.operations["answer_dispute"][creditor] += 1
                if dispute["course"] == "accepted":
                    self.adjust(dispute, "accepted")
                else:
                    dispute["state"], dispute["due"] = "contested", due
            elif dispute["state"] == "contested" and dispute["course"] == "upheld":
                for merchant in IDS:
                    if merchant not in (debtor, creditor):
                        self.operations["decide_dispute"][merchant] += 1
                self.adjust(dispute, "upheld")
        if self.to_dispute and self.to_dispute[0] % 12 + 1 in DISPUTED:
            month, value, original, issuer, acceptor = self.to_dispute
            self.operations["open_dispute"][issuer] += 1
            self.disputes.append({
                "merchant": acceptor, "original": original, "debtor": issuer, "creditor": acceptor,
                "amount": value // 2, "state": "open", "course": DISPUTED[month % 12 + 1], "due": due,
            })
        self.to_dispute = None

    def adjust(self, dispute, state):
        dispute["state"] = state
        self.owe(dispute["creditor"], dispute["debtor"], dispute["amount"], "adjustment")

    def enrol(self, purchases):
        for purchase in purchases:
            if purchase.member not in self.custodian:
                self.custodian[purchase.member] = purchase.merchant
                self.operations["enrol"][purchase.merchant] += 1

    def issue(self, purchases):
        for purchase in purchases:
            merchant = purchase.merchant
            points = earned_points(merchant, sum(fen for _, fen in purchase.lines))
            self.operations["issue"][merchant] += 1
            self.points["issued"][merchant] += points
            self.pool[merchant] += value_of(points, merchant) * LEVY // MILLION
            if points:
                lots = self.holdings[purchase.member, merchant]
                expires = self.month + LIFE_MONTHS[merchant]
                lots[expires] = lots.get(expires, 0) + points

    def held(self, member):
        """Live holdings of a member: [(value, class, points)] by class. What has lapsed is gone already."""
        totals = [(issuer, sum(self.holdings.get((member, issuer), {}).values())) for issuer in IDS]
        return [(value_of(points, issuer), issuer, points) for issuer, points in totals if points]

    def redeem(self, coupons):
        for row, day, acceptor, member in coupons:
            foreign = [holding for holding in self.held(member) if holding[1] != acceptor]
            if not foreign:
                continue
            value, issuer, points = max(foreign, key=lambda holding: (holding[0], -holding[1]))
            if value < FEN:
                continue
            self.holdings[member, issuer].clear()
            self.operations["redeem"][acceptor] += 1
            self.points["elsewhere"][issuer] += points
            self.honoured[acceptor, issuer] += points
            self.owe(issuer, acceptor, value, "redemption")
            self.volume[self.month, acceptor] += value
            if not self.largest or value > self.largest[0]:
                original = reference(self.seed, "redeem", acceptor, row, local_midnight_ms(day))
                self.largest = (value, original, issuer, acceptor)
            if self.custodian[member] != acceptor:
                self.use("no_consent", member, value)
            else:
                self.use_custodian(acceptor, member, issuer, value)

    def exchange(self):
        for member, custodian in self.custodian.items():
            held = self.held(member)
            if len(held) < 2 or not is_drawn(self.seed, member, self.month):
                continue
            source = min(held, key=lambda holding: (holding[0], holding[1]))
            others = [holding for holding in held if holding is not source]
            target = max(others, key=lambda holding: (holding[0], -holding[1]))
            (value, source, points_in), target = source, target[1]
            points_out = exchanged_points(points_in, source, target)
            if not points_out:
                continue
            lots = self.holdings[member, source]
            target_lots = self.holdings[member, target]
            for month, points in exchanged_lots(lots, points_out).items():
                target_lots[month] = target_lots.get(month, 0) + points
            lots.clear()
            self.operations["exchange"][custodian] += 1
            self.points["out"][source] += points_in
            self.points["in"][target] += points_out
            obligation = value_of(points_out, target)
            assert value >= obligation, "no exchange yields more than went in"
            self.owe(source, target, obligation, "exchange")
            self.pool[source] += value - obligation
            self.use("exchange_member", member, value)
            self.use("exchange_pair", (source, target), value)
            if target == custodian:
                self.use_custodian(custodian, member, source, value)

    def import_miles(self, purchases):
        quarter = self.month - self.month % 3
        for member in dict.fromkeys(purchase.member for purchase in purchases):
            if member % IMPORTERS or (member, quarter) in self.imported_in:
                continue
            self.imported_in.add((member, quarter))
            points = imported_points(MILES_BESIDE_NUMBER + member)
            lots = self.holdings[member, IMPORT_CLASS]
            expires = self.month + LIFE_MONTHS[IMPORT_CLASS]
            lots[expires] = lots.get(expires, 0) + points
            self.operations["import"][PARTNER] += 1
            self.points["imported"][IMPORT_CLASS] += points
            self.owe(PARTNER, IMPORT_CLASS, value_of(points, IMPORT_CLASS), "import")

    def owe(self, debtor, creditor, amount, kind):
        self.gross[debtor, creditor][kind] += amount
        # Legs weigh on the cap too, but phase 2 has confirmed them all before anything new is owed.
        signed = lambda pair: 1 if pair[0] == debtor else -1 if pair[1] == debtor else 0
        owed = sum(signed(pair) * sum(kinds.values()) for pair, kinds in self.gross.items())
        limit = "prefunded" if debtor == PARTNER else "net_debit_cap"
        self.peak[limit] = max(self.peak[limit], owed)

    def use_custodian(self, custodian, member, issuer, value):
        self.use("custodian_member", (issuer, member), value)
        self.use("custodian", (issuer, custodian), value)

    def use(self, limit, key, value):
        """Counts against a limit of the current day, rounded up to fen each time, which is the strictest reading."""
        used = self.usage[limit]
        used[key] += -(-value // FEN) * FEN
        self.peak[limit] = max(self.peak[limit], used[key])

    def check_limits(self):
        """No operation of the policy may come near a limit of the genesis, or the order within a phase would matter."""
        limits = {
            "no_consent": NO_CONSENT_LIMIT_FEN,
            "custodian_member": CUSTODIAN_MEMBER_LIMIT_FEN,
            "custodian": CUSTODIAN_LIMIT_FEN,
            "exchange_member": EXCHANGE_MEMBER_LIMIT_FEN,
            "exchange_pair": EXCHANGE_PAIR_LIMIT_FEN,
            "net_debit_cap": NET_DEBIT_CAP_FEN,
            "prefunded": PREFUNDED_FEN,
        }
        for name, limit in limits.items():
            expect(self.peak[name] <= limit * FEN, f"{name} stays within {limit} fen, peak {self.peak[name] // FEN}")
        return {name: (self.peak[name] // FEN, limit) for name, limit in limits.items()}

    # --- 6. Report ---

    def report(self):
        outstanding = defaultdict(int)
        lines, members = [], set()
        for (member, issuer), lots in sorted(self.holdings.items()):
            for month, points in sorted(lots.items()):
                outstanding[issuer] += points
                members.add(member)
                lines.append(f"{member},{issuer},{month_text(month)},{points}\n")
        by_kind = {kind: sum(counts.values()) for kind, counts in self.operations.items()}
        return {
            "format": "tally-replay-report/2",
            "seed": self.seed,
            "intervals": self.intervals,
            "ended": self.ended,
            "operations": {**by_kind, "total": sum(by_kind.values())},
            "merchants": [self.merchant_report(merchant, outstanding[merchant]) for merchant in IDS],
            "partners": [self.partner_report()],
            "cycles": [{key: value for key, value in cycle.items() if key != "positions"} for cycle in self.cycles],
            "open_gross": self.gross_rows(),
            "disputes": self.dispute_rows(),
            "holdings": {"members": len(members), "sha256": hashlib.sha256("".join(lines).encode("ascii")).hexdigest()},
        }

    def merchant_report(self, merchant, outstanding):
        points = {name: counts[merchant] for name, counts in self.points.items()}
        redeemed = points["home"] + points["elsewhere"]
        left = points["issued"] - redeemed + points["in"] - points["out"] + points["imported"] - points["lapsed"]
        expect(left == outstanding, f"points of class {merchant} are conserved")
        honoured = [
            {"class": issuer, "points": str(self.honoured[merchant, issuer]),
             "value": str(value_of(self.honoured[merchant, issuer], issuer))}
            for issuer in IDS
            if self.honoured[merchant, issuer]
        ]
        return {
            "merchant": merchant,
            "name": NAMES[merchant],
            "class": merchant,
            "operations": self.operations_of(merchant),
            "issued_points": str(points["issued"]),
            "redeemed_points": str(redeemed),
            "redeemed_at_home_points": str(points["home"]),
            "redeemed_elsewhere_points": str(points["elsewhere"]),
            "honoured": honoured,
            "honoured_value": str(sum(int(row["value"]) for row in honoured)),
            "exchanged_in_points": str(points["in"]),
            "exchanged_out_points": str(points["out"]),
            "imported_points": str(points["imported"]),
            "lapsed_points": str(points["lapsed"]),
            "outstanding_points": str(outstanding),
            "pool_claim": str(self.pool[merchant]),
            "net_fen": self.nets_of(merchant),
        }

    def partner_report(self):
        points = self.points["imported"][IMPORT_CLASS]
        value = str(value_of(points, IMPORT_CLASS))
        return {
            "partner": PARTNER,
            "name": PARTNER_NAME,
            "operations": self.operations_of(PARTNER),
            "imported": [{"class": IMPORT_CLASS, "points": str(points), "value": value}] if points else [],
            "imported_value": value,
            "net_fen": self.nets_of(PARTNER),
        }

    def operations_of(self, participant):
        return {kind: self.operations[kind][participant] for kind in KINDS if kind != "set_clock"}

    def nets_of(self, participant):
        return {cycle["cycle"]: str(cycle["positions"][participant]) for cycle in self.cycles}

    def dispute_rows(self):
        shown = ("merchant", "original", "debtor", "creditor", "amount", "state")
        rows = [{key: dispute[key] for key in shown} | {"amount": str(dispute["amount"])} for dispute in self.disputes]
        return sorted(rows, key=lambda row: (row["merchant"], row["original"]))


# --- Comparison --------------------------------------------------------------------------------------------------


def mismatches(expected, actual, path=""):
    """Every value that differs, by its path: keys and elements missing on either side included. Types count."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            yield from mismatches(expected.get(key, ABSENT), actual.get(key, ABSENT), f"{path}.{key}" if path else key)
    elif isinstance(expected, list) and isinstance(actual, list):
        for index in range(max(len(expected), len(actual))):
            pair = [side[index] if index < len(side) else ABSENT for side in (expected, actual)]
            yield from mismatches(*pair, f"{path}[{index}]")
    elif type(expected) is not type(actual) or expected != actual:
        yield f"{path}: expected {show(expected)}, the ledger has {show(actual)}"


ABSENT = object()


def show(value):
    return "nothing" if value is ABSENT else json.dumps(value)


def compare(expected, path):
    """Prints what differs and the closing line. Returns the process's exit code."""
    try:
        actual = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        print(f"year-check: {path}: {error}", file=sys.stderr)
        return 2
    found = list(mismatches(expected, actual))
    for line in found:
        print(f"mismatch: {line}")
    print(f"year-check: operations={expected['operations']['total']} mismatches={len(found)}")
    return 1 if found else 0


# --- Self-test ---------------------------------------------------------------------------------------------------


def vectors():
    """The lines that section 5 of docs/replay.md shows."""
    seed = 2017
    new_year, first_row = local_midnight_ms(FIRST_DAY), 1_483_271_606_000
    december = month_of(date(2017, 12, 1))
    return [
        f"set_clock 1483851600000     {reference(seed, 'set_clock', 0, 1483851600000, 1483851600000)}",
        f"confirm_leg 3, 2017-01:0    {reference(seed, 'confirm_leg', 3, '2017-01:0', 1485925200000)}",
        f"report_payment 1, 2017-01:0 {reference(seed, 'report_payment', 1, '2017-01:0', 1485925200000)}",
        f"open_dispute 1, 2017-03     {reference(seed, 'open_dispute', 1, '2017-03', 1491022800000)}",
        f"enrol 4, 900                {reference(seed, 'enrol', 4, 900, first_row)}",
        f"issue 4, 31198570044        {reference(seed, 'issue', 4, 31198570044, first_row)}",
        f"redeem 1, 1                 {reference(seed, 'redeem', 1, 1, new_year)}",
        f"exchange 1, 900:2017-12     {reference(seed, 'exchange', 1, '900:2017-12', 1514782799999)}",
        f"import 9, 900:2017-01       {reference(seed, 'import', PARTNER, '900:2017-01', 1483851599999)}",
        f"commitment of 900           {commitment(seed, 900)}",
        "900 is drawn in             "
        + " ".join(month_text(m) for m in range(december - 11, december + 1) if is_drawn(seed, 900, m)),
    ]


def self_test():
    """Checks known answers: arithmetic, calendar, comparison, and that docs/replay.md shows the vectors."""
    assert len(intervals()) == 63 and intervals()[4] == (date(2017, 1, 29), date(2017, 2, 1))
    assert sum(end.day == 1 for _, end in intervals()) == 12
    assert local_midnight_ms(FIRST_DAY) == 1_483_246_800_000 and utc_text(1_483_246_800_000) == "2017-01-01T05:00:00Z"
    assert month_text(month_of(date(2017, 3, 31))) == "2017-03"
    assert [earned_points(m, 1407) for m in IDS] == [14, 7, 11, 5] and earned_points(4, 249) == 0
    assert exchanged_points(100, 1, 4) == 32 and exchanged_points(3, 1, 4) == 0 and exchanged_points(1, 4, 1) == 2
    assert exchanged_lots({5: 1, 6: 1, 7: 1}, 2) == {5: 1, 6: 1}, "equal remainders go to the earliest month"
    assert exchanged_lots({5: 1, 9: 99}, 50) == {5: 1, 9: 49} and exchanged_lots({5: 1, 9: 99}, 10) == {9: 10}
    assert truncated_fen(-1_500_000) == (-1, -500_000) and truncated_fen(1_999_999) == (1, 999_999)
    assert imported_points(2_907) == 290 and imported_points(9) == 0
    # Fridays, Saturdays and Sundays; the last day counts in full.
    assert end_of_business_day(date(2017, 12, 1), 7) == date(2017, 12, 13)
    assert end_of_business_day(date(2017, 4, 1), 7) == date(2017, 4, 12)
    assert end_of_business_day(date(2017, 9, 3), 7) == date(2017, 9, 13)
    assert legs_of({1: -5, 2: 3, 3: 4, 4: -2}) == [(1, 3, 4), (4, 2, 2), (1, 2, 1)] and legs_of({1: 0, 2: 0}) == []
    assert legs_of({1: -2, 2: -2, 3: 1, 4: 3}) == [(1, 4, 2), (2, 3, 1), (2, 4, 1)], "equals go by the lowest id"
    found = list(mismatches({"a": [1, "2"], "b": 3}, {"a": [1, 2, 4], "c": True}))
    assert [line.split(":")[0] for line in found] == ["a[1]", "a[2]", "b", "c"], found
    policy = POLICY.read_text("utf-8")
    for line in vectors():
        assert line in policy, f"docs/replay.md lacks the vector: {line}"
    print("year-check: self-test ok")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=2017, help="seed of the draws (default 2017)")
    parser.add_argument("--limit-intervals", type=int, metavar="N", help="stop after N intervals, without the end")
    parser.add_argument("--json", metavar="FILE", help="write the report to FILE, `-` for standard output")
    parser.add_argument("--compare", metavar="ACTUAL", help="compare with the report of `tally replay --report`")
    parser.add_argument("--expected", metavar="FILE", help="with --compare: a report written by --json before")
    parser.add_argument("--vectors", action="store_true", help="print the vectors of docs/replay.md")
    parser.add_argument("--self-test", action="store_true", help="check known answers, without the data")
    options = parser.parse_args()
    if options.limit_intervals is not None and not 1 <= options.limit_intervals <= len(intervals()):
        parser.error(f"--limit-intervals must lie in 1..{len(intervals())}")
    if options.expected and not options.compare:
        parser.error("--expected is of use only with --compare")
    if options.self_test:
        self_test()
        return 0
    if options.vectors:
        print("\n".join(vectors()))
        return 0
    if options.expected:
        return compare(json.loads(Path(options.expected).read_text("utf-8")), options.compare)
    year = Year(options.seed)
    year.run(read_purchases(), read_coupons(), options.limit_intervals)
    for name, (peak, limit) in year.check_limits().items():
        print(f"year-check: {name}: at most {peak} of {limit} fen", file=sys.stderr)
    report = year.report()
    text = json.dumps(report, indent=2) + "\n"
    if options.json == "-" or not (options.json or options.compare):
        print(text, end="")
    elif options.json:
        Path(options.json).write_text(text, "utf-8")
    return compare(report, options.compare) if options.compare else 0


if __name__ == "__main__":
    sys.exit(main())
