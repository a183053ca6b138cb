"""Opens what merchants signed, with the Ed25519 of PyPI's cryptography, over the bytes that C2SP documents.

A checkpoint counts by cosignatures (`tlog-cosignature` v1, type 0x04), a state note by plain signatures (`signed-note`,
type 0x01); each by more than two thirds of the merchants, whose keys come from trust.json. A bad signature of a known
key spoils the note.
"""
import base64
import hashlib
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PLAIN, COSIGNATURE = 1, 4


class Refused(Exception):
    """What was to be checked does not hold."""


def refused(problem):
    """Raises it."""
    raise Refused(problem)


class Trust:
    """Who vouches, and how many of them suffice."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            trust = json.load(file)
        self.chain_id, self.origin, self.needed = trust["chain_id"], trust["origin"], trust["needed"]
        self.keys = {f"{self.origin}/{id}": bytes.fromhex(key) for id, key in trust["cosigners"].items()}

    def checkpoint(self, note):
        """Size and root of a cosigned checkpoint."""
        lines = self.open(note, COSIGNATURE)
        if len(lines) != 3 or lines[0] != self.origin:
            refused("the note is no checkpoint of the log")
        return int(lines[1]), base64.b64decode(lines[2], validate=True)

    def state(self, note):
        """The fields of a signed state note."""
        lines = self.open(note, PLAIN)
        if len(lines) != 6 or lines[0] != f"{self.origin}/state":
            refused("the note is no state note of the log")
        numbers = dict(zip(("height", "time_ms", "log_size"), map(int, lines[1:4])))
        roots = [base64.b64decode(line, validate=True) for line in lines[4:]]
        return {**numbers, "state_root": roots[0], "erc1155_root": roots[1]}

    def open(self, note, kind):
        """The lines of a note that enough merchants signed with signatures of a type."""
        text, _, signatures = note.rpartition("\n\n")
        text += "\n"
        signers = set()
        for line in signatures.splitlines():
            dash, name, encoded = line.split(" ")
            signature = base64.b64decode(encoded, validate=True)
            key = self.keys.get(name)
            if dash != "\u2014" or key is None or signature[:4] != key_id(name, kind, key):
                continue
            signed, signature = text, signature[4:]
            if kind == COSIGNATURE:
                signed = f"cosignature/v1\ntime {int.from_bytes(signature[:8], 'big')}\n{text}"
                signature = signature[8:]
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(signature, signed.encode())
            except InvalidSignature:
                refused(f"a signature of {name} does not hold")
            signers.add(name)
        if len(signers) < self.needed:
            refused(f"{len(signers)} merchants signed, {self.needed} are needed")
        return text.splitlines()


def key_id(name, kind, key):
    """The first 4 bytes of SHA-256(name, newline, type, key)."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def read_fact(path):
    """The fact of a proof file."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)["fact"]


def too_few(note, trust):
    """A note with the signatures of one name less than is needed."""
    text, _, signatures = note.rpartition("\n\n")
    by_name = {}
    for line in signatures.splitlines():
        by_name.setdefault(line.split(" ")[1], []).append(line)
    names = list(by_name)
    kept = [line for name in names[len(names) - trust.needed + 1:] for line in by_name[name]]
    return f"{text}\n\n" + "".join(f"{line}\n" for line in kept)


def must_refuse(check, what):
    """Fails unless a check refuses a damaged copy."""
    try:
        check()
    except Exception:  # Whatever the library has for it: it did not take the copy.
        return
    raise SystemExit(f"a copy with {what} was taken")


def flipped(data):
    """Bytes, or their hexadecimal text, with one bit of the middle flipped."""
    raw = bytearray(bytes.fromhex(data) if isinstance(data, str) else data)
    raw[len(raw) // 2] ^= 1
    return raw.hex() if isinstance(data, str) else bytes(raw)


def ok(fact, verifier):
    """Says what held."""
    print(f"proof: fact={fact} verifier={verifier} ok", flush=True)
