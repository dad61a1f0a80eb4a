"""A signing key's text to a key: PEM, or the base64 that key consoles hand out. Knows no setting.

No sentence repeats anything of a key.
"""

import base64
import binascii
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from sidecar.configuration.problems import WrongValue
from sidecar.configuration.units import KEY_CHARACTERS_MAX

SEED_BYTES: Final = 32
SigningKey = Ed25519PrivateKey | EllipticCurvePrivateKey

_UNREADABLE: Final = "is no private key: neither PEM, nor base64 of an Ed25519 key or of DER"


def read(path: Path) -> str:
    """Return the text of a key file."""
    try:
        with path.open(encoding="ascii") as file:
            text = file.read(KEY_CHARACTERS_MAX + 1)
    except OSError as error:
        raise WrongValue("key_file", f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongValue("key", _UNREADABLE) from None
    return text


def signing_key(text: str, algorithm: str) -> SigningKey:
    """Read the private key that signs by *algorithm*: EdDSA is Ed25519, ES256 is ECDSA on P-256.

    Base64 is of the 32 bytes of an Ed25519 key, of these and its public key, or
    of any key as DER. A PEM from an environment variable may have its line
    ends written as two characters.
    """
    try:
        key = _loaded(text.replace("\\n", "\n").strip())
    except TypeError:
        raise WrongValue("key_encrypted", "the key has a password; give it without one") from None
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise WrongValue("key", _UNREADABLE) from None
    if algorithm == "EdDSA" and isinstance(key, Ed25519PrivateKey):
        return key
    if algorithm == "ES256" and isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return key
    raise WrongValue("key_algorithm", f"this key does not sign by {algorithm}")


def _loaded(text: str) -> object:
    if text.startswith("-----BEGIN"):
        return load_pem_private_key(text.encode("ascii"), password=None)
    raw = base64.b64decode("".join(text.split()), validate=True)
    if len(raw) not in {SEED_BYTES, 2 * SEED_BYTES}:
        return load_der_private_key(raw, password=None)
    key = Ed25519PrivateKey.from_private_bytes(raw[:SEED_BYTES])
    if raw[SEED_BYTES:] not in {b"", key.public_key().public_bytes_raw()}:
        raise ValueError("the two halves do not belong together")
    return key
