"""What a history must contain to mean anything: every kind, applied, and every rejection that a kind can meet.

The lists are those of docs/rules.md, the names those of docs/formats.md: a kind or a rejection that the page has and
the lists do not is missing too. Where a rule stands under a kind that can no longer break it (a transfer cannot make
more points than there are), it is not listed under that kind.
"""

from pathlib import Path

FORMATS = Path(__file__).resolve().parents[2] / "docs" / "formats.md"

ENVELOPE = ["expired", "valid_until_too_far", "unknown_key", "key_revoked", "role_missing", "wrong_store"]
REFERENCE = ["reference_too_old", "reference_ahead", "reference_reused", "atomic_mixed", "atomic_aborted"]
ANYONE = ENVELOPE + REFERENCE

WALLET = ["authorization_chain", "authorization_acceptor", "authorization_expired", "wrong_wallet_key"]
GRANT = ["grant_member", "grant_class", "grant_acceptor", "grant_expired", "grant_too_long"]
WORD = ["authorization_required", "foreign_custodian"]
LIMITS = ["grant_exhausted", "custodian_member_limit", "custodian_limit", "no_consent_limit", "store_redeem_limit"]

SPENDING = ["unknown_class", "unknown_member", "not_accepted", "holder_not_permitted", "member_frozen"]
SPENDING += WALLET + GRANT + ["amount_zero", "overflow", "insufficient_points", "below_one_fen"]
SPENDING += LIMITS + ["net_debit_cap"]
HOLD_ENDED = ["unknown_hold", "hold_captured", "hold_voided", "hold_timed_out"]
ORIGINAL = [
    "unknown_original",
    "not_reversible",
    "refund_too_late",
    "amount_zero",
    "above_original",
    "store_refund_limit",
]

RULES = {
    "set_clock": ["clock_backwards"],
    "create_class": ["class_exists", "class_out_of_bounds", "unknown_merchant"],
    "add_key": ["key_exists"],
    "revoke_key": ["unknown_operator_key", "key_already_revoked", "last_governor_key"],
    "rotate_key": ["unknown_operator_key", "key_already_revoked", "key_exists"],
    "set_store_limits": [],
    "enrol": ["member_exists"],
    "enrol_wallet": WALLET + ["member_exists"],
    "register_wallet": ["unknown_member", "foreign_custodian", "wallet_exists"] + WALLET,
    "rotate_wallet": ["unknown_member", "wallet_missing", "member_frozen"] + WALLET + ["same_party"],
    "recover_wallet": ["unknown_member", "foreign_custodian", "wallet_missing", "same_party"],
    "freeze": ["unknown_member", "foreign_custodian", "member_frozen"],
    "unfreeze": ["unknown_member", "foreign_custodian", "member_not_frozen"],
    "issue": ["unknown_class", "wrong_party", "unknown_member", "holder_not_permitted", "overflow", "amount_zero"],
    "transfer": ["unknown_class", "unknown_member", "holder_not_permitted", "member_frozen"]
    + WALLET
    + WORD
    + ["amount_zero", "same_party", "insufficient_points"],
    "redeem": SPENDING,
    "hold": SPENDING + ["hold_period"],
    "capture": HOLD_ENDED + ["amount_zero", "above_hold", "below_one_fen", "overflow"],
    "void": HOLD_ENDED,
    "reverse_redeem": ORIGINAL + ["overflow", "net_debit_cap"],
    "reverse_issue": ORIGINAL,
    "exchange": ["unknown_class", "unknown_member", "holder_not_permitted", "member_frozen"]
    + WALLET
    + WORD
    + ["amount_zero", "same_party", "insufficient_points", "overflow", "below_min_out"]
    + ["custodian_member_limit", "custodian_limit", "net_debit_cap"],
    "confirm_leg": ["unknown_leg", "wrong_party", "leg_confirmed", "leg_amount"],
}

DUE = ["closed", "lapsed", "swept", "timed_out"]

