"""The machine's clock and its randomness: the only place in the library that asks for either."""

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = [first + second for first in CROCKFORD for second in CROCKFORD]
_TIME: Final = (50, 40, 30, 20, 10, 0)
_REST: Final = (60, *_TIME)
RANDOM_BITS: Final = 70
RANDOM_BYTES: Final = 9
DRAWN_FOR: Final = 64
_RANDOM_MASK: Final = (1 << RANDOM_BITS - 1) - 1
SUB_MS_BITS: Final = 10
US_PER_MS: Final = 1_000


def random_bytes(count: int) -> bytes:
    """Return *count* unpredictable bytes."""
    return secrets.token_bytes(count)


def below(count: int) -> int:
    """Return an unpredictable whole number below *count*, which is at least one."""
    return secrets.randbelow(count)


class SystemClock:
    """Implements `ports.Clock` on the machine's clocks."""

    def now_us(self) -> int:
        """Return microseconds since the epoch, UTC."""
        return time.time_ns() // 1_000

    def monotonic_us(self) -> int:
        """Return microseconds of a clock that never goes back."""
        return time.monotonic_ns() // 1_000


class SystemIds:
    """Implements `ports.Ids`: ULIDs that also sort within a millisecond.

    48 bits of milliseconds as every ULID, then 10 bits of microseconds within it and 70
    random bits. Within one microsecond the next id is the last one plus one.
    """

    def __init__(self, entropy: Callable[[int], bytes] = random_bytes) -> None:
        self._entropy = entropy
        self._drawn = b""
        self._at_us = -1
        self._began = ""
        self._random = 0

    def call(self, now_us: int) -> str:
        """Return a call id: `call_` and 26 characters."""
        if now_us == self._at_us:
            self._random += 1
        else:
            self._at_us = now_us
            self._began = "call_" + _crockford(now_us // US_PER_MS << SUB_MS_BITS | now_us % US_PER_MS, _TIME)
            # Drawn for many at a time: to ask the system costs more than all the rest.
            drawn = self._drawn or self._entropy(RANDOM_BYTES * DRAWN_FOR)
            self._drawn = drawn[RANDOM_BYTES:]
            # The top random bit stays clear, so that counting up never reaches the next microsecond.
            self._random = int.from_bytes(drawn[:RANDOM_BYTES], "big") & _RANDOM_MASK
        return self._began + _crockford(self._random, _REST)


def _crockford(value: int, shifts: Sequence[int]) -> str:
    """Write *value* in base 32, most significant characters first, two for each of *shifts*."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in shifts])
