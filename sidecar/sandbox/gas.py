"""Gas by the rules of Prague: what a transaction costs before it runs, and how much it needs. No EVM."""

from collections.abc import Callable
from typing import Final

import rlp
import sha3

_BASE: Final = 21_000
_CREATE: Final = 32_000
_ZERO_BYTE: Final = 4
_OTHER_BYTE: Final = 16
_FLOOR_PER_TOKEN: Final = 10  # EIP-7623
_SLACK: Final = 64  # an estimate this close to the least sufficient gas is close enough


def created_address(sender: bytes, nonce: int) -> bytes:
    """Derive where a contract that *sender* creates with *nonce* will live."""
    return bytes(sha3.keccak_256(rlp.encode([sender, nonce])).digest()[-20:])


def intrinsic(data: bytes, *, creates: bool) -> int:
    """Count the gas that is gone before a transaction without access list becomes a message.

    The words of a creation's code are charged by the message itself.
    """
    zeros = data.count(0)
    return _BASE + zeros * _ZERO_BYTE + (len(data) - zeros) * _OTHER_BYTE + _CREATE * creates


def floor(data: bytes) -> int:
    """Count the least gas that a transaction with *data* is charged, whatever it does (EIP-7623)."""
    zeros = data.count(0)
    return _BASE + _FLOOR_PER_TOKEN * (zeros + 4 * (len(data) - zeros))


def least_sufficient(suffices: Callable[[int], bool], *, low: int, high: int) -> int:
    """Find, up to a small slack, the least gas in (*low*, *high*] for which *suffices*; *high* does.

    The lower end is tried first: for most calls what was used once is enough.
    """
    if suffices(low + 1):
        return low + 1
    while high - low > _SLACK:
        middle = (low + high) // 2
        if suffices(middle):
            high = middle
        else:
            low = middle
    return high
