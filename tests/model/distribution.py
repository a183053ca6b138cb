"""The distribution of the pool for a month that has ended: rules.md section 9.

What issuers owe the pool is passed on to the merchants, as rebates and by share and weight, by debts of the open cycle.
"""

from dataclasses import dataclass
from fractions import Fraction

import closing
import contributions
import settlement
import weights
import when
from amounts import FEN, fen_of
from participants import MAX_CAP_FEN
from rejections import Rejected


@dataclass(frozen=True)
class Share:
    """One merchant's part; its weight in millionths, amounts in fen."""

    merchant: int
    base_share: int
    weight: int
    volume: int
    due: int
    share: int = 0
    paid: int = 0


@dataclass(frozen=True)
class Distribution:
    """What a distribution came to. `pool` and `carry` are CNY, exact; the reserve is fen."""

    height: int
    time_ms: int
    pool: Fraction
    shares: tuple
    reserve: int
    carry: Fraction


def distribute(books, month):
    """Shares the pool out for a month; gives its record, if there was anything to share or to tell."""
    parts = [part_of(books, month, merchant) for merchant in present(books)]
    pool, due = sum(books.claims.values()), sum(part.due for part in parts)
    if not pool and not due:
        return []
    whole = {issuer: whole_fen(claim) for issuer, claim in sorted(books.claims.items())}
    available = min(whole_fen(pool), sum(whole.values()))
    is_last = (month + 1) % weights.QUARTER == 0
    covered = min(due, available)
    reserve, paid = (0, covered) if is_last else (covered, 0)
    rebates = apportion(paid, [part.due for part in parts])
    shares = apportion(available - covered, [part.base_share * part.weight for part in parts])
    given = paid + sum(shares)
    taken = dict(zip(whole, apportion(given, list(whole.values()))))
    got = {part.merchant: share + rebate for part, share, rebate in zip(parts, shares, rebates)}
    debts = pass_on(books, got, taken)
    if debts is None:
        return []
    settled = tuple(settle(*part) for part in zip(parts, shares, rebates))
    carry = pool - (given + reserve) * FEN
    books.distributions[month] = Distribution(books.height, books.now, pool, settled, reserve, carry)
    told = {"shares_fen": sum(shares), "rebates_fen": paid, "shortfall_fen": due - paid if is_last else 0}
    fen = {name: str(fen) for name, fen in told.items()}
    return [{"distributed": {"month": when.write_month(month), **fen, "debts": debts}}]


def present(books):
    """The merchants whose run-off is not over, by rising id."""
    over = "wound_up", "departed"
    return sorted(name for name, record in books.merchants.items() if record.phase not in over)


def part_of(books, month, merchant):
    """What a merchant's part is worked out from: base share, weight for the month, rebate on its quarter so far."""
    most = max(contributions.of(books, month, other).honoured for other in present(books))
    weight = weights.weight_of(books.parameters["pool"], contributions.of(books, month, merchant), most)
    volume = weights.volume_fen(books, month, merchant)
    due = weights.rebate_fen(books.parameters["rebate"], volume)
    return Share(merchant, books.merchants[merchant].base_share, weight, volume, due)


def settle(part, share, paid):
    """A part with what came of it."""
    return Share(part.merchant, part.base_share, part.weight, part.volume, part.due, share, paid)


def whole_fen(value):
    """Whole fen of what is there to give, at most as much as any cap; of less than nothing, none."""
    return min(max(0, fen_of(value)), MAX_CAP_FEN)


def apportion(total, weighed):
    """Shares by weight: floors first, then one each by largest remainder, ties to the earlier; none without weights."""
    whole = sum(weighed)
    if not whole:
        return [0 for _ in weighed]
    floors = [divmod(total * weight, whole) for weight in weighed]
    rest = total - sum(share for share, _ in floors)
    by_remainder = sorted(range(len(weighed)), key=lambda at: (-floors[at][1], at))
    return [share + (at in by_remainder[:rest]) for at, (share, _) in enumerate(floors)]


def pass_on(books, got, taken):
    """Books what each gets less what was taken of its claim, by legs as in a close; gives these debts.

    Where there is no room, it books nothing and gives none at all.
    """
    mark = books.mark()
    for issuer, fen in taken.items():
        settlement.owe_pool(books, issuer, -fen * FEN)
    nets = {name: got.get(name, 0) - taken.get(name, 0) for name in sorted(got.keys() | taken.keys())}
    debts = []
    try:
        for payer, payee, fen in closing.payments_of({name: net for name, net in nets.items() if net}):
            settlement.book(books, payer, payee, "distribution", fen * FEN)
            debts.append({"debtor": payer, "creditor": payee, "amount_fen": str(fen)})
    except Rejected:
        books.undo(mark)
        return None
    return debts
