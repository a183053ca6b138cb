"""Admission: a merchant joins, on criteria that an outside party attests. rules.md section 8."""

from dataclasses import dataclass
from fractions import Fraction

import validators
from amounts import read_fen
from books import Key
from canonical import attested
from ed25519 import is_signed
from participants import MAX_CAP_FEN, Merchant, is_known
from rejections import Rejected

RESERVED = 0, 65535
MOST_PARTICIPANTS = 1000


@dataclass(frozen=True)
class Admission:
    """What a merchant joined with; `from_height` is the first height that its node validates."""

    name: str
    validator_key: str
    network_key: str
    criteria: tuple
    attester: str
    from_height: int


def judge(books, says, _):
    """A new number, keys that no node has, and attested criteria that suffice."""
    merchant = says["merchant"]
    if is_known(books, merchant):
        raise Rejected("merchant_exists")
    is_full = len(books.merchants) + len(books.partners) >= MOST_PARTICIPANTS
    if merchant in RESERVED or int(says["net_debit_cap_fen"]) > MAX_CAP_FEN or is_full:
        raise Rejected("parameters_out_of_bounds")
    if {says["validator_key"], says["cosigner_key"], says["network_key"]} & keys_of_nodes(books):
        raise Rejected("key_exists")
    revenue_fen, members, _ = read_criteria(says)
    required = books.parameters
    if revenue_fen < required["min_annual_revenue_fen"] or members < required["min_members"]:
        raise Rejected("below_criteria")
    if not is_attested(books, says):
        raise Rejected("not_attested")


def keys_of_nodes(books):
    """Keys that any validator ever had, and those of nodes that any merchant joined with."""
    keys = set().union(*(keys for of_height in books.epochs.values() for keys in of_height.values()))
    return keys | {kept.network_key for kept in books.admissions.values()}


def read_criteria(says):
    """(annual revenue in fen, members, industry)."""
    criteria = says["criteria"]
    return int(criteria["annual_revenue_fen"]), criteria["members"], criteria["industry"]


def is_attested(books, says):
    """Whether an attester on record has signed this."""
    is_known_attester = says["attester"] in books.parameters["attesters"]
    return is_known_attester and is_signed(says["attester"], attested(books.chain_id, says), says["attestation"])


def admit(books, says):
    """The merchant takes part; its node validates a few blocks later."""
    merchant = says["merchant"]
    books.merchants[merchant] = Merchant(says["criteria"]["industry"], says["base_share"])
    books.caps[merchant] = read_fen(says["net_debit_cap_fen"])
    books.collateral[merchant] = Fraction(0)
    for key in says["operator_keys"]:
        books.keys[merchant, key["public_key"]] = Key(tuple(key["roles"]), key.get("store_id"))
    from_height = validators.add(books, merchant, (says["validator_key"], says["cosigner_key"]))
    node = says["name"], says["validator_key"], says["network_key"]
    books.admissions[merchant] = Admission(*node, read_criteria(says), says["attester"], from_height)
