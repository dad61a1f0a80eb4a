"""A signing key in any usual spelling, and nothing else."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sidecar.configuration.keys import SigningKey, read, signing_key
from sidecar.configuration.problems import WrongValue
from tests.sidecar.configuration.keyring import EC, ED, OPENSSL, SEED, based, der, pem

HALVES = SEED + ED.public_key().public_bytes_raw()


def public(key: SigningKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "text",
    [
        pem(ED),
        pem(ED).replace("\n", "\\n"),
        "\n" + pem(ED),
        based(SEED),
        based(HALVES),
        based(HALVES) + "\n",
        der(ED),
    ],
    ids=["pem", "pem on one line", "pem after a blank line", "seed", "both halves", "with a line end", "der"],
)
def test_ed25519_keys(text: str) -> None:
    """PEM, the bare 32 bytes, these with the public key behind them, or DER."""
    assert public(signing_key(text, "EdDSA")) == public(ED)


@pytest.mark.parametrize("text", [pem(EC), pem(EC, OPENSSL), der(EC)], ids=["pkcs8", "sec1", "der"])
def test_p256_keys(text: str) -> None:
    """As consoles and tools write them."""
    assert public(signing_key(text, "ES256")) == public(EC)


@pytest.mark.parametrize(
    ("text", "algorithm", "code"),
    [
        (pem(ED), "ES256", "key_algorithm"),
        (pem(EC), "EdDSA", "key_algorithm"),
        (based(SEED), "ES256", "key_algorithm"),
        (pem(generate_private_key(SECP384R1())), "ES256", "key_algorithm"),
        (pem(EC, password="open"), "ES256", "key_encrypted"),
        (based(SEED[1:]), "EdDSA", "key"),
        (based(SEED + SEED), "EdDSA", "key"),
        (pem(ED).replace("MC", "MD", 1), "EdDSA", "key"),
        ("-----BEGIN PRIVATE KEY-----", "EdDSA", "key"),
        ("-----BEGIN é-----", "EdDSA", "key"),
        ("not base64!", "EdDSA", "key"),
        ("", "EdDSA", "key"),
        (
            generate_private_key(SECP256R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            "ES256",
            "key",
        ),
    ],
)
def test_what_cannot_sign_is_refused_and_not_repeated(text: str, algorithm: str, code: str) -> None:
    """The wrong kind of key, a locked one, a damaged one, a public one, and what is none."""
    with pytest.raises(WrongValue) as caught:
        signing_key(text, algorithm)

    assert caught.value.code == code
    assert not text or text.strip() not in caught.value.sentence
    assert caught.value.__cause__ is None


def test_a_key_file_is_read(tmp_path: Path) -> None:
    """Its text is the key; one that is missing or no text is told as what it is."""
    (tmp_path / "us.pem").write_text(pem(EC))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    assert read(tmp_path / "us.pem") == pem(EC)
    for name, code in (("none.pem", "key_file"), (".", "key_file"), ("binary", "key")):
        with pytest.raises(WrongValue) as caught:
            read(tmp_path / name)
        assert caught.value.code == code
