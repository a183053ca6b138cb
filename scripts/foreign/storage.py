#!/usr/bin/env python3
"""Balances as storage proofs of EIP-1186, and that nothing is there, with PyPI's trie (the trie of py-evm).

    scripts/foreign/storage.py TRUST.json balance|absence PROOF.json

The root comes from the state note, which notes.py opened. Damaged copies must be refused.
"""
import sys

import rlp
from bech32m.codecs import bech32_decode, convertbits
from eth_hash.auto import keccak
from trie import HexaryTrie

import notes


def slot_of(card, class_):
    """Where OpenZeppelin's ERC1155 stores a balance."""
    prefix, words, _ = bech32_decode(card)
    assert prefix == "tally", card
    holder = bytes(convertbits(words, 5, 8, False))
    return keccak(holder.rjust(32, b"\0") + keccak(class_.to_bytes(32, "big") + bytes(32)))


def check(trust, fact):
    """What stands under the root is the balance; nothing, for none."""
    root = trust.state(fact["state"])["erc1155_root"]
    nodes = [rlp.decode(bytes.fromhex(node)) for node in fact["nodes"]]
    value = HexaryTrie.get_from_proof(root, keccak(slot_of(fact["holder"], fact["class"])), nodes)
    points = int(fact["points"])
    if value != (rlp.encode(points) if points else b""):
        notes.refused("another value stands under the root")


def main():
    """Checks a proof, and damaged copies of it."""
    trust, name, fact = notes.Trust(sys.argv[1]), sys.argv[2], notes.read_fact(sys.argv[3])
    assert (fact["points"] == "0") == (name == "absence"), f"{sys.argv[3]} is no proof of {name}"
    check(trust, fact)
    *nodes, last = fact["nodes"]
    damages = {
        "a bit of the last node flipped": {"nodes": [*nodes, notes.flipped(last)]},
        "the last node left out": {"nodes": nodes},
        "another number of points": {"points": str(int(fact["points"]) + 1)},
        "too few signatures": {"state": notes.too_few(fact["state"], trust)},
    }
    for what, change in damages.items():
        notes.must_refuse(lambda: check(trust, {**fact, **change}), what)
    notes.ok(name, "py-trie")


main()
