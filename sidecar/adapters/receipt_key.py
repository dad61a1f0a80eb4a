"""The key that signs receipts, and what of it everybody may know. Knows no receipt.

A signature is a detached JSON Web Signature (RFC 7515 appendix F) with Ed25519 (RFC 8037): the
signed bytes stand elsewhere, and between the two dots is nothing. Whoever has the public key
checks it offline.
"""

import base64
import hashlib
import json
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM: Final = "EdDSA"


class ReceiptKey:
    """Signs with the key made from a *seed* of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._x = _part(self._key.public_key().public_bytes_raw())
        self._id = _thumbprint(self._x)
        self._header = _part(json.dumps({"alg": ALGORITHM, "kid": self._id}).encode("ascii"))

    @property
    def public(self) -> dict[str, str]:
        """Return the public key as a JSON Web Key; `kid` is its thumbprint (RFC 7638)."""
        return {"kty": "OKP", "crv": "Ed25519", "x": self._x, "kid": self._id, "alg": ALGORITHM, "use": "sig"}

    def sign(self, payload: bytes) -> str:
        """Return the detached signature over *payload*."""
        signature = self._key.sign(f"{self._header}.{_part(payload)}".encode("ascii"))
        return f"{self._header}..{_part(signature)}"


def _thumbprint(x: str) -> str:
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return _part(hashlib.sha256(members.encode("ascii")).digest())


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
