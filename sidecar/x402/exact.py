"""The `exact` scheme on EVM: an EIP-3009 authorization for precisely the price.

Reads and writes the scheme's part of a payment, and checks everything about it that needs
neither chain nor facilitator. Knows no header, clock or store. Balance, nonce state and
contract wallets are questions for the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from ledger.values import value
from sidecar.x402 import reasons
from sidecar.x402.documents import Authorization, ExactPayment, Malformed, Requirements
from sidecar.x402.eip712 import domain_separator, recover, transfer_digest, with_chain_v
from sidecar.x402.evm_text import address_bytes, checksummed, hex_text, read_address, read_hex, read_uint256

NAME: Final = "exact"
# Smart wallets send more than 65 bytes; they are read, to be refused by name.
SIGNATURE_BYTES_MAX: Final = 4096
NONCE_BYTES: Final = 32


@value
class Window:
    """How long an authorization must and may still be good, in seconds from now."""

    min_remaining_s: int
    max_remaining_s: int


@value
class LocallyValid:
    """The payer signed precisely what we asked for. Says nothing of funds or of an earlier use."""

    payer: bytes  # 20 bytes
    claim_key: bytes  # 104 bytes, see claim_key()
    payment_digest: bytes  # 32 bytes, see payment_digest()


@value
class Invalid:
    """The payment does not pay for this; *reason* is the spec's string."""

    reason: str


@value
class Signed:
    """The scheme's part of a payment: the message and its signature."""

    authorization: Authorization
    signature: bytes


def read(payload: object) -> Signed | Malformed:
    """Read the `payload` member of a payment. Forms only; nothing is verified.

    A v of 0 or 1 is rewritten here, so that digest, claim and settlement see one signature.
    """
    if not isinstance(payload, dict):
        return Malformed(reasons.INVALID_PAYLOAD, "payload")
    message = payload.get("authorization")
    if not isinstance(message, dict):
        return Malformed(reasons.INVALID_PAYLOAD, "payload.authorization")
    signature = read_hex(payload.get("signature"), bytes_max=SIGNATURE_BYTES_MAX)
    if signature is None:
        return Malformed(reasons.INVALID_PAYLOAD, "payload.signature")
    authorization = _read_authorization(message)
    if isinstance(authorization, Malformed):
        return authorization
    return Signed(authorization, with_chain_v(signature))


def _read_authorization(message: Mapping[str, object]) -> Authorization | Malformed:
    from_, to = read_address(message.get("from")), read_address(message.get("to"))
    value = read_uint256(message.get("value"))
    valid_after = read_uint256(message.get("validAfter"))
    valid_before = read_uint256(message.get("validBefore"))
    nonce = read_hex(message.get("nonce"), bytes_max=NONCE_BYTES)
    if from_ is None:
        return _unread("from")
    if to is None:
        return _unread("to")
    if value is None:
        return _unread("value")
    if valid_after is None:
        return _unread("validAfter")
    if valid_before is None:
        return _unread("validBefore")
    if nonce is None or len(nonce) != NONCE_BYTES:
        return _unread("nonce")
    return Authorization(from_, to, value, valid_after, valid_before, nonce)


def _unread(member: str) -> Malformed:
    return Malformed(reasons.INVALID_PAYLOAD, f"payload.authorization.{member}")


def write(signed: Signed) -> str:
    """The `payload` member again as JSON, in one spelling whatever the payer's was."""
    message = signed.authorization
    return (
        f'{{"signature":"{hex_text(signed.signature)}","authorization":{{'
        f'"from":"{checksummed(message.from_)}","to":"{checksummed(message.to)}","value":"{message.value}",'
        f'"validAfter":"{message.valid_after}","validBefore":"{message.valid_before}",'
        f'"nonce":"{hex_text(message.nonce)}"}}}}'
    )


def check(
    payment: ExactPayment, requirements: Requirements, chain_id: int, now_s: int, window: Window
) -> LocallyValid | Invalid:
    """Check *payment* against one of our own *requirements*; the first failure is the reason.

    Order: scheme, network, asset, recipient, value, validAfter, validBefore too near,
    validBefore too far, EIP-712 domain, signature. The signature comes last because it costs
    most. What is checked is the signed message; of the unsigned `accepted` only what the
    message leaves open.
    """
    problem = _terms(payment, requirements) or _window(payment.authorization, now_s, window)
    return identify(payment, requirements, chain_id) if problem is None else Invalid(problem)


def identify(payment: ExactPayment, requirements: Requirements, chain_id: int) -> LocallyValid | Invalid:
    """Check that its payer signed *payment* for the token of *requirements*, whatever else it says."""
    name, version = requirements.extra.get("name"), requirements.extra.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        return Invalid(reasons.MISSING_DOMAIN)
    asset = address_bytes(requirements.asset)
    authorization = payment.authorization
    digest = transfer_digest(domain_separator(name, version, chain_id, asset), authorization)
    if recover(digest, payment.signature) != authorization.from_:
        return Invalid(reasons.SIGNATURE)
    key = claim_key(chain_id, asset, authorization.from_, authorization.nonce)
    return LocallyValid(
        payer=authorization.from_,
        claim_key=key,
        payment_digest=payment_digest(key, authorization, payment.signature),
    )


def _terms(payment: ExactPayment, requirements: Requirements) -> str | None:
    chosen, authorization = payment.chosen, payment.authorization
    if chosen.scheme != NAME or requirements.scheme != NAME:
        return reasons.UNSUPPORTED_SCHEME
    if chosen.network != requirements.network:
        return reasons.INVALID_NETWORK
    if (
        isinstance(chosen, Requirements)
        and chosen.asset != requirements.asset
        and chosen.asset.lower() != requirements.asset.lower()
    ):
        return reasons.INVALID_REQUIREMENTS
    if authorization.to != address_bytes(requirements.pay_to):
        return reasons.RECIPIENT_MISMATCH
    if authorization.value != requirements.amount:
        return reasons.VALUE_MISMATCH
    return None


def _window(authorization: Authorization, now_s: int, window: Window) -> str | None:
    if authorization.valid_after > now_s:
        return reasons.VALID_AFTER
    remaining_s = authorization.valid_before - now_s
    if not window.min_remaining_s <= remaining_s <= window.max_remaining_s:
        return reasons.VALID_BEFORE
    return None


def claim_key(chain_id: int, asset: bytes, payer: bytes, nonce: bytes) -> bytes:
    """What can be used once: chain id (32 bytes, big-endian), asset, payer and nonce of the message."""
    return b"".join((chain_id.to_bytes(32, "big"), asset, payer, nonce))


def payment_digest(key: bytes, authorization: Authorization, signature: bytes) -> bytes:
    """SHA-256 over everything signed and the signature: equal only for the same payload."""
    return hashlib.sha256(
        b"".join(
            (
                key,
                authorization.to,
                authorization.value.to_bytes(32, "big"),
                authorization.valid_after.to_bytes(32, "big"),
                authorization.valid_before.to_bytes(32, "big"),
                signature,
            )
        )
    ).digest()
