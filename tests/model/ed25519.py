"""Ed25519 signatures, to be checked only: RFC 8032, section 5.1. The rules go by one of them, an attester's.

Slow and short, on affine coordinates; what was checked once is remembered.
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
    return times(scalar, BASE) == plus(commitment, times(challenge, public))


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
    return (PRIME - x if x % 2 != sign else x), y


def plus(one, other):
    """The sum of two points."""
    (x1, y1), (x2, y2) = one, other
    cross = CURVE * x1 * x2 * y1 * y2 % PRIME
    x = (x1 * y2 + x2 * y1) * pow(1 + cross, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - cross, -1, PRIME)
    return x % PRIME, y % PRIME


def times(number, one):
    """A multiple of a point."""
    total = 0, 1
    while number:
        if number % 2:
            total = plus(total, one)
        one, number = plus(one, one), number // 2
    return total


BASE = point((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))
