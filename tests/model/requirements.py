"""What several kinds require of a holder, a balance or an amount; each names the rule that is broken otherwise."""

import holdings
from amounts import fen_of
from rejections import Rejected


def require_permitted(terms, holder, use):
    """What the class's terms let this kind of holder do; without a list, members everything and others nothing."""
    if terms.permissions is None:
        permitted = holder == "member"
    else:
        permitted = use in terms.permissions.get(holder, ())
    if not permitted:
        raise Rejected("holder_not_permitted")


def require_not_frozen(member):
    """A frozen member gives nothing."""
    if member.frozen:
        raise Rejected("member_frozen")


def require_points(says):
    """The points that an operation names: at least one minor unit."""
    points = int(says["points"])
    if points == 0:
        raise Rejected("amount_zero")
    return points


def require_balance(books, member, number, points):
    """A member can give live points only."""
    if holdings.balance(books, member, number) < points:
        raise Rejected("insufficient_points")


def require_min_out(says, out):
    """Something comes out of a change of class, and no less than was asked for."""
    if out == 0 or out < int(says["min_out"]):
        raise Rejected("below_min_out")


def require_one_fen(value):
    """What is worth less than one fen takes nothing off a bill."""
    if fen_of(value) < 1:
        raise Rejected("below_one_fen")
