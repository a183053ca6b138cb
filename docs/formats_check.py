#!/usr/bin/env python3
"""Reads docs/formats.md the way an outsider would: none of Tally's code, Python 3.8 and nothing else.

    docs/formats_check.py                  every golden line of the contracts, and the golden archive of the ledger
    docs/formats_check.py chain.tally      an exported chain: hash chain, certificates, transactions' roots, and the
                                           signatures of operators and wallets

It executes nothing: receipts, log roots and state hashes are the business of `tally verify`. Exit code 1 at the first
difference. A new golden line has to be written here too, from the page: that is the point. Only the codes of rejections
are taken from the page's own table.
"""
import base64
import hashlib
import pathlib
import re
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent


# --- Section 1 and 2: encoding, domains ---

def le(value, size):
    return value.to_bytes(size, "little", signed=value < 0)


def seq(items):
    return le(len(items), 8) + b"".join(items)


def text(words):
    return le(len(words.encode()), 8) + words.encode()


def number(data):
    return int.from_bytes(data, "little")


def some(*parts):
    return b"\1" + b"".join(parts)


NONE = b"\0"


def domain_hash(domain, *parts):
    return hashlib.sha256(b"tally/" + domain.encode() + b"/v1\0" + b"".join(parts)).digest()


# --- Section 2: Ed25519 by ZIP-215 (cofactored; no small-order keys) ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_MINUS_1 = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


