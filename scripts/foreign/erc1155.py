#!/usr/bin/env python3
"""Reads a node's ledger as a contract of ERC-1155 with web3.py, which knows nothing of Tally, and checks the storage
proofs that it gives with PyPI's trie.

    scripts/foreign/erc1155.py EXPECTED.json

EXPECTED.json is that of erc1155.mjs beside this file, and so is the line that is printed.
"""
import json
import sys
from collections import defaultdict

import rlp
from eth_utils import keccak, to_checksum_address
from trie import HexaryTrie
from trie.exceptions import BadTrieProof
from web3 import Web3
from web3.exceptions import ContractLogicError, Web3RPCError

ZERO = "0x" + "00" * 20
NOBODY = to_checksum_address("0x" + "00" * 18 + "dead")
INTERFACES = {"01ffc9a7": True, "d9b67a26": True, "0e89341c": True, "ffffffff": False}


def function(name, inputs, outputs, mutability="view"):
    """An entry of the ABI."""
    named = lambda types: [{"name": f"_{at}", "type": kind} for at, kind in enumerate(types)]
    return {
        "type": "function", "name": name, "stateMutability": mutability,
        "inputs": named(inputs), "outputs": named(outputs),
    }


def event(name, data):
    """An event of the standard: operator, from and to are indexed."""
    indexed = [{"name": of, "type": "address", "indexed": True} for of in ("operator", "from", "to")]
    return {
        "type": "event", "name": name, "anonymous": False,
        "inputs": indexed + [{"name": of, "type": kind, "indexed": False} for of, kind in data],
    }


ABI = [
    function("balanceOf", ["address", "uint256"], ["uint256"]),
    function("balanceOfBatch", ["address[]", "uint256[]"], ["uint256[]"]),
    function("isApprovedForAll", ["address", "address"], ["bool"]),
    function("setApprovalForAll", ["address", "bool"], [], "nonpayable"),
    function("uri", ["uint256"], ["string"]),
    function("supportsInterface", ["bytes4"], ["bool"]),
    event("TransferSingle", [("id", "uint256"), ("value", "uint256")]),
    event("TransferBatch", [("ids", "uint256[]"), ("values", "uint256[]")]),
]


def check_calls(expected, w3, token, held):
    """Every reading function answers what is expected, and the writing ones are refused."""
    call = token.functions
    assert w3.is_connected() and w3.eth.chain_id == expected["chain_number"]
    assert w3.net.version == str(expected["chain_number"])
    assert len(w3.eth.get_code(token.address)) > 0
    for (holder, number), value in held.items():
        assert call.balanceOf(holder, number).call() == value, (holder, number)
    holders, ids = zip(*held)
    assert call.balanceOfBatch(holders, ids).call() == list(held.values())
    assert call.uri(1).call() == expected["uri"]
    for interface, is_there in INTERFACES.items():
        assert call.supportsInterface(bytes.fromhex(interface)).call() == is_there
    assert call.isApprovedForAll(holders[0], NOBODY).call() is False
    try:
        call.setApprovalForAll(NOBODY, True).call()
        raise AssertionError("an approval was taken")
    except ContractLogicError as error:
        assert "POST /v1/operations" in str(error), error
    try:
        w3.eth.send_raw_transaction(b"\x01")
        raise AssertionError("a transaction was taken")
    except Web3RPCError as error:
        assert "reads only" in str(error), error


def check_events(w3, token, held):
    """The events sum up to what is held, by everyone."""
    singles = token.events.TransferSingle().get_logs(from_block=0)
    batches = token.events.TransferBatch().get_logs(from_block=0)
    replayed = defaultdict(int)
    for log in sorted([*singles, *batches], key=lambda log: (log.blockNumber, log.logIndex)):
        is_batch = log.event == "TransferBatch"
        moved = zip(log.args.ids, log.args["values"]) if is_batch else [(log.args.id, log.args.value)]
        for number, value in moved:
            assert value > 0
            replayed[log.args["from"], number] -= value
            replayed[log.args["to"], number] += value
            assert log.args["from"] == ZERO or replayed[log.args["from"], number] >= 0
    replayed = {key: value for key, value in replayed.items() if key[0] != ZERO and value}
    assert replayed == {key: value for key, value in held.items() if value}, (replayed, held)
    block = w3.eth.get_block(singles[-1].blockHash)
    assert block.number == singles[-1].blockNumber
    assert block.transactions[singles[-1].transactionIndex] == singles[-1].transactionHash
    assert w3.eth.get_block(block.number - 1).hash == block.parentHash
    return len(singles), len(batches)


def slot(holder, number):
    """Where OpenZeppelin's contract stores a balance."""
    inner = keccak(number.to_bytes(32, "big") + bytes(32))
    return keccak(bytes.fromhex(holder[2:]).rjust(32, b"\0") + inner)


def check_proofs(w3, token, held, checkpoint):
    """Balances, and that nobody holds anything, follow from the storage root that merchants signed; a lie does not."""
    asked = [*held, (NOBODY, 1)]
    slots = [slot(*key) for key in asked]
    proof = w3.eth.get_proof(token.address, [int.from_bytes(key, "big") for key in slots], "latest")
    block = int(proof.blockNumber, 16) if isinstance(proof.blockNumber, str) else proof.blockNumber
    assert (block, "0x" + bytes(proof.storageHash).hex()) == (checkpoint["height"], checkpoint["root"]), proof
    for (holder, number), key, proved in zip(asked, slots, proof.storageProof):
        value = int.from_bytes(proved.value, "big") if isinstance(proved.value, bytes) else proved.value
        assert value == token.functions.balanceOf(holder, number).call(block_identifier=block), holder
        nodes = [rlp.decode(bytes(node)) for node in proved.proof]
        found = HexaryTrie.get_from_proof(bytes(proof.storageHash), keccak(key), nodes)
        assert found == (rlp.encode(value) if value else b"")
        try:
            HexaryTrie.get_from_proof(keccak(b"another root"), keccak(key), nodes)
            raise AssertionError("a proof under another root was taken")
        except BadTrieProof:
            pass
    return len(asked), block


def main():
    """Checks what is expected, and says how much it was."""
    with open(sys.argv[1], encoding="utf-8") as file:
        expected = json.load(file)
    w3 = Web3(Web3.HTTPProvider(expected["url"]))
    token = w3.eth.contract(address=to_checksum_address(expected["contract"]), abi=ABI)
    key = lambda balance: (to_checksum_address(balance["holder"]), int(balance["id"]))
    held = {key(balance): int(balance["value"]) for balance in expected["balances"]}
    check_calls(expected, w3, token, held)
    singles, batches = check_events(w3, token, held)
    slots, block = check_proofs(w3, token, held, expected["checkpoint"])
    print(f"erc1155: client=web3.py ok balances={len(held)} singles={singles} batches={batches} "
          f"slots={slots} block={block}")


main()
