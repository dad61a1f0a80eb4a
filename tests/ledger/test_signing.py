"""A signature is the holder's of the key, over exactly one text."""

import pytest

from ledger.signing import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Signed, Signer, is_signed_by

SEED = bytes(range(32))


def test_what_is_signed_is_known_by_the_public_key() -> None:
    """Sizes are Ed25519's, the same text has the same signature, and the key says yes."""
    signer = Signer(SEED)
    signed = signer.sign("a statement, ünïcode too")

    assert (len(signer.public_key), len(signed.signature)) == (PUBLIC_KEY_BYTES, SIGNATURE_BYTES)
    assert Signer(SEED).sign("a statement, ünïcode too") == signed
    assert is_signed_by(signer.public_key, signed)


@pytest.mark.parametrize(
    ("key", "statement", "signature"),
    [
        (Signer(bytes(32)).public_key, None, None),
        (bytes(31), None, None),
        (None, "another text", None),
        (None, "bytes that are no text: \udcff", None),
        (None, None, bytes(64)),
        (None, None, b"short"),
    ],
)
def test_anything_else_is_not(key: bytes | None, statement: str | None, signature: bytes | None) -> None:
    """Another key, text or signature, also one that cannot be one, is a no and never an error."""
    signer = Signer(SEED)
    signed = signer.sign("text")
    other = Signed(statement or signed.statement, signature or signed.signature)

    assert not is_signed_by(key or signer.public_key, other)
