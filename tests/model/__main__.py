"""The rules of docs/rules.md written a second time, in plain Python, and a run of both over one history.

    history --seed 1 --operations 20000 | python3 tests/model [--complete]

A history is JSON lines: a genesis, then blocks with their transactions and what the contracts made of them (due
records, receipts, movements), now and then a dump of the contracts' state, and an end. Several histories may follow
each other. This model executes the same transactions by the rules of the page, which it was written from without a look
at the contracts, and compares. It is slow and plain: money is exact fractions, each contract one file, and a new
auditor may read it as the rules. Start with `envelope.py`; a kind's rules are the function that `KINDS` there names.
What merchants vote on is in `changes.py`, what time brings about in `due.py`.

The last line is `model: operations=N mismatches=M`. The exit code is 1 if anything differs, if a history breaks off,
or, with --complete, if a kind, a rejection or a situation that should occur did not.
"""

import json
import sys

import checkpoints
import envelope
from audit import audit
from compare import Differences, compare_movements
from coverage import Coverage
from due import due_work
from dump import dump, without_nothing
from genesis import open_books


class Run:
    """One pass over the histories on standard input."""

    def __init__(self):
        self.books = None
        self.differences = Differences()
        self.coverage = Coverage()

    def genesis(self, line):
        """A new history starts."""
        assert self.books is None, "a history breaks off"
        self.books = open_books(line["chain_id"], line["genesis"])

    def block(self, block):
        """Executes a block and compares what it led to."""
        books, height = self.books, block["height"]
        transactions = block["transactions"]
        books.start_block(height, block["time_ms"])
        books.alone = len(transactions) == 1 and len(transactions[0]["operations"]) == 1
        checkpoints.mark(books, block["parent_log"])
        records = due_work(books)
        self.differences.compare_lists(f"block {height}, due work", "records", block["due"], records)
        for record in block["due"]:
            self.coverage.count_due(books, record)
        index = 0
        assert len(transactions) == len(block["receipts"]), f"block {height}: receipts of every transaction"
        for transaction, receipts in zip(transactions, block["receipts"]):
            outcomes = envelope.execute(books, transaction, index)
            self.compare_receipts(height, index, transaction, receipts, outcomes)
            index += len(outcomes)
        compare_movements(self.differences, height, block["movements"], books.movements)

    def compare_receipts(self, height, first_index, transaction, receipts, outcomes):
        """Compares the receipts of a transaction."""
        assert len(receipts) == len(outcomes), f"block {height}: as many receipts as operations"
        for index, (operation, receipt) in enumerate(zip(transaction["operations"], receipts), first_index):
            kind = next(iter(operation["body"]))
            place = f"block {height}, operation {index} ({kind}, {operation['reference']})"
            self.differences.compare(place, "reference", receipt["reference"], operation["reference"])
            self.differences.compare(place, "", receipt["outcome"], outcomes[index - first_index])
            self.coverage.count(self.books, operation["body"], outcomes[index - first_index])

    def dump(self, state):
        """Compares the whole state; the model's own must add up."""
        audit(self.books)
        ours = without_nothing(dump(self.books))
        self.differences.compare(f"block {self.books.height}, state", "", without_nothing(state), ours)

    def end(self, _):
        """A history is complete."""
        self.books = None


def main():
    """Reads histories, compares, reports; gives the exit code."""
    run, histories = Run(), 0
    for text in sys.stdin:
        ((what, line),) = json.loads(text).items()
        getattr(run, what)(line)
        histories += what == "end"
    broken_off = run.books is not None or not histories
    if broken_off:
        print("the history breaks off: its end is missing")
    for line in run.coverage.table():
        print(line)
    missing = list(run.coverage.missing()) if "--complete" in sys.argv[1:] else []
    for name in missing:
        print(f"never occurred: {name}")
    print(f"model: operations={run.coverage.operations} mismatches={run.differences.count}")
    return 1 if run.differences.count or missing or broken_off else 0


if __name__ == "__main__":
    sys.exit(main())
