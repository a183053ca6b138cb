"""The address of a member, as the card code that people read: docs/formats.md, section 3.

The last 20 bytes of a hash over what enrolled the member, written as bech32m (BIP 350) with the prefix `tally`.
"""

from hashlib import sha256

PREFIX = "tally"
CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32M = 0x2BC830A3
GENERATOR = 0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3


def of_commitment(merchant, commitment):
    """The address of a member that a merchant enrolled under a commitment (hexadecimal)."""
    return _card_code(b"tally/address/v1\0" + merchant.to_bytes(2, "big") + bytes.fromhex(commitment))


def of_wallet_key(key):
    """The address of a member that came with its own key (hexadecimal)."""
    return _card_code(b"tally/wallet-address/v1\0" + bytes.fromhex(key))


def to_bytes(card_code):
    """The 20 bytes of a card code: the order in which the ledger keeps addresses."""
    digits = [CHARSET.index(letter) for letter in card_code[len(PREFIX) + 1 : -6]]
    return _regrouped(digits, 5).to_bytes(20, "big")


def _card_code(hashed):
    number = int.from_bytes(sha256(hashed).digest()[-20:], "big")
    digits = [number >> shift & 31 for shift in range(155, -1, -5)]
    text = [ord(letter) >> 5 for letter in PREFIX] + [0] + [ord(letter) & 31 for letter in PREFIX]
    checksum = _polymod(text + digits + [0] * 6) ^ BECH32M
    digits += [checksum >> shift & 31 for shift in range(25, -1, -5)]
    return PREFIX + "1" + "".join(CHARSET[digit] for digit in digits)


def _regrouped(digits, bits):
    number = 0
    for digit in digits:
        number = number << bits | digit
    return number


def _polymod(values):
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATOR):
            check ^= generator if top >> bit & 1 else 0
    return check
