"""Who owes whom: booking, what open holds reserve, net debit caps and collateral. rules.md section 4."""

from dataclasses import dataclass, replace
from fractions import Fraction

import contributions
import joint
from amounts import FEN, MAX_PAIR_TOTAL, read_fen
from rejections import Rejected

NONE = Fraction(0)
MAX_COLLATERAL = Fraction(10**13)


@dataclass(frozen=True)
class Gross:
    """What a debtor came to owe a creditor in a cycle, by kind; CNY."""

    redemption: Fraction = NONE
    exchange: Fraction = NONE
    imported: Fraction = NONE
    adjustment: Fraction = NONE
    buy_out: Fraction = NONE
    distribution: Fraction = NONE

    def total(self):
        """All kinds together."""
        return sum(vars(self).values())


def owe_acceptor(books, merchant, number, value, judge_cap):
    """The class's issuer owes the merchant that honoured its points; itself it owes nothing. Gives what is owed."""
    issuer = books.classes[number].issuer
    if issuer == merchant:
        return NONE
    book(books, issuer, merchant, "redemption", value)
    if judge_cap:
        require_cap(books, issuer)
    return value


def owe_issuer(books, merchant, number, value):
    """Books a value against what the issuer owes the merchant, who may come to owe; judged by the merchant's cap."""
    issuer = books.classes[number].issuer
    if issuer == merchant:
        return NONE
    book(books, issuer, merchant, "redemption", -value)
    require_cap(books, merchant)
    return value


def owe_pool(books, issuer, value):
    """Adds to what an issuer owes the alliance's pool; gives what was added."""
    books.claims[issuer] = books.claims.get(issuer, NONE) + value
    return value


def book(books, debtor, creditor, kind, value):
    """Books a value, negative for a reversal, that the debtor owes the creditor in the open cycle."""
    name = books.cycle, debtor, creditor
    before = books.gross.get(name, Gross())
    after = replace(before, **{kind: getattr(before, kind) + value})
    if abs(after.total()) > MAX_PAIR_TOTAL:
        raise Rejected("overflow")
    books.gross[name] = after
    books.payable[debtor] = books.payable.get(debtor, NONE) + value
    books.receivable[creditor] = books.receivable.get(creditor, NONE) + value
    if kind == "redemption":
        contributions.add(books, creditor, honoured=value)


def reserve(books, issuer, value):
    """Adds to what open holds may come to cost an issuer, or takes off."""
    if value:
        books.reserved[issuer] = books.reserved.get(issuer, NONE) + value


def require_cap(books, party, name="net_debit_cap"):
    """The net debit of a merchant or partner may not exceed its cap and its collateral."""
    if net_debit(books, party) > books.caps[party] + books.collateral[party]:
        raise Rejected(name)


def net_debit(books, party):
    """What a merchant or partner owes on balance, may come to owe, and has been asked to pay."""
    owed = books.payable.get(party, NONE) - books.receivable.get(party, NONE)
    return max(NONE, owed) + books.reserved.get(party, NONE) + books.unconfirmed.get(party, NONE)


def set_collateral(books, operation):
    """The merchants put on record, together, what one of them or a partner has posted."""
    party, collateral = operation.says["merchant"], read_fen(operation.says["collateral_fen"])
    if party not in books.caps:
        raise Rejected("unknown_merchant")
    if collateral > MAX_COLLATERAL:
        raise Rejected("overflow")
    is_lower = collateral < books.collateral[party]
    if is_lower and net_debit(books, party) > books.caps[party] + collateral:
        raise Rejected("net_debit_cap")
    voiced = joint.voice(books, operation)
    if voiced:
        return voiced
    books.collateral[party] = collateral
    return "collateral_set"


def unconfirmed(books, payer, amount_fen):
    """Adds to what a payer has been asked to pay and is not confirmed, or takes off."""
    books.unconfirmed[payer] = books.unconfirmed.get(payer, NONE) + amount_fen * FEN
