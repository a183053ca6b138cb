"""Counts what occurred in a history, and says what of `expected.py` and `situations.py` did not.

The lists there are those of docs/rules.md. The names are those of docs/formats.md: a kind or a rejection that the page
has and the lists do not is missing too.
"""

from pathlib import Path

from expected import ANYONE, DUE, RULES
from situations import RECEIPTS, REFUSED, SEEN, SHOWN, STANDING, is_shown

FORMATS = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


class Coverage:
    """Counts outcomes by kind, and due records."""

    def __init__(self):
        self.outcomes = {kind: {} for kind in RULES}
        self.due = dict.fromkeys(DUE, 0)
        self.receipts = dict.fromkeys(RECEIPTS, 0)
        self.situations = dict.fromkeys([*SHOWN, *SEEN, *STANDING, *REFUSED], 0)
        self.operations = 0

    def count(self, books, body, outcome):
        """Counts the outcome of one operation; the books are as they stand after its transaction."""
        ((kind, says),) = body.items()
        name = outcome["rejected"] if "rejected" in outcome else next(iter(outcome))
        self.operations += 1
        self.outcomes[kind][name] = self.outcomes[kind].get(name, 0) + 1
        if "applied" in outcome:
            self.count_applied(books, kind, says, outcome["applied"])
        for situation, (of_kind, rejection, holds) in REFUSED.items():
            if (kind, name) == (of_kind, rejection) and holds(books, says):
                self.situations[situation] += 1

    def count_applied(self, books, kind, says, receipt):
        """Counts what an operation that was applied shows."""
        what = receipt if isinstance(receipt, str) else next(iter(receipt))
        self.receipts[what] = self.receipts.get(what, 0) + 1
        if isinstance(receipt, dict):
            self.count_shown(books, receipt)
        for name, (of_kind, holds) in STANDING.items():
            if kind == of_kind and holds(books, says):
                self.situations[name] += 1

    def count_due(self, books, record):
        """Counts one due record; the books are as they stand after all due work of the block."""
        self.due[next(iter(record))] += 1
        self.count_shown(books, record)

    def count_shown(self, books, record):
        """Counts what a receipt or a due record shows, by itself and beside the books."""
        ((what, fields),) = record.items()
        for name, (kind, field, is_what) in SHOWN.items():
            if what == kind and is_shown(fields, field, is_what):
                self.situations[name] += 1
        for name, (kind, holds) in SEEN.items():
            if what == kind and holds(books, fields):
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
        for name, number in {**self.due, **self.receipts, **self.situations}.items():
            if not number:
                yield name
        yield from self.unlisted()

    def unlisted(self):
        """Kinds and rejections of the page that never occurred, whether or not they are listed here."""
        seen = {name for outcomes in self.outcomes.values() for name in outcomes}
        yield from (f"kind {name} of the page" for name in names_of(6) if "applied" not in self.outcomes.get(name, {}))
        yield from (f"rejection {name} of the page" for name in names_of(8) if name not in seen)


def names_of(section):
    """The names in the table that opens a section of docs/formats.md: its rows are a number, a name, and more."""
    text = FORMATS.read_text("utf-8").split(f"\n## {section}. ")[1].split("\n## ")[0].split("\n### ")[0]
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