# What a receipt or a due record can show beyond having occurred: its kind, the field, and what the field is.
SITUATIONS = {
    "owed points repaid": ("issued", "repaid", True),
    "a purchase too small to earn": ("issued", "points", False),
    "redeemed at the issuer": ("redeemed", "obligation", False),
    "redeemed at another merchant": ("redeemed", "obligation", True),
    "captured in part": ("captured", "released", True),
    "lapsed while held, then captured in part": ("captured", "expired", True),
    "voided": ("voided", "released", True),
    "lapsed while held, then voided": ("voided", "expired", True),
    "timed out": ("timed_out", "released", True),
    "lapsed while held, then timed out": ("timed_out", "expired", True),
    "redemption at the issuer reversed": ("redemption_reversed", "obligation", False),
    "redemption at another merchant reversed": ("redemption_reversed", "obligation", True),
    "issue reversed after the points were spent": ("issue_reversed", "owed", True),
    "refund too small to take points": ("issue_reversed", "points", False),
    "exchanged between issuers": ("exchanged", "obligation", True),
    "exchanged within one issuer": ("exchanged", "obligation", False),
    "exchanged with nothing for the pool": ("exchanged", "pool_obligation", False),
}


class Coverage:
    """Counts outcomes by kind, and due records."""

    def __init__(self):
        self.outcomes = {kind: {} for kind in RULES}
        self.due = dict.fromkeys(DUE, 0)
        self.situations = dict.fromkeys(SITUATIONS, 0)
        self.operations = 0

    def count(self, kind, outcome):
        """Counts the outcome of one operation."""
        name = outcome["rejected"] if "rejected" in outcome else next(iter(outcome))
        self.operations += 1
        self.outcomes[kind][name] = self.outcomes[kind].get(name, 0) + 1
        if isinstance(outcome.get("applied"), dict):
            self.count_situations(outcome["applied"])

    def count_due(self, record):
        """Counts one due record."""
        self.due[next(iter(record))] += 1
        self.count_situations(record)

    def count_situations(self, record):
        """Counts what a receipt or a due record shows."""
        ((what, fields),) = record.items()
        for name, (kind, field, is_something) in SITUATIONS.items():
            if what == kind and (fields[field] != "0") == is_something:
                self.situations[name] += 1

    def table(self):
        """What occurred, a line a kind."""
        for kind, outcomes in self.outcomes.items():
            rejected = {
                name: number for name, number in sorted(outcomes.items()) if name not in ("applied", "duplicate")
            }
            applied, duplicate = outcomes.get("applied", 0), outcomes.get("duplicate", 0)
            yield f"{kind:17} applied {applied:6}  duplicate {duplicate:5}  rejected {sum(rejected.values()):6}"
            yield from wrapped(f"{name} {number}" for name, number in rejected.items())
        yield "due work          " + "  ".join(f"{name} {number}" for name, number in self.due.items())
        yield from wrapped(f"{name}: {number} " for name, number in self.situations.items())

    def missing(self):
        """What should have occurred and did not."""
        for kind, rules in RULES.items():
            for name in ["applied", *rules]:
                if not self.outcomes[kind].get(name):
                    yield f"{kind}: {name}"
        for name in ["duplicate", *ANYONE]:
            if not any(outcomes.get(name) for outcomes in self.outcomes.values()):
                yield f"any kind: {name}"
        for name, number in {**self.due, **self.situations}.items():
            if not number:
                yield name
        yield from self.unlisted()

    def unlisted(self):
        """Kinds and rejections of the page that never occurred, whether or not they are listed here."""
        seen = {name for outcomes in self.outcomes.values() for name in outcomes}
        yield from (f"kind {name} of the page" for name in names_of(6) if "applied" not in self.outcomes.get(name, {}))
        yield from (f"rejection {name} of the page" for name in names_of(8) if name not in seen)


def names_of(section):
    """The names in the table of a section of docs/formats.md: its rows are a number, a name, and more."""
    text = FORMATS.read_text("utf-8").split(f"\n## {section}. ")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in row.split("|")] for row in text.splitlines() if row.startswith("| ")]
    return [row[2].strip("`") for row in rows if row[1].isdigit()]


def wrapped(parts, width=118):
    """Parts in indented lines of at most so many characters."""
    line = "   "
    for part in parts:
        if len(line) + 2 + len(part) > width:
            yield line
            line = "   "
        line += " " + part + " "
    if line.strip():
        yield line
