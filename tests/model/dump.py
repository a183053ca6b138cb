"""The books written as the history writes the contracts' state, so that the two can be laid side by side.

A dump is {table: {name: value}}, all as text. What is nothing (a zero, an empty holding) is left out on both sides.
"""

import business_days
import checkpoints
import joint
import rates
import written_governance as governed
from amounts import write_fen, write_obligation, write_rate
from genesis import CLOCK
from when import write_day, write_month
from written import (
    announced,
    counters,
    dispute,
    gross,
    hold,
    join,
    key,
    leg,
    lots,
    made_by,
    member,
    pair_net,
    position,
    statement,
    store,
)


def dump(books):
    """All tables that are compared."""
    return {
        "schedule": schedule(books),
        "business_days": business_days_named(books),
        "voices": voices(books),
        "members": {name: member(books, record) for name, record in books.members.items()},
        "keys": {join(*name): key(record) for name, record in books.keys.items() if name[0] != CLOCK},
        "stores": {join(*name): store(limits) for name, limits in books.stores.items()},
        "holdings": {join(*name): lots(held) for name, held in books.holdings.items()},
        "owed": {join(*name): str(points) for name, points in books.owed.items()},
        "holds": {join(*name): hold(held) for name, held in books.holds.items() if held.state == "open"},
        "classes": {str(number): counters(record) for number, record in books.counters.items()},
        "live": {join(number, write_month(month)): str(points) for (number, month), points in books.live.items()},
        "used": used(books),
        "imports": imports(books),
        **anchors(books),
        **governance(books),
        **pool(books),
        **settlement(books),
        **vouched_for(books),
    }


def anchors(books):
    """The rate table, and what is to come of it."""
    return {
        "rates": {"version": str(rates.version_of(books))},
        "anchors": {str(number): write_rate(terms.anchor) for number, terms in books.classes.items()},
        "announced": {str(number): announced(*change) for number, change in books.announced.items()},
        "versions": {str(version): made_by(record) for version, record in books.versions.items()},
    }


def governance(books):
    """Who takes part, what merchants decide, and what it changed."""
    return {
        "parameters": books.agreed,
        "protocol": dict(zip(("version", "from_height"), map(str, books.protocol))),
        "merchants": {str(party): governed.party(books, party) for party in books.caps},
        "epochs": {str(height): governed.validators(named) for height, named in books.epochs.items()},
        "admissions": {str(merchant): governed.admission(record) for merchant, record in books.admissions.items()},
        "proposals": {join(*name): governed.proposal(record) for name, record in books.proposals.items()},
        "pairs": {join(*pair): governed.pair(terms) for pair, terms in books.pairs.items()},
        "ratios": governed.ratios(books),
        "terms": {str(number): governed.terms(record) for number, record in books.classes.items()},
        "ended": {str(number): str(into) if into else "bought out" for number, into in books.ended.items()},
        "buy_outs": {str(number): governed.later(books, time_ms) for number, time_ms in books.buy_outs.items()},
    }


def pool(books):
    """What merchants contributed, and how the pool was shared."""
    return {
        "contributions": {
            join(write_month(month), merchant): governed.contribution(record)
            for (month, merchant), record in books.contributions.items()
        },
        "distributions": {
            write_month(month): governed.distribution(record) for month, record in books.distributions.items()
        },
        "referrals": {join(*name): governed.referral(record) for name, record in books.referrals.items()},
    }


def settlement(books):
    """The tables of who owes whom."""
    return {
        "gross": {join(write_month(name[0]), *name[1:]): gross(record) for name, record in books.gross.items()},
        "positions": {str(party): position(books, party) for party in books.caps},
        "collateral": {str(party): write_fen(amount) for party, amount in books.collateral.items()},
        "claims": {str(merchant): write_obligation(owed) for merchant, owed in books.claims.items()},
        "carries": {join(*pair): write_obligation(carry) for pair, carry in books.carries.items()},
        "statements": {write_month(cycle): statement(record) for cycle, record in books.statements.items()},
        "pair_nets": {join(write_month(name[0]), *name[1:]): pair_net(net) for name, net in books.pair_nets.items()},
        "legs": {join(write_month(cycle), number): leg(record) for (cycle, number), record in books.legs.items()},
        "disputes": {join(*name): dispute(record) for name, record in books.disputes.items()},
    }


def vouched_for(books):
    """Checkpoints, what merchants vouch for, and evidence from outside."""
    return {
        "checkpoint_clock": governed.checkpoint_clock(books, checkpoints.latest_final(books)),
        "checkpoints": {str(height): governed.checkpoint(record) for height, record in books.checkpoints.items()},
        "attestations": {join(*name): governed.attestation(kept) for name, kept in books.attestations.items()},
        "evidence": {join(*name): governed.place(kept) for name, kept in books.anchors.items()},
    }


def schedule(books):
    """The month that has not lapsed, and the cycle that is open."""
    cycle = books.cycle_of(books.open_month)
    return {"open_month": write_month(books.open_month), "open_cycle": write_month(cycle)}


def business_days_named(books):
    """The days that are not what their weekday makes them."""
    named = {day: is_one for day, is_one in books.calendar.items() if is_one != business_days.by_weekday(day)}
    return {write_day(day): "yes" if is_one else "no" for day, is_one in named.items()}


def voices(books):
    """Who has asked for joint acts that wait, by when that began; what is asked for is not said."""
    waiting = {}
    for kept in books.voices.values():
        if not joint.forgotten(books, kept):
            name = join(kept.begun_ms, *sorted(kept.merchants))
            waiting[name] = waiting.get(name, 0) + 1
    return {name: str(acts) for name, acts in waiting.items()}


def imports(books):
    """How many external references of each partner have served."""
    partners = [partner for partner, _ in books.imports]
    return {str(partner): str(partners.count(partner)) for partner in books.partners}


def used(books):
    """What limits of today and grants that are still good were charged; a grant goes by its key, class and nonce."""
    spent = {}
    for (limit, *name), amount in books.used.items():
        if limit == "grant":
            _, _, number, _, expires_ms, nonce, key, _ = name[0]
            if books.now < expires_ms:
                spent[join(limit, key, number, nonce)] = str(amount)
        elif name[0] == books.day:
            spent[join(limit, *name[1:])] = str(amount)
    return spent


def without_nothing(value):
    """The same without zeros, empty texts and empty tables: they are left out where nothing stands."""
    if isinstance(value, dict):
        kept = {name: without_nothing(part) for name, part in value.items()}
        return {name: part for name, part in kept.items() if part not in (None, {}, "0", False)}
    return value
