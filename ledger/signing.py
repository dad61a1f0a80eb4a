"""Signing: texts signed with Ed25519 (RFC 8032), and the check that anybody can make. Makes no key."""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES: Final = 32
PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement, word for word, and the signature over its UTF-8 bytes."""

    statement: str
    signature: bytes


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
        # What the file holds may have been changed into bytes that are no text.
        key.verify(signed.signature, signed.statement.encode("utf-8", "surrogateescape"))
    except (InvalidSignature, ValueError):
        return False
    return True
