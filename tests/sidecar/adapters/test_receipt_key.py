"""The receipt key: what it signs is checked with its public half alone, by other people's code."""

import base64
import hashlib
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sidecar.adapters.receipt_key import ReceiptKey

# RFC 8037 appendix A: the key of its examples.
SEED = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


def opened(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_the_public_key_is_the_one_of_the_rfc() -> None:
    """RFC 8037: appendix A.2 has the key, A.3 its thumbprint."""
    assert ReceiptKey(SEED).public == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": X,
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "alg": "EdDSA",
        "use": "sig",
    }


def test_a_signature_is_a_detached_jws() -> None:
    """RFC 7515 appendix F: header, nothing, signature; over the header and the payload elsewhere."""
    key = ReceiptKey(SEED)
    header, nothing, signature = key.sign(b'{"a":1}').split(".")

    assert nothing == ""
    assert json.loads(opened(header)) == {"alg": "EdDSA", "kid": key.public["kid"]}
    payload = base64.urlsafe_b64encode(b'{"a":1}').rstrip(b"=")
    public = Ed25519PublicKey.from_public_bytes(opened(X))
    public.verify(opened(signature), header.encode() + b"." + payload)
    with pytest.raises(InvalidSignature):
        public.verify(opened(signature), header.encode() + b"." + payload[:-1] + b"0")


def test_one_payload_has_one_signature() -> None:
    """Ed25519 asks for no randomness: the same receipt is the same document each time."""
    assert ReceiptKey(SEED).sign(b"x") == ReceiptKey(SEED).sign(b"x")
    other = ReceiptKey(hashlib.sha256(SEED).digest())
    assert other.sign(b"x") != ReceiptKey(SEED).sign(b"x")


def test_the_seed_is_never_shown() -> None:
    """Neither the key's own text nor what is public has a trace of it."""
    shown = repr(ReceiptKey(SEED)) + json.dumps(ReceiptKey(SEED).public)

    assert SEED.hex() not in shown
    assert base64.urlsafe_b64encode(SEED).decode().rstrip("=") not in shown
