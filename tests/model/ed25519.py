"""Ed25519 signatures, to be checked only: RFC 8032, section 5.1. The rules go by an attester's, and by cosigner keys'.

Slow and short; what was checked once is remembered. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z and xy = T/Z.
"""

from functools import cache
from hashlib import sha512

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME
ROOT_OF_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)


@cache
def is_signed(key, message, signature):
    """Whether a signature (hexadecimal) over a message is by a key (hexadecimal)."""
    encoded, scalar = bytes.fromhex(signature)[:32], int.from_bytes(bytes.fromhex(signature)[32:], "little")
    public, commitment = point(bytes.fromhex(key)), point(encoded)
    if public is None or commitment is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(sha512(encoded + bytes.fromhex(key) + message).digest(), "little") % ORDER
    return is_same(times(scalar, BASE), plus(commitment, times(challenge, public)))


@cache
def point(encoded):
    """The point of the curve that 32 bytes stand for, if they stand for one."""
    number = int.from_bytes(encoded, "little")
    y, sign = number % 2**255, number >> 255
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * ROOT_OF_MINUS_ONE % PRIME
    if x * x % PRIME != square or y >= PRIME or (x == 0 and sign):
        return None
    x = PRIME - x if x % 2 != sign else x
    return x, y, 1, x * y % PRIME


def plus(one, other):
    """The sum of two points."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = one, other
    a, b = (y1 - x1) * (y2 - x2) % PRIME, (y1 + x1) * (y2 + x2) % PRIME
    c, d = 2 * t1 * t2 * CURVE % PRIME, 2 * z1 * z2 % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def times(number, one):
    """A multiple of a point."""
    total = 0, 1, 1, 0
    while number:
        if number % 2:
            total = plus(total, one)
        one, number = plus(one, one), number // 2
    return total


def is_same(one, other):
    """Whether two points are one."""
    (x1, y1, z1, _), (x2, y2, z2, _) = one, other
    return (x1 * z2 - x2 * z1) % PRIME == 0 and (y1 * z2 - y2 * z1) % PRIME == 0


BASE = point((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))
