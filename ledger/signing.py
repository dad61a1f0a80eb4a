"""Signing: texts signed with Ed25519 (RFC 8032), and the check that anybody can make. Makes no key."""

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES: Final = 32
PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


NO_STATEMENT: Final = bytes(32)
"""What the first of a row of statements names as the one before it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement, word for word, and the signature over its UTF-8 bytes."""

    statement: str
    signature: bytes

    @property
    def content(self) -> bytes:
        """Return the bytes that are signed, also where a change has made them no text."""
        return self.statement.encode("utf-8", "surrogateescape")

    @property
    def digest(self) -> bytes:
        """Return SHA-256 of the statement: the next one of a row names it."""
        return hashlib.sha256(self.content).digest()


class Signer:
    """Signs statements with the key that *seed* (32 secret bytes) stands for."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, statement: str) -> Signed:
        """Return *statement* signed; the same statement has the same signature."""
        return Signed(statement, self._key.sign(statement.encode()))


def is_signed_by(public_key: bytes, signed: Signed) -> bool:
    """Tell whether the holder of *public_key* (32 bytes) signed it."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(signed.signature, signed.content)
    except (InvalidSignature, ValueError):
        return False
    return True
