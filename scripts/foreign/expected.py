#!/usr/bin/env python3
"""What programs of Ethereum must find on a node, worked out without asking it: contract, chain and URI follow from the
chain id (docs/http.md, Ethereum), balances are the sums of the moves that were made, and the storage root is what the
merchants signed at the last checkpoint.

    scripts/foreign/expected.py TRUST.json MOVES.jsonl URL TOKEN_FILE > expected.json

URL is the node's; the token goes into the path, for clients that take nothing but a URL.
"""
import json
import sys
from collections import defaultdict
from pathlib import Path

from bech32m.codecs import bech32_decode, convertbits
from eth_hash.auto import keccak
from eth_utils import to_checksum_address

import notes


def holder_of(card):
    """The address that a card code holds."""
    prefix, words, _ = bech32_decode(card)
    assert prefix == "tally", card
    return to_checksum_address(bytes(convertbits(words, 5, 8, False)))


def sums(moves):
    """What each holder has of each class after all moves; nothing, for who spent all of it."""
    held = defaultdict(int)
    for move in moves:
        if "from" in move:
            held[move["from"], move["id"]] -= int(move["value"])
        if "to" in move:
            held[move["to"], move["id"]] += int(move["value"])
    return held


def main():
    """Prints what is expected."""
    trust, path, url, token = notes.Trust(sys.argv[1]), *sys.argv[2:]
    moves = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    *_, checkpoint = (move for move in moves if move["kind"] == "checkpoint")
    state = trust.state(checkpoint["state"])
    chain_id = bytes.fromhex(trust.chain_id)
    expected = {
        "url": f"{url}/ethereum/{Path(token).read_text(encoding='utf-8').strip()}",
        "contract": to_checksum_address(keccak(b"tally/erc1155/v1\0" + chain_id)[-20:]),
        "chain_number": int.from_bytes(chain_id[:6], "big") or 1,
        "uri": f"tally:{trust.chain_id}/{{id}}",
        "checkpoint": {"height": state["height"], "root": f"0x{state['erc1155_root'].hex()}"},
        "balances": [
            {"holder": holder_of(card), "id": class_, "value": str(points)}
            for (card, class_), points in sums(moves).items()
        ],
    }
    print(json.dumps(expected, indent=1))


main()
