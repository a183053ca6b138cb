#!/usr/bin/env python3
"""What a checker of proofs has to bring, made from the genesis and an archive alone: who vouches.

    scripts/foreign/trust.py genesis.json chain.tally > trust.json

The chain id is the SHA-256 of the genesis's canonical bytes, which are the first frame of an archive (docs/formats.md,
sections 2 and 14); it names the log. The merchants' cosigner keys are those of genesis.json, and are found in these
bytes again.
"""
import base64
import hashlib
import json
import sys


def genesis_bytes(archive):
    """The payload of an archive's first frame, after magic 10, version 2, kind 4, height 8, length 4, check sum 4."""
    assert archive[:10] == b"\x89TALLY\r\n\x1a\n" and archive[12:16] == b"\1\0\0\0", "no archive"
    length = int.from_bytes(archive[24:28], "little")
    return archive[32:32 + length]


def log_key(origin, key):
    """The key as C2SP `signed-note` writes it, under the log's name: what the operator of a witness is told."""
    typed = b"\1" + key
    identity = hashlib.sha256(origin.encode() + b"\n" + typed).digest()[:4]
    return f"{origin}+{identity.hex()}+{base64.b64encode(typed).decode()}"


def main():
    """Prints who vouches."""
    genesis = json.load(open(sys.argv[1], encoding="utf-8"))
    canonical = genesis_bytes(open(sys.argv[2], "rb").read(1 << 20))
    chain_id = hashlib.sha256(b"tally/genesis/v1\0" + canonical).hexdigest()
    keys = {str(merchant["id"]): merchant["cosigner_key"] for merchant in genesis["merchants"]}
    for merchant, key in keys.items():
        assert bytes.fromhex(key) in canonical, f"the archive is of a genesis where merchant {merchant} has another key"
    origin = f"tally/{chain_id}"
    trust = {
        "chain_id": chain_id,
        "origin": origin,
        "cosigners": keys,
        "needed": len(keys) * 2 // 3 + 1,
        "log_keys": [log_key(origin, bytes.fromhex(key)) for key in keys.values()],
    }
    print(json.dumps(trust, indent=1))


main()
