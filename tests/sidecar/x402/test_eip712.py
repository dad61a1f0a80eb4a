"""EIP-712 by hand agrees with the reference wallet."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak as reference_keccak
from hypothesis import given
from hypothesis import strategies as st

from sidecar.x402.documents import Authorization
from sidecar.x402.eip712 import domain_separator, keccak, recover, transfer_digest, with_chain_v
from tests.sidecar.x402.signing import TRANSFER_TYPE

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = keccak(b"a digest")
ACCOUNT = Account.from_key(b"\x33" * 32)

ADDRESSES = st.binary(min_size=20, max_size=20)
UINTS = st.integers(min_value=0, max_value=2**256 - 1)
AUTHORIZATIONS = st.builds(
    Authorization, ADDRESSES, ADDRESSES, UINTS, UINTS, UINTS, st.binary(min_size=32, max_size=32)
)


def signature_of(digest: bytes) -> bytes:
    return bytes(ACCOUNT.unsafe_sign_hash(digest).signature)


@given(raw=st.binary(max_size=300))
def test_keccak_is_ethereums(raw: bytes) -> None:
    """Keccak-256, not the SHA-3 that was standardised later."""
    assert keccak(raw) == reference_keccak(raw)


@given(
    message=AUTHORIZATIONS,
    name=st.text(max_size=20),
    version=st.text(max_size=5),
    chain_id=st.integers(1, 2**64),
    contract=ADDRESSES,
)
def test_the_digest_is_the_reference_wallets(
    message: Authorization, name: str, version: str, chain_id: int, contract: bytes
) -> None:
    """Every authorization, domain and chain hashes as eth_account hashes it."""
    reference = encode_typed_data(
        {"name": name, "version": version, "chainId": chain_id, "verifyingContract": "0x" + contract.hex()},
        TRANSFER_TYPE,
        {
            "from": "0x" + message.from_.hex(),
            "to": "0x" + message.to.hex(),
            "value": message.value,
            "validAfter": message.valid_after,
            "validBefore": message.valid_before,
            "nonce": message.nonce,
        },
    )
    separator = domain_separator(name, version, chain_id, contract)

    assert separator == reference.header
    assert transfer_digest(separator, message) == keccak(b"\x19\x01" + reference.header + reference.body)


@pytest.mark.parametrize("offset", [0, 27])
def test_the_signer_is_recovered_with_either_v(offset: int) -> None:
    """Wallets end a signature with 27 or 28, some libraries with 0 or 1."""
    signature = signature_of(DIGEST)
    spelled = signature[:64] + bytes((signature[64] - 27 + offset,))

    assert recover(DIGEST, spelled) == bytes.fromhex(ACCOUNT.address[2:])
    assert with_chain_v(spelled) == signature


@given(digest=st.binary(min_size=32, max_size=32))
def test_every_signature_of_the_reference_wallet_is_recovered(digest: bytes) -> None:
    """Wallets sign in the lower half, so no honest signature is refused."""
    assert recover(digest, signature_of(digest)) == bytes.fromhex(ACCOUNT.address[2:])


def test_the_twin_in_the_upper_half_is_refused() -> None:
    """(r, n - s) with the other v signs the same message; tokens refuse it and so do we."""
    signature = signature_of(DIGEST)
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    twin = r + (ORDER - s).to_bytes(32, "big") + bytes((27 + 28 - v,))

    assert Account._recover_hash(DIGEST, signature=twin) == ACCOUNT.address
    assert recover(DIGEST, twin) is None


@pytest.mark.parametrize("v", [2, 3, 26, 29, 35, 255])
def test_another_v_is_refused(v: int) -> None:
    """Only two values of v name a point that a token recovers."""
    assert recover(DIGEST, signature_of(DIGEST)[:64] + bytes((v,))) is None


@pytest.mark.parametrize("v", [2, 3, 29, 30])
def test_points_beyond_the_order_are_not_tried(v: int) -> None:
    """Tokens know two values of v; among these small r are some that the other two would recover."""
    for r in range(1, 20):
        assert recover(DIGEST, r.to_bytes(32, "big") + (1).to_bytes(32, "big") + bytes((v,))) is None


@pytest.mark.parametrize("length", [0, 1, 64, 66, 130, 1000])
def test_another_length_is_refused(length: int) -> None:
    """Compact and smart-wallet signatures are not r, s, v."""
    assert recover(DIGEST, (signature_of(DIGEST) * 16)[:length]) is None


@pytest.mark.parametrize(
    ("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (2**256 - 1, 1), (0, 0), (ORDER - 1, 1), (5, 1)]
)
def test_numbers_that_are_no_signature_recover_nobody(r: int, s: int) -> None:
    """Zero, numbers beyond the order and r without a point are refused without an exception."""
    recovered = recover(DIGEST, r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b")
    assert recovered is None


@given(signature=st.binary(min_size=65, max_size=65), digest=st.binary(min_size=32, max_size=32))
def test_recovering_never_raises(signature: bytes, digest: bytes) -> None:
    """Whatever was sent, the answer is an address or nobody."""
    recovered = recover(digest, signature)
    assert recovered is None or len(recovered) == 20