def add(a, b):
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, z - t, z + t, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n, point):
    result = IDENTITY
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def decompress(data):
    y = number(data) & (1 << 255) - 1
    sign = data[31] >> 7
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * v**3 * pow(u * v**7 % P, (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ROOT_MINUS_1 % P
    if (v * x * x - u) % P:
        return None
    x = -x % P if x & 1 != sign else x
    return x, y % P, 1, x * y % P


BASE = decompress(le(4 * pow(5, P - 2, P) % P, 32))
KEYS = {}


def verifies(key, message, signature):
    if key not in KEYS:
        KEYS[key] = decompress(key)
    a, r, s = KEYS[key], decompress(signature[:32]), number(signature[32:])
    if a is None or r is None or s >= L or same(multiply(8, a), IDENTITY):
        return False
    k = number(hashlib.sha512(signature[:32] + key + message).digest()) % L
    return same(multiply(8 * s, BASE), multiply(8, add(r, multiply(k, a))))


# --- Sections 3 to 9 and 13: every line of tests/golden/contracts.txt ---

def reference(time_ms, free):
    high, low = free >> 62 & 0xFFF, free & (1 << 62) - 1
    return le(time_ms << 80 | 7 << 76 | high << 64 | 2 << 62 | low, 16)


def month(year, number_in_year):
    return le((year - 1970) * 12 + number_in_year - 1, 2)


def rejections(page):
    """The table of section 8, as golden lines."""
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| .+ \| (?:yes|no) \|$", page, re.MULTILINE)
    assert rows == sorted(set(rows)) and rows, "the page's rejections stand once each, by rising code"
    return {f"rejection.{code}.{name}": le(int(code), 2) for code, name in rows}


def contracts(golden, page):
    chain, a, b, key, other_key = b"\x11" * 32, b"\xaa" * 20, b"\xbb" * 20, b"\x88" * 32, b"\x99" * 32
    now, hour, week, expires = 1483246800000, 3600000, 604800000, month(2018, 1)
    anchor, original, signature = le(15000, 8), reference(now, 1), b"\x66" * 64
    lots = seq([expires + le(3, 8)])
    permissions = seq([le(2, 4) + seq([le(1, 4), le(3, 4)])])
    places = seq([le(1, 2), le(2, 2)]) + seq([le(5211, 2)]) + some(le(6, 4), le(900000, 8))
    terms = le(2, 1) + anchor + le(1500000, 8) + le(12, 2) + places + permissions + le(1, 8) + le(2, 8) + le(3, 8)
    march, disputed = month(2017, 3), le(2, 2) + original
    bodies = {
        "set_clock": le(1, 4) + le(now, 8),
        "create_class": le(2, 4) + le(7, 4) + terms,
        "add_key": le(3, 4) + key + seq([le(2, 4)]) + some(le(12, 4)),
        "revoke_key": le(4, 4) + key,
        "rotate_key": le(5, 4) + key + other_key,
        "set_store_limits": le(6, 4) + le(12, 4) + le(100, 8) + le(200, 8),
        "announce_anchor": le(7, 4) + le(7, 4) + le(12000, 8) + le(now + hour, 8),
        "set_business_days": le(8, 4) + seq([le(17193, 4) + b"\0"]),
        "set_collateral": le(9, 4) + le(2, 2) + le(300, 8),
        "enrol": le(10, 4) + le(1, 4) + b"\xcc" * 32,
        "enrol_wallet": le(11, 4) + le(3, 4) + key,
        "register_wallet": le(12, 4) + a + key,
        "rotate_wallet": le(13, 4) + a + other_key,
        "recover_wallet": le(14, 4) + a + other_key,
        "freeze": le(15, 4) + a,
        "unfreeze": le(16, 4) + a,
        "issue": le(20, 4) + le(7, 4) + a + seq([le(3, 4) + le(1250, 8), le(4, 4) + le(99, 8)]),
        "transfer": le(21, 4) + le(7, 4) + a + b + le(5, 8),
        "redeem": le(22, 4) + le(7, 4) + a + le(6, 8),
        "hold": le(23, 4) + le(7, 4) + a + le(7, 8) + le(now + hour, 8),
        "capture": le(24, 4) + original + le(5, 8),
        "void": le(25, 4) + original,
        "reverse_redeem": le(26, 4) + original + le(3, 8),
        "reverse_issue": le(27, 4) + original + le(625, 8),
        "exchange": le(30, 4) + a + le(7, 4) + le(8, 4) + le(9, 8) + le(10, 8) + some(le(3, 4), le(now + hour, 8)),
        "split": le(31, 4) + a + le(7, 4) + le(8, 4) + le(9, 8) + le(10, 8),
        "import": le(32, 4) + text("CA-1") + le(7, 4) + a + le(100, 8),
        "confirm_leg": le(40, 4) + march + le(2, 2) + le(11, 8),
        "report_payment": le(41, 4) + march + le(2, 2) + text("B-1"),
        "draw_collateral": le(42, 4) + march + le(2, 2),
        "open_dispute": le(43, 4) + disputed + le(12, 16) + text("twice"),
        "answer_dispute": le(44, 4) + disputed + b"\1",
        "decide_dispute": le(45, 4) + disputed + b"\0",
        "propose": le(50, 4) + le(20, 4) + le(2, 2) + le(9, 8),
        "vote": le(51, 4) + disputed + b"\1",
        "depart": le(52, 4) + le(4, 2),
        "refer": le(60, 4) + a + le(3, 2),
        "claim_referral": le(61, 4) + a + le(3, 2) + original,
        "attest": le(70, 4) + le(9, 8) + b"\1" * 32 + b"\2" * 32 + b"\3" * 64 + b"\4" * 64 + b"\5" * 64,
        "anchor": le(71, 4) + le(9, 8) + le(1, 4) + le(2, 8) + b"\x30\0",
    }
    applied = {
        "clock_set": le(1, 4),
        "class_created": le(2, 4),
        "key_added": le(3, 4),
        "key_revoked": le(4, 4),
        "key_rotated": le(5, 4),
        "store_limits_set": le(6, 4),
        "anchor_announced": le(7, 4) + le(3, 4),
        "business_days_set": le(8, 4),
        "collateral_set": le(9, 4),
        "enrolled": le(10, 4) + a,
        "enrolled_wallet": le(10, 4) + b,
        "wallet_registered": le(12, 4),
        "wallet_rotated": le(13, 4),
        "recovery_started": le(14, 4) + le(now + week, 8),
        "frozen": le(15, 4),
        "unfrozen": le(16, 4),
        "issued": le(20, 4) + le(1, 8) + le(4, 8) + expires + le(2, 8) + le(6, 16),
        "transferred": le(21, 4) + le(1, 8) + le(2, 8),
        "redeemed": le(22, 4) + le(3, 8) + le(4, 16) + le(2, 8),
        "held": le(23, 4) + le(3, 8) + le(2, 8),
        "captured": le(24, 4) + a + le(7, 4) + le(3, 8) + le(4, 16) + le(1, 8) + le(5, 8) + le(2, 8),
        "voided": le(25, 4) + a + le(7, 4) + le(1, 8) + le(5, 8) + le(2, 8),
        "redemption_reversed": le(26, 4) + a + le(7, 4) + le(3, 8) + le(-4, 16) + le(2, 8),
        "issue_reversed": le(27, 4) + a + le(7, 4) + le(1, 8) + le(5, 8) + le(2, 8) + le(-6, 16),
        "exchanged": le(30, 4) + le(1, 8) + le(2, 8) + le(3, 8) + le(5, 16) + le(6, 16),
        "split": le(31, 4) + le(1, 8) + le(2, 8) + le(3, 8) + le(6, 16),
        "imported": le(32, 4) + le(1, 8) + expires + le(2, 8) + le(5, 16),
        "leg_confirmed": le(40, 4),
        "payment_reported": le(41, 4),
        "collateral_drawn": le(42, 4),
        "dispute_opened": le(43, 4) + le(7, 8),
        "dispute_contested": le(44, 4) + le(8, 8),
        "dispute_adjusted": le(45, 4) + le(1, 2) + le(2, 2) + le(12, 16),
        "dispute_dismissed": le(46, 4),
        "voiced": le(47, 4) + le(2, 2) + le(3, 2),
        "voted": le(50, 4) + le(3, 2) + le(1, 2) + le(3, 2) + some(le(7, 8)),
        "voted_open": le(50, 4) + le(1, 2) + le(0, 2) + le(3, 2) + NONE,
        "departed": le(51, 4) + le(17, 8),
        "referred": le(60, 4),
        "referral_converted": le(61, 4),
        "attested": le(70, 4) + le(2, 2) + le(3, 2) + b"\0",
        "anchored": le(71, 4),
    }
    till = some(le(12, 4), le(1, 4))
    references = {name: reference(now, n) for n, name in enumerate(bodies, 1)}
    valid_until = le(now + 60000, 8)
    wallet_said = chain + le(1, 2) + references["transfer"] + valid_until + bodies["transfer"]
    granted = chain + a + le(7, 4) + le(800, 8) + seq([le(1, 2), le(3, 2)]) + le(now + hour, 8) + b"\x77" * 16 + key
    authorizations = {
        "transfer": some(le(1, 4), chain, le(1, 2), valid_until, key, signature),
        "redeem": some(le(2, 4), granted, signature),
    }
    operations = [references[name] + till + body + authorizations.get(name, NONE) for name, body in bodies.items()]
    unsigned = chain + le(1, 2) + b"\x22" * 32 + le(now + 100000, 8) + b"\1" + seq(operations)
    transaction = unsigned + b"\x33" * 64
    movement = some(le(4, 4)) + le(-2, 8) + le(4, 4) + lots
    line = a + le(7, 4) + le(9, 8) + le(1, 4) + movement
    receipt = reference(now, 7)
    expected = {
        "receipt.applied": receipt + le(1, 4) + applied["leg_confirmed"],
        "receipt.duplicate": receipt + le(2, 4) + le(5, 8) + le(6, 4),
        "receipt.rejected": receipt + le(3, 4) + le(404, 2),
        "transaction": transaction,
        "transaction.signing_hash": domain_hash("transaction", unsigned),
        "operation.body_hash": domain_hash("operation", till, bodies["issue"]),
        "authorization.signing_hash": domain_hash("authorization", wallet_said),
        "grant.id": domain_hash("grant", granted),
        "member.address": domain_hash("address", (1).to_bytes(2, "big"), b"\xcc" * 32)[-20:],
        "member.wallet_address": domain_hash("wallet-address", key)[-20:],
        "membership.member": le(2, 2) + le(2, 4) + b"\1" + some(key, some(other_key, le(now + week, 8)))
        + seq([le(3, 4), le(7, 4)]),
        "membership.key": seq([le(1, 4), le(2, 4)]) + NONE + some(le(5, 8)),
        "movement": movement + domain_hash("movement", b"\x44" * 32, line),
        "standing.nothing": le(0, 4),
        "standing.purchase": le(1, 4) + le(7, 4) + a + le(1349, 8) + anchor + expires + anchor + le(10000, 8)
        + some(le(3, 2)),
        "standing.redemption": le(2, 4) + le(7, 4) + a + lots + anchor + march,
        "standing.debt": le(4, 4) + le(1, 2) + le(2, 2) + le(5, 16) + march,
        "standing.hold": le(3, 4) + le(2, 4),
        "hold": le(7, 4) + a + lots + anchor + le(now + hour, 8) + le(17166, 4)
        + le(2, 4) + le(now + hour, 8) + b"\x55" * 32 + some(le(12, 4)),
        "settlement.gross": le(1, 16) + le(-2, 16) + le(3, 16) + le(4, 16) + le(5, 16) + le(6, 16),
        "settlement.position": le(1, 16) + le(2, 16) + le(4, 16) + le(3, 8),
        "settlement.pair_net": le(1, 16) + le(2, 16) + le(-3, 8) + le(4, 16),
        "settlement.statement": le(1, 8) + le(2, 8) + seq([le(1, 2) + le(-3, 8)]) + le(4, 2),
        "settlement.leg": le(1, 2) + le(2, 2) + le(3, 8) + le(7, 8) + le(8, 8) + some(text("B-1")) + b"\1"
        + le(2, 4) + le(5, 8),
        "settlement.dispute": le(1, 2) + le(2, 2) + le(12, 16) + text("twice") + le(2, 4) + le(9, 8),
    }
    expected.update(governance(chain, key, other_key))
    expected.update(checkpoints(chain))
    expected.update({"body." + name: body for name, body in bodies.items()})
    expected.update({"applied." + name: fields for name, fields in applied.items()})
    expected.update(rejections(page))
    lines = golden.splitlines()
    for line in lines:
        name, _, digits = (part.strip() for part in line.partition("="))
        wanted = expected.pop(name, None)
        assert wanted is not None, f"{name}: this script does not know it"
        assert digits == wanted.hex(), f"{name}: {digits}, by the page {wanted.hex()}"
    assert not expected, f"not in the golden file: {', '.join(expected)}"
    wallets = [(key, domain_hash("authorization", wallet_said), signature), (key, domain_hash("grant", granted), signature)]
    assert signatures(transaction)[1:] == wallets, "the golden transaction, read as one of an archive"
    return len(lines)


def governance(chain, key, other_key):
    """Changes, and what governance and the pool keep."""
    parameters = (
        le(1000, 8) + le(600000, 8) + le(10000, 8) + le(30000, 8) + le(15, 2) + le(0, 8) + le(30, 2)
        + le(20000, 8) + le(0, 8) + le(500000, 8) + le(100000000, 8) + seq([])
        + le(1, 2) + le(5, 2) + le(3, 2) + le(7, 2) + le(800000, 8)
        + le(0, 8) + le(800000, 8) + le(1500000, 8) + le(500000, 8) + le(80000, 8) + le(90, 2)
        + seq([le(10000000, 8) + le(50000, 8), le(50000000, 8) + le(100000, 8), le(100000000, 8) + le(150000, 8)]) + b"\0"
        + le(30, 2) + le(90, 2) + le(500000000, 8) + le(10000, 8) + seq([])
    )
    criteria = le(500000000, 8) + le(10000, 8) + le(5211, 2)
    stated = le(5, 2) + text("fifth") + key
    operators = seq([key + seq([le(4, 4)]) + NONE])
    half, suspended = le(500000, 8), le(11, 4) + le(2, 2)
    return {
        "change.parameters": le(1, 4) + domain_hash("parameters", parameters) + parameters,
        "change.class": le(2, 4) + le(7, 4) + half + le(6, 2) + seq([le(2, 2)]) + seq([le(5211, 2)]) + le(1, 8) + le(2, 8)
        + le(3, 8),
        "change.pair": le(3, 4) + le(7, 4) + le(8, 4) + some(half) + NONE + some(le(3, 8)),
        "change.import_ratio": le(4, 4) + le(2, 2) + le(7, 4) + some(le(100, 4), le(10, 4)),
        "change.merchant": le(5, 4) + le(2, 2) + le(1, 8) + le(2, 2) + le(3, 2),
        "change.admit": le(10, 4) + stated + b"\x77" * 32 + other_key + operators + le(1, 8) + le(2, 2) + criteria + key
        + b"\x66" * 64,
        "change.suspend": suspended,
        "change.reinstate": le(12, 4) + le(2, 2),
        "change.exit": le(13, 4) + le(2, 2) + le(3, 2) + seq([le(7, 4) + le(8, 4)]),
        "change.upgrade": le(20, 4) + le(2, 2),
        "admission.attested": domain_hash("attestation", chain, stated + criteria),
        "governance.proposal": suspended + le(1, 8) + le(2, 8) + le(3, 8) + seq([le(2, 2) + b"\1"]) + le(2, 4) + le(4, 8),
        "governance.protocol": le(2, 2) + le(7, 8),
        "membership.merchant": b"\0" + le(1, 2) + le(2, 8) + le(3, 8) + le(4, 4) + le(5, 2) + b"\1"
        + le(4, 4) + le(2, 2) + le(6, 8),
        "membership.admission": text("fifth") + key + other_key + criteria + key + le(9, 8),
        "pool.contribution": le(1, 8) + le(-2, 8) + le(3, 16),
        "pool.distribution": le(1, 8) + le(2, 8) + le(3, 16)
        + seq([le(2, 2) + le(1, 2) + le(1150000, 8) + le(2, 8) + le(3, 8) + le(4, 8) + le(5, 8)]) + le(4, 8) + le(-5, 16),
        "pool.referral": le(2, 2) + le(1, 8) + b"\1",
    }


def checkpoints(chain):
    """Records of checkpoints, and the texts that are signed."""
    time_ms, size, log_root, state_root, erc1155_root = 1700000000123, 70000, b"\1" * 32, b"\2" * 32, b"\3" * 32
    evidence = le(2, 4) + text("w+00000000+BA==") + text("\u2014 w BA==")
    origin = f"tally/{chain.hex()}"
    log_root_64, *roots_64 = (base64.b64encode(root).decode() for root in (log_root, state_root, erc1155_root))
    log = f"{origin}\n{size}\n{log_root_64}\n"
    cosigned = f"cosignature/v1\ntime {time_ms // 1000}\n{log}"
    state = f"{origin}/state\n9\n{time_ms}\n{size}\n" + "".join(f"{root}\n" for root in roots_64)
    return {
        "checkpoint": le(time_ms, 8) + le(size, 8) + log_root,
        "checkpoint.attestation": state_root + erc1155_root + b"\3" * 64 + b"\4" * 64 + b"\5" * 64,
        "checkpoint.clock": le(1, 8) + b"\1" + some(le(2, 8)),
        "checkpoint.anchor": le(2, 2) + le(3, 8) + le(4, 4),
        "checkpoint.evidence": evidence,
        "checkpoint.evidence_hash": domain_hash("evidence", evidence),
        "checkpoint.text.log": log.encode(),
        "checkpoint.text.cosigned": cosigned.encode(),
        "checkpoint.text.state": state.encode(),
    }


# --- Sections 4, 5, 10, 11 and 14: an archive ---

def frames(data):
    assert data[:12] == b"\x89TALLY\r\n\x1a\n\1\0", "not an archive of version 1"
    at = 12
    while at < len(data):
        head, end = data[at:at + 20], at + 20 + number(data[at + 12:at + 16])
        assert zlib.crc32(head[:16]) == number(head[16:]), f"head of the frame at byte {at}"
        assert zlib.crc32(data[at + 20:end]) == number(data[end:end + 4]), f"payload of the frame at byte {at}"
        yield number(head[:4]), number(head[4:12]), data[at + 20:end]
        at = end + 4


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        assert self.at <= len(self.data), "cut off"
        return self.data[self.at - size:self.at]

    def int(self, size):
        return number(self.take(size))

    def bytes(self):
        return self.take(self.int(8))

    def items(self, size):
        return self.take(self.int(8) * size)

    def option(self):
        flag = self.int(1)
        assert flag < 2, "an option"
        return flag == 1

    def ends(self):
        assert self.at == len(self.data), "bytes remain"


def read_terms(r):
    r.take(1 + 8 + 8 + 2), r.items(2), r.items(2)
    if r.option():
        r.take(4 + 8)
    for _ in range(r.int(8)):
        r.take(4), r.items(4)
    r.take(8 + 8 + 8)


def read_parameters(r):
    r.take(8 + 8 + 8 + 8 + 2 + 8 + 2 + 32), r.items(9), r.take(16)
    r.take(42), r.items(16), r.take(1 + 4 + 16), r.items(32)


def read_operator_key(r):
    r.take(32), r.items(4)
    if r.option():
        r.take(4)


def validators(genesis):
    """The validator and cosigner key of each founder."""
    r = Reader(genesis)
    r.bytes(), r.take(12)
    if r.int(4) == 2:
        r.items(32)
    read_parameters(r)
    found = {}
    for _ in range(r.int(8)):
        merchant = r.int(2)
        r.bytes()
        found[merchant] = r.take(32), r.take(32)
        for _ in range(r.int(8)):
            read_operator_key(r)
        r.take(8 + 8 + 2 + 2)
    for _ in range(r.int(8)):
        r.take(2), r.bytes()
        for _ in range(r.int(8)):
            read_operator_key(r)
        r.take(8), r.items(4 + 4 + 4)
    for _ in range(r.int(8)):
        r.take(4), r.bytes(), r.take(2), read_terms(r)
    for _ in range(r.int(8)):
        r.take(4 + 4)
        for _ in range(3):
            if r.option():
                r.take(8)
    r.items(4), r.items(4)
    r.ends()
    return found


# Bytes of the bodies of section 6 that have one length.
BODIES = {
    1: 8, 4: 32, 5: 64, 6: 20, 7: 20, 9: 10, 10: 36, 11: 36, 12: 52, 13: 52, 14: 52, 15: 20, 16: 20,
    21: 52, 22: 32, 23: 40, 24: 24, 25: 16, 26: 24, 27: 24, 31: 44, 40: 12, 42: 4, 44: 19,
    45: 19, 51: 19, 52: 2, 60: 22, 61: 38, 70: 8 + 32 + 32 + 192,
}


def read_change(r):
    kind = r.int(4)
    if kind == 1:
        r.take(32), read_parameters(r)
    elif kind == 2:
        r.take(4 + 8 + 2), r.items(2), r.items(2), r.take(8 + 8 + 8)
    elif kind == 3:
        r.take(4 + 4)
        for _ in range(3):
            if r.option():
                r.take(8)
    elif kind == 4:
        r.take(2 + 4)
        if r.option():
            r.take(8)
    elif kind == 10:
        r.take(2), r.bytes(), r.take(32 + 32 + 32)
        for _ in range(r.int(8)):
            read_operator_key(r)
        r.take(8 + 2 + 18 + 32 + 64)
    elif kind == 13:
        r.take(2 + 2), r.items(4 + 4)
    else:
        r.take({5: 14, 11: 2, 12: 2, 20: 2}[kind])


def read_body(r):
    kind = r.int(4)
    if kind == 2:
        r.take(4), read_terms(r)
    elif kind == 3:
        read_operator_key(r)
    elif kind == 8:
        r.items(4 + 1)
    elif kind == 20:
        r.take(24), r.items(12)
    elif kind == 30:
        r.take(44)
        if r.option():
            r.take(4 + 8)
    elif kind == 32:
        r.bytes(), r.take(4 + 20 + 8)
    elif kind == 41:
        r.take(2 + 2), r.bytes()
    elif kind == 43:
        r.take(2 + 16 + 16), r.bytes()
    elif kind == 50:
        read_change(r), r.take(8)
    elif kind == 71:
        r.take(8)
        for _ in range({1: 1, 2: 2}[r.int(4)]):
            r.bytes()
    else:
        assert kind in BODIES, f"a body of kind {kind}"
        r.take(BODIES[kind])


def read_authorization(r, reference, body):
    """Key, digest and signature."""
    variant, start = r.int(4), r.at
    if variant == 1:
        chain_id, acceptor, valid_until, key = r.take(32), r.take(2), r.take(8), r.take(32)
        return key, domain_hash("authorization", chain_id, acceptor, reference, valid_until, body), r.take(64)
    assert variant == 2, f"an authorization of variant {variant}"
    r.take(32 + 20 + 4 + 8), r.items(2), r.take(8 + 16)
    key = r.take(32)
    return key, domain_hash("grant", r.data[start:r.at]), r.take(64)


def signatures(transaction):
    """Key, digest and signature of the operator, then of each wallet that authorized an operation."""
    found = [(transaction[34:66], domain_hash("transaction", transaction[:-64]), transaction[-64:])]
    r = Reader(transaction)
    r.take(32 + 2 + 32 + 8 + 1)
    for _ in range(r.int(8)):
        reference = r.take(16)
        if r.option():
            r.take(8)
        start = r.at
        read_body(r)
        body = r.data[start:r.at]
        if r.option():
            found.append(read_authorization(r, reference, body))
    r.take(64)
    r.ends()
    return found


def root(hashes):
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256().digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(hashes[:split]) + root(hashes[split:])).digest()


def check_certificate(r, chain_id, keys, height, block_id):
    start = r.at
    assert (r.int(8), round_ := r.int(4), r.take(32)) == (height, round_, block_id), "the certificate's subject"
    signers = []
    for _ in range(r.int(8)):
        signers.append(r.int(2))
        vote = b"tally/vote/v1\0" + chain_id + b"\2" + le(height, 8) + le(round_, 4) + b"\1" + block_id + le(signers[-1], 2)
        validator_key, _ = keys[signers[-1]]
        assert verifies(validator_key, vote, r.take(64)), f"precommit of merchant {signers[-1]}"
    assert signers == sorted(set(signers)) and len(signers) * 3 > len(keys) * 2, "quorum"
    return r.data[start:r.at]


def check_block(data, chain_id, keys, height, parent):
    r = Reader(data)
    header = r.take(252)
    assert number(header[:2]) == 7, f"version {number(header[:2])} of the block, not 7"
    assert header[2:34] == chain_id and number(header[34:42]) == height, "chain, height"
    assert header[50:82] == parent, "parent_hash"
    # Sets after the first follow from executing the chain, which this script does not do.
    members = seq([le(m, 2) + key + cosigner_key for m, (key, cosigner_key) in sorted(keys.items())])
    assert header[116:148] == domain_hash("validators", members), "validators other than those of genesis"
    commit = check_certificate(r, chain_id, keys, height - 1, parent) if r.int(1) else None
    assert (commit is None) == (height == 1), "last_commit"
    assert header[148:180] == (domain_hash("commit", commit) if commit else bytes(32)), "last_commit_hash"
    leaves = []
    for _ in range(r.int(8)):
        transaction = r.bytes()
        assert transaction[:32] == chain_id, "a transaction's chain"
        for key, digest, signature in signatures(transaction):
            assert verifies(key, digest, signature), f"a signature of transaction {len(leaves)}, by key {key.hex()}"
        leaves.append(hashlib.sha256(b"\0" + domain_hash("transaction-id", transaction)).digest())
    r.ends()
    assert header[84:116] == root(leaves), "transactions_root"
    return domain_hash("block", header), len(leaves)


def archive(data):
    blocks = transactions = 0
    for kind, height, payload in frames(data):
        try:
            if kind == 1:
                chain_id = parent = domain_hash("genesis", payload)
                keys = validators(payload)
            elif kind == 2:
                size = number(payload[:4])
                parent, count = check_block(payload[4:4 + size], chain_id, keys, height, parent)
                r = Reader(payload[4 + size:])
                check_certificate(r, chain_id, keys, height, parent)
                r.ends()
                blocks, transactions = blocks + 1, transactions + count
                assert height == blocks, "every height once"
            else:
                assert (kind, payload) == (3, parent + le(blocks, 8)), "the closing frame"
        except AssertionError as error:
            raise AssertionError(f"block {height}: {error}") from error
    return f"chain {chain_id.hex()}: {blocks} blocks, {transactions} transactions"


def main():
    try:
        if len(sys.argv) > 1:
            print(archive(pathlib.Path(sys.argv[1]).read_bytes()))
            return 0
        page = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
        lines = contracts((ROOT / "tests/golden/contracts.txt").read_text(), page)
        text = (ROOT / "node/ledger/tests/golden/archive.hex").read_text()
        print(f"{lines} golden lines; golden archive, {archive(bytes.fromhex(''.join(text.split())))}")
        return 0
    except AssertionError as error:
        print(f"formats_check: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
