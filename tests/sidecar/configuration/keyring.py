"""Keys for tests, in every spelling a console or a tool hands out."""

import base64
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

SEED: Final = bytes(range(32))
ED: Final = Ed25519PrivateKey.from_private_bytes(SEED)
EC: Final = derive_private_key(int.from_bytes(SEED, "big"), SECP256R1())
OPENSSL: Final = PrivateFormat.TraditionalOpenSSL
"""What consoles write EC keys as: BEGIN EC PRIVATE KEY."""


def pem(
    key: Ed25519PrivateKey | EllipticCurvePrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    password: str = "",
) -> str:
    """Return *key* as PEM, behind *password* if there is one."""
    lock: KeySerializationEncryption = NoEncryption()
    if password:
        lock = BestAvailableEncryption(password.encode())
    return key.private_bytes(Encoding.PEM, form, lock).decode()


def der(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> str:
    """Return *key* as base64 of its DER."""
    return based(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def based(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
