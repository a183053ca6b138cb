"""Leaving: the run-off, its end, and the departure. rules.md section 8; what becomes of the points is `buy_outs.py`."""

from dataclasses import replace

import disputes
import electorate
import validators
import when
from amounts import FEN
from participants import is_known, require_merchant, require_staying
from rejections import Rejected

RUN_OFFS_PER_BLOCK = 100


def judge(books, says, _):
    """A merchant that stays so far, to a successor that stays, with classes that its points can become."""
    merchant, successor = says["merchant"], says["successor"]
    require_merchant(books, merchant)
    require_staying(books, merchant)
    if successor == merchant:
        raise Rejected("same_party")
    require_merchant(books, successor)
    require_staying(books, successor)
    for exchange in says["exchanges"]:
        judge_exchange(books, merchant, exchange["from_class"], exchange["to_class"])


def judge_exchange(books, merchant, source, target):
    """Points of a class of the merchant's become those of a main class of one that stays."""
    is_own = books.class_of(source).issuer == merchant
    terms = books.class_of(target)
    is_others = terms.issuer != merchant and books.merchants[terms.issuer].phase == "staying"
    if not is_own or not is_others or terms.main is not None:
        raise Rejected("not_exchangeable")


def start_run_off(books, says):
    """No new points of the merchant's come about from now on."""
    merchant, exchanges = says["merchant"], says["exchanges"]
    books.merchants[merchant] = replace(
        books.merchants[merchant],
        phase="running_off",
        until_ms=books.now + books.parameters["run_off_days"] * when.DAY,
        successor=says["successor"],
        exchanges=tuple((exchange["from_class"], exchange["to_class"]) for exchange in exchanges),
    )


def wind_up(books):
    """Ends the run-offs whose time has come, earliest first; gives a record of each."""
    leaving = ((record.until_ms, name) for name, record in books.merchants.items() if record.phase == "running_off")
    due = sorted(place for place in leaving if place[0] <= books.now)
    return [wind_up_one(books, merchant) for _, merchant in due[:RUN_OFFS_PER_BLOCK]]


def wind_up_one(books, merchant):
    """Closes a merchant's classes; its members pass to its successor. Gives the record."""
    record = books.merchants[merchant]
    books.merchants[merchant] = replace(record, phase="wound_up")
    own = sorted(number for number, terms in books.classes.items() if terms.issuer == merchant)
    for number in own:
        if number in books.announced:
            del books.announced[number]
        books.ended[number] = dict(record.exchanges).get(number)
        books.buy_outs[number] = books.now
    return {"wound_up": {"merchant": merchant, "successor": record.successor, "classes": len(own)}}


def depart(books, operation):
    """Ends the membership of a merchant with which nothing is open any more."""
    merchant = operation.says["merchant"]
    if not is_known(books, merchant):
        raise Rejected("unknown_merchant")
    if merchant != operation.merchant and operation.merchant not in electorate.merchants(books):
        raise Rejected("wrong_party")
    phase = books.merchants[merchant].phase if merchant in books.merchants else "staying"
    hindrance = {"staying": "not_leaving", "running_off": "run_off_running", "departed": "merchant_gone"}
    if phase in hindrance:
        raise Rejected(hindrance[phase])
    if is_anything_open(books, merchant):
        raise Rejected("positions_open")
    from_height = validators.remove(books, merchant)
    books.merchants[merchant] = replace(books.merchants[merchant], phase="departed", from_height=from_height)
    return {"departed": {"from_height": from_height}}


def is_anything_open(books, merchant):
    """Points to be worked off, a position, a leg, a dispute, or a fen of the pool's."""
    points = any(books.classes[number].issuer == merchant for number in books.buy_outs)
    position = any(table.get(merchant, 0) for table in (books.payable, books.receivable, books.reserved))
    legs = any(leg.state == "open" and merchant in (leg.payer, leg.payee) for leg in books.legs.values())
    running = (dispute for dispute in books.disputes.values() if disputes.is_running(dispute))
    disputed = any(merchant in (dispute.debtor, dispute.creditor) for dispute in running)
    return points or position or legs or disputed or abs(books.claims.get(merchant, 0)) >= FEN
