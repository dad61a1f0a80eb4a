"""EIP-712 by hand: the digest of a TransferWithAuthorization, and who signed a digest.

Knows no document beside the authorization, and no rule of payment.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import sha3
from coincurve import PublicKey

from sidecar.x402.documents import Authorization

SIGNATURE_BYTES: Final = 65
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def keccak(raw: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it, 32 bytes."""
    digest: bytes = sha3.keccak_256(raw).digest()
    return digest


_DOMAIN_TYPE: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
# EIP-3009, TRANSFER_WITH_AUTHORIZATION_TYPEHASH.
_TRANSFER_TYPE: Final = keccak(
    b"TransferWithAuthorization(address from,address to,uint256 value,"
    b"uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
_ADDRESS_PAD: Final = bytes(12)


@lru_cache(maxsize=256)
def domain_separator(name: str, version: str, chain_id: int, contract: bytes) -> bytes:
    """The token's domain separator, 32 bytes. Cached: the arguments are our own offers'."""
    return keccak(
        _DOMAIN_TYPE
        + keccak(name.encode("utf-8"))
        + keccak(version.encode("utf-8"))
        + chain_id.to_bytes(32, "big")
        + _ADDRESS_PAD
        + contract
    )


def transfer_digest(separator: bytes, authorization: Authorization) -> bytes:
    """What the payer signs, 32 bytes."""
    message = keccak(
        b"".join(
            (
                _TRANSFER_TYPE,
                _ADDRESS_PAD,
                authorization.from_,
                _ADDRESS_PAD,
                authorization.to,
                authorization.value.to_bytes(32, "big"),
                authorization.valid_after.to_bytes(32, "big"),
                authorization.valid_before.to_bytes(32, "big"),
                authorization.nonce,
            )
        )
    )
    return keccak(b"\x19\x01" + separator + message)


def with_chain_v(signature: bytes) -> bytes:
    """The signature as tokens take it: a last byte of 0 or 1 becomes 27 or 28.

    Tokens refuse 0 and 1, so a wallet that signs so could not be charged with what it sent.
    Other signatures are returned as they are.
    """
    if len(signature) == SIGNATURE_BYTES and signature[64] <= 1:
        return signature[:64] + bytes((signature[64] + 27,))
    return signature


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The 20-byte address that signed *digest*, or None.

    Only r, s, v of 65 bytes with v 0, 1, 27 or 28 and s in the lower half of the order:
    tokens refuse the upper half, and one message would have two signatures.
    """
    if len(signature) != SIGNATURE_BYTES:
        return None
    parity = with_chain_v(signature)[64] - 27
    if parity not in {0, 1} or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes((parity,)), digest, hasher=None)
    except ValueError:
        return None
    return keccak(key.format(compressed=False)[1:])[12:]
