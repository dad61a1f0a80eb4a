"""Call tokens and origin signatures: how the agent knows a call is ours, and we know its reports.

A call token is `<call>.<expiry>.<mac>`; it opens the agent listener for this call only.
"""

import hashlib
import hmac
from typing import Final

TOKEN_LIFE_S: Final = 15 * 60


class Tokens:
    """Signs with two secrets of 32 bytes: *origin* is shared with the agent, *calls* with nobody."""

    def __init__(self, *, origin: bytes, calls: bytes) -> None:
        assert min(len(origin), len(calls)) >= 32, "a secret has 32 bytes"
        self._origin = origin
        self._calls = calls

    def for_call(self, call: str, now_s: int) -> str:
        """Return a token for *call*, good for the close window."""
        stem = f"{call}.{now_s + TOKEN_LIFE_S}"
        return f"{stem}.{self._mac(stem)}"

    def origin(self, at_s: int, method: str, target: bytes, body_digest: bytes) -> bytes:
        """Return the `Sidecar-Signature` value by which the agent knows that a call came through us."""
        message = f"{at_s}.{method}.{target.decode('ascii')}.{body_digest.hex()}".encode()
        mac = hmac.new(self._origin, message, hashlib.sha256).hexdigest()
        return f"t={at_s},v1={mac}".encode()

    def _mac(self, stem: str) -> str:
        return hmac.new(self._calls, b"call-token." + stem.encode(), hashlib.sha256).hexdigest()
