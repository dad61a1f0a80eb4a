"""A valid payment with one thing changed, and the verdict each change deserves."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

from tests.sidecar.x402.signing import NOW_S, OFFER, STRANGER, WALLET, a_document

DOCUMENT: Final = a_document()

VALID_AFTER = "invalid_exact_evm_payload_authorization_valid_after"
VALID_BEFORE = "invalid_exact_evm_payload_authorization_valid_before"
VALUE = "invalid_exact_evm_payload_authorization_value_mismatch"
RECIPIENT = "invalid_exact_evm_payload_recipient_mismatch"
SIGNATURE = "invalid_exact_evm_payload_signature"


def edited(path: str, value: Any) -> dict[str, Any]:
    """A validly signed payment with one member set afterwards; ... removes it."""
    document = copy.deepcopy(DOCUMENT)
    *parents, name = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    place[name] = value
    if value is ...:
        del place[name]
    return document


def with_signature(change: Callable[[bytes], bytes]) -> dict[str, Any]:
    signature = bytes.fromhex(DOCUMENT["payload"]["signature"][2:])
    return edited("payload.signature", "0x" + change(signature).hex())


SIGNED = "payload.authorization"
EDITED_AFTERWARDS = [
    ("x402Version", 1, "invalid_payload at scheme"),
    ("x402Version", 3, "invalid_x402_version at x402Version"),
    ("x402Version", "2", "invalid_x402_version at x402Version"),
    ("x402Version", True, "invalid_x402_version at x402Version"),
    ("x402Version", ..., "invalid_x402_version at x402Version"),
    ("payload", ..., "invalid_payload at payload"),
    ("payload", [], "invalid_payload at payload"),
    (SIGNED, ..., "invalid_payload at payload.authorization"),
    (SIGNED, "x", "invalid_payload at payload.authorization"),
    ("payload.signature", ..., "invalid_payload at payload.signature"),
    ("payload.signature", None, "invalid_payload at payload.signature"),
    ("payload.signature", "0xzz", "invalid_payload at payload.signature"),
    ("payload.signature", "0x" + "ab" * 4097, "invalid_payload at payload.signature"),
    ("payload.signature", "0x", SIGNATURE),
    ("payload.signature", "0x" + "ab" * 65, SIGNATURE),
    ("payload.signature", "0x" + "00" * 65, SIGNATURE),
    ("payload.signature", "0x" + "ab" * 640, SIGNATURE),
    (f"{SIGNED}.from", ..., "invalid_payload at payload.authorization.from"),
    (f"{SIGNED}.from", "vitalik.eth", "invalid_payload at payload.authorization.from"),
    (f"{SIGNED}.from", STRANGER.address, SIGNATURE),
    (f"{SIGNED}.to", None, "invalid_payload at payload.authorization.to"),
    (f"{SIGNED}.to", STRANGER.address, RECIPIENT),
    (f"{SIGNED}.to", "0x" + "00" * 20, RECIPIENT),
    (f"{SIGNED}.value", 50_000, "invalid_payload at payload.authorization.value"),
    (f"{SIGNED}.value", "+50000", "invalid_payload at payload.authorization.value"),
    (f"{SIGNED}.value", "-50000", "invalid_payload at payload.authorization.value"),
    (f"{SIGNED}.value", str(2**256), "invalid_payload at payload.authorization.value"),
    (f"{SIGNED}.value", "49999", VALUE),
    (f"{SIGNED}.value", "50001", VALUE),
    (f"{SIGNED}.value", str(2**256 - 1), VALUE),
    (f"{SIGNED}.validAfter", -1, "invalid_payload at payload.authorization.validAfter"),
    (f"{SIGNED}.validAfter", "1", SIGNATURE),
    (f"{SIGNED}.validAfter", str(NOW_S + 1), VALID_AFTER),
    (f"{SIGNED}.validBefore", "soon", "invalid_payload at payload.authorization.validBefore"),
    (f"{SIGNED}.validBefore", str(NOW_S + 181), SIGNATURE),
    (f"{SIGNED}.nonce", "0x" + "5a" * 31, "invalid_payload at payload.authorization.nonce"),
    (f"{SIGNED}.nonce", "0x" + "5a" * 33, "invalid_payload at payload.authorization.nonce"),
    (f"{SIGNED}.nonce", "5a" * 32, "invalid_payload at payload.authorization.nonce"),
    (f"{SIGNED}.nonce", "0x" + "5b" * 32, SIGNATURE),
    ("accepted", ..., "invalid_payload at accepted"),
    ("accepted.scheme", "upto", "unsupported_scheme at accepted.scheme"),
    ("accepted.scheme", "Exact", "unsupported_scheme at accepted.scheme"),
    ("accepted.network", "eip155:1", "invalid_network"),
    ("accepted.network", "base-sepolia", "invalid_network"),
    ("accepted.amount", "1", "invalid_payment_requirements"),
    ("accepted.amount", 50_000, "invalid_payload at accepted.amount"),
    ("accepted.asset", STRANGER.address, "invalid_payment_requirements"),
    ("accepted.payTo", STRANGER.address, "invalid_payment_requirements"),
    ("accepted.maxTimeoutSeconds", 1, "invalid_payment_requirements"),
    ("accepted.extra", {"name": "USD Coin", "version": "2"}, "invalid_payment_requirements"),
    ("resource", 5, "invalid_payload at resource"),
    ("accepted.asset", OFFER.asset.lower(), "valid"),
    (f"{SIGNED}.from", WALLET.address.lower(), "valid"),
    (f"{SIGNED}.to", "0x" + OFFER.pay_to[2:].upper(), "valid"),
    (f"{SIGNED}.nonce", "0x" + "5A" * 32, "valid"),
    ("resource", ..., "valid"),
    ("extensions", {"bazaar": {"info": {}}}, "valid"),
    ("unknown", "member", "valid"),
]
