"""Call tokens and origin signatures: how the agent knows a call is ours, and we know its reports.

A call token is `<call>.<expiry>.<mac>`; it opens the agent listener for this call only.
"""

import hmac
from enum import Enum
from typing import Final

_SHA256: Final = "sha256"
TOKEN_LIFE_S: Final = 15 * 60


class BadToken(Enum):
    """Why a call token opens nothing."""

    INVALID = "invalid"  # not one of ours
    EXPIRED = "expired"  # ours, and its time is over


class Tokens:
    """Signs with two secrets of 32 bytes: *origin* is shared with the agent, *calls* with nobody."""

    def __init__(self, *, origin: bytes, calls: bytes, life_s: int = TOKEN_LIFE_S) -> None:
        """*life_s* is how long a call token is good: as long as a call may take, and its close window."""
        assert min(len(origin), len(calls)) >= 32, "a secret has 32 bytes"
        self._origin = origin
        self._calls = calls
        self._life_s = life_s

    def for_call(self, call: str, now_s: int) -> str:
        """Return a token for *call*, good up to and with the second it names."""
        stem = f"{call}.{now_s + self._life_s}"
        return f"{stem}.{self._mac(stem)}"

    def call_of(self, token: str, now_s: int) -> str | BadToken:
        """Return the call that *token* opens. A wrong one takes as long to refuse as a right one."""
        stem, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(stem).encode()):
            return BadToken.INVALID
        call, _, expiry = stem.rpartition(".")  # as we wrote it: the code says so
        return call if now_s <= int(expiry) else BadToken.EXPIRED

    def origin(self, at_s: int, method: str, target: bytes, body_digest: bytes) -> bytes:
        """Return the `Sidecar-Signature` value by which the agent knows that a call came through us."""
        message = f"{at_s}.{method}.{target.decode('ascii')}.{body_digest.hex()}".encode()
        return f"t={at_s},v1={hmac.digest(self._origin, message, _SHA256).hex()}".encode()

    def _mac(self, stem: str) -> str:
        return hmac.digest(self._calls, b"call-token." + stem.encode(), _SHA256).hex()
