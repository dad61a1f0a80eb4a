"""Nonces: made by us, good for one path, for five minutes, once. Remembers only what was spent.

A nonce proves itself: it carries its time and a code over that and its path, so a challenge
costs no memory however many strangers ask for one. Another process that has the same secret
takes it too, and knows nothing of what this one has seen spent.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

LIFE_S: Final = 300
SPENT_MAX: Final = 100_000
_RANDOM_BYTES: Final = 12
_CODE_BYTES: Final = 16
_TIME_DIGITS: Final = 10
_STEM: Final = _TIME_DIGITS + 2 * _RANDOM_BYTES


class Nonces:
    """Issues and spends them. *secret* has 32 bytes; *random_bytes* is the machine's randomness."""

    def __init__(
        self, secret: bytes, random_bytes: Callable[[int], bytes], *, spent_max: int = SPENT_MAX
    ) -> None:
        assert len(secret) >= 32, "a secret has 32 bytes"
        self._secret = secret
        self._random_bytes = random_bytes
        self._spent_max = spent_max
        self._spent: dict[str, int] = {}
        self._floor_s = 0

    def issue(self, path: bytes, now_s: int) -> str:
        """Return a nonce for *path*: only letters and digits, as EIP-4361 wants it."""
        stem = f"{now_s:0{_TIME_DIGITS}x}{self._random_bytes(_RANDOM_BYTES).hex()}"
        return stem + self._code(stem, path)

    def good(self, nonce: str, path: bytes, now_s: int) -> bool:
        """Tell whether *nonce* is ours, for *path*, fresh, and not spent."""
        stem, code = nonce[:_STEM], nonce[_STEM:]
        if not nonce.isascii() or not hmac.compare_digest(code, self._code(stem, path)):
            return False
        issued_s = int(stem[:_TIME_DIGITS], 16)  # as we wrote it: the code says so
        return self._floor_s < issued_s and now_s <= issued_s + LIFE_S and nonce not in self._spent

    def spend(self, nonce: str, now_s: int) -> None:
        """Remember that a good nonce was used.

        When there is no room for more, the older half is forgotten, and with it every nonce
        of its time is spent: a caller is challenged once more rather than a proof taken twice.
        """
        self._spent[nonce] = int(nonce[:_TIME_DIGITS], 16)
        if len(self._spent) <= self._spent_max:
            return
        oldest_s = now_s - LIFE_S
        if sum(issued_s >= oldest_s for issued_s in self._spent.values()) > self._spent_max // 2:
            oldest_s = sorted(self._spent.values())[len(self._spent) // 2] + 1
            self._floor_s = max(self._floor_s, oldest_s - 1)
        self._spent = {spent: issued_s for spent, issued_s in self._spent.items() if issued_s >= oldest_s}

    def _code(self, stem: str, path: bytes) -> str:
        code = hmac.new(self._secret, b"sign-in." + stem.encode() + b"." + path, hashlib.sha256)
        return code.digest()[:_CODE_BYTES].hex()
