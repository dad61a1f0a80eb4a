"""The text forms of EVM values: addresses, whole numbers, byte strings. Knows no document.

Each reader takes whatever JSON gave and answers None for anything but the one form it
describes; none raises.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import sha3

UINT256_MAX: Final = 2**256 - 1
ADDRESS_BYTES: Final = 20

_ADDRESS_CHARS: Final = 2 + 2 * ADDRESS_BYTES
_ADDRESS: Final = re.compile(r"0x[0-9A-Fa-f]{40}")
_UINT: Final = re.compile(r"0|[1-9][0-9]{0,77}")
_HEX: Final = re.compile(r"0x(?:[0-9A-Fa-f]{2})*")
_TRANSACTION: Final = re.compile(r"0x[0-9A-Fa-f]{64}")


def read_address(text: object) -> bytes | None:
    """20 bytes of 0x and 40 hex digits; any case, as a checksum protects typing and not signing."""
    return _address(text) if isinstance(text, str) and len(text) == _ADDRESS_CHARS else None


@lru_cache(maxsize=4096)
def _address(text: str) -> bytes | None:
    return bytes.fromhex(text[2:]) if _ADDRESS.fullmatch(text) else None


@lru_cache(maxsize=1024)
def address_bytes(text: str) -> bytes:
    """20 bytes of an address that our own config made sure of."""
    raw = read_address(text)
    assert raw is not None, "a configured address is 0x and 40 hex digits"
    return raw


def read_uint256(text: object) -> int | None:
    """A decimal string below 2**256 without sign, space, exponent or leading zero."""
    if not isinstance(text, str) or not _UINT.fullmatch(text):
        return None
    number = int(text)
    return number if number <= UINT256_MAX else None


def read_hex(text: object, *, bytes_max: int) -> bytes | None:
    """The bytes of 0x and an even number of hex digits."""
    if not isinstance(text, str) or len(text) > 2 + 2 * bytes_max or not _HEX.fullmatch(text):
        return None
    return bytes.fromhex(text[2:])


def read_transaction(text: object) -> str | None:
    """A transaction hash in lower case, or "" as it stands for no transaction."""
    if text == "":
        return ""
    if not isinstance(text, str) or not _TRANSACTION.fullmatch(text):
        return None
    return text.lower()


def hex_text(raw: bytes) -> str:
    """0x and lower-case hex."""
    return "0x" + raw.hex()


@lru_cache(maxsize=4096)
def checksummed(raw: bytes) -> str:
    """An address as text. EIP-55: a letter is a capital where the hash's digit is 8 or more.

    What leaves for others is always written so: some libraries take no other spelling.
    """
    assert len(raw) == ADDRESS_BYTES, "an address has 20 bytes"
    digits = raw.hex()
    marks = sha3.keccak_256(digits.encode()).hexdigest()
    return "0x" + "".join(
        digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in zip(digits, marks, strict=False)
    )
