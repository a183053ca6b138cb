"""The books: everything the alliance remembers, as plain tables.

Every value in a table is immutable (a number, a tuple, a frozen record): changing something means writing a new value
under its key. A table notes what stood there before, so that an operation that is rejected half-way, or an atomic
transaction that fails, leaves nothing behind (`mark`, `undo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import when
from rejections import Rejected
from tables import TABLES, Table

POOL = 0


@dataclass(frozen=True)
class Key:
    """An operator key of a merchant; or the key of a simulated clock, of merchant 0."""

    roles: tuple
    store: int | None = None
    revoked: bool = False


@dataclass(frozen=True)
class Member:
    """A customer. `recovery` is the key that comes and when, of a recovery that was started."""

    custodian: int
    holder: str
    wallet_key: str | None = None
    recovery: tuple | None = None
    frozen: bool = False


@dataclass(frozen=True)
class PointClass:
    """A kind of points and its terms, at its present anchor. `permissions` is None where the terms list none.

    `main` and `split_rate` are those of a sub class, None of any other.
    """

    issuer: int
    decimals: int
    anchor: Fraction
    earn_rate: Fraction
    life_months: int
    accepted_by: tuple
    custodian_member_limit_fen: int
    custodian_limit_fen: int
    permissions: dict | None
    industries: tuple = ()
    main: int | None = None
    split_rate: Fraction | None = None
    breakage: Fraction = Fraction(0)


@dataclass(frozen=True)
class Counters:
    """What became of the points of a class, ever."""

    issued: int = 0
    issues_reversed: int = 0
    redeemed: int = 0
    redemptions_reversed: int = 0
    lapsed: int = 0
    imported: int = 0
    exchanged_in: int = 0
    exchanged_out: int = 0
    bought_out: int = 0
    held: int = 0

    def outstanding(self):
        """The live points of all holdings."""
        came = self.issued + self.redemptions_reversed + self.imported + self.exchanged_in
        went = self.issues_reversed + self.redeemed + self.lapsed + self.exchanged_out + self.bought_out
        return came - went - self.held


@dataclass(frozen=True)
class Kept:
    """An operation that is remembered under its reference, and where its first receipt stands."""

    till: object
    body: object
    height: int
    index: int
    applied: bool


@dataclass(frozen=True)
class Movement:
    """One line of the statement of a holding. `operation` is None for due work."""

    member: str
    point_class: int
    operation: int | None
    delta: int
    reason: str
    lots: tuple


class Books:
    """The tables, the alliance's parameters, and the block that is being executed.

    `agreed` are the parameters as genesis or a change wrote them, `parameters` the same as the rules read them,
    `protocol` the version of the protocol and the first height that runs it. `last_checkpoint_ms` is the time of the
    last block that is a checkpoint; it is pending until the next block puts it on record.
    """

    def __init__(self):
        self.journal = []
        for name in TABLES:
            setattr(self, name, Table(self.journal))
        self.movements = []
        self.parameters = None
        self.agreed = None
        self.protocol = 1, 1
        self.chain_id = None
        self.offset_minutes = 0
        self.simulated = False
        self.open_month = 0
        self.unswept = False
        self.last_checkpoint_ms, self.is_checkpoint_pending = 0, False
        self.height, self.now = 0, 0
        self.keys_before = {}
        self.departed_before = frozenset()
        self.alone = False
        self.operation = None

    def start_block(self, height, now):
        """A new block: what happened before it can no longer be undone, and its keys are those that count."""
        self.height, self.now = height, now
        self.keys_before = dict(self.keys)
        self.departed_before = frozenset(name for name, record in self.merchants.items() if record.phase == "departed")
        self.journal.clear()
        self.movements = []

    @property
    def day(self):
        """The local day of the block."""
        return when.day_of(self.now, self.offset_minutes)

    @property
    def month(self):
        """The local month of the block."""
        return when.month_of(self.now, self.offset_minutes)

    @property
    def cycle(self):
        """The settlement cycle of the block, by its first month."""
        return self.cycle_of(self.month)

    def cycle_of(self, month):
        """The settlement cycle of a month: cycles are counted from January."""
        return month - month % self.parameters["cycle_months"]

    def mark(self):
        """A point to come back to."""
        return len(self.journal), len(self.movements)

    def undo(self, mark):
        """Back to a mark, as if nothing had happened since."""
        changes, movements = mark
        while len(self.journal) > changes:
            table, key, value = self.journal.pop()
            table.put_back(key, value)
        del self.movements[movements:]

    def class_of(self, number):
        """A class that must exist and not be closed."""
        if number not in self.classes:
            raise Rejected("unknown_class")
        self.require_open(number)
        return self.classes[number]

    def require_open(self, number):
        """A class whose issuer is wound up serves no more."""
        if number in self.ended:
            raise Rejected("class_closed")

    def member_of(self, address):
        """A member that must exist."""
        if address not in self.members:
            raise Rejected("unknown_member")
        return self.members[address]
