"""Offers, and payments for them signed by a wallet that is not ours (eth_account)."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data

from sidecar.x402 import codec
from sidecar.x402.documents import ExactPayment, Requirements
from sidecar.x402.exact import Window

CHAIN_ID: Final = 84532
NOW_S: Final = 1_790_000_000
WINDOW: Final = Window(min_remaining_s=120, max_remaining_s=360)
WALLET: Final = Account.from_key(b"\x11" * 32)
STRANGER: Final = Account.from_key(b"\x22" * 32)

OFFER: Final = Requirements(
    scheme="exact",
    network="eip155:84532",
    amount=50_000,
    asset="0x036CbD53842c5426634e7929541eC2318f3dCF7e",
    pay_to="0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
    max_timeout_s=180,
    extra={"name": "USDC", "version": "2"},
)

TRANSFER_TYPE: Final = {
    "TransferWithAuthorization": [
        {"name": "from", "type": "address"},
        {"name": "to", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "validAfter", "type": "uint256"},
        {"name": "validBefore", "type": "uint256"},
        {"name": "nonce", "type": "bytes32"},
    ]
}


def an_offer(**changes: Any) -> Requirements:
    return replace(OFFER, **changes)


def signed_by(wallet: Any, message: dict[str, str], *, domain: dict[str, Any] | None = None) -> str:
    """The wallet's signature of an authorization as it stands on the wire."""
    signable = encode_typed_data(
        {
            "name": "USDC",
            "version": "2",
            "chainId": CHAIN_ID,
            "verifyingContract": OFFER.asset,
            **(domain or {}),
        },
        TRANSFER_TYPE,
        {
            **message,
            **{name: int(message[name]) for name in ("value", "validAfter", "validBefore")},
            "nonce": bytes.fromhex(message["nonce"][2:]),
        },
    )
    signature: bytes = wallet.sign_message(signable).signature
    return "0x" + bytes(signature).hex()


def a_message(**changes: str) -> dict[str, str]:
    return {
        "from": WALLET.address,
        "to": OFFER.pay_to,
        "value": "50000",
        "validAfter": "0",
        "validBefore": str(NOW_S + 180),
        "nonce": "0x" + "5a" * 32,
        **changes,
    }


def a_document(
    *, wallet: Any = WALLET, domain: dict[str, Any] | None = None, **changes: str
) -> dict[str, Any]:
    """A whole payment for OFFER; *changes* are to the message and are signed."""
    message = a_message(**changes)
    return {
        "x402Version": 2,
        "payload": {"signature": signed_by(wallet, message, domain=domain), "authorization": message},
        "accepted": {
            "scheme": OFFER.scheme,
            "network": OFFER.network,
            "amount": str(OFFER.amount),
            "asset": OFFER.asset,
            "payTo": OFFER.pay_to,
            "maxTimeoutSeconds": OFFER.max_timeout_s,
            "extra": dict(OFFER.extra),
        },
        "resource": {"url": "https://agent.example/research", "description": "", "mimeType": ""},
    }


def a_document_v1(*, network: str = "base-sepolia", **changes: Any) -> dict[str, Any]:
    """The same payment as a version 1 document: scheme and network beside the payload, no terms."""
    return {
        "x402Version": 1,
        "scheme": OFFER.scheme,
        "network": network,
        "payload": a_document(**changes)["payload"],
    }


def header(document: object) -> bytes:
    return base64.b64encode(json.dumps(document).encode())


def a_payment(**changes: Any) -> ExactPayment:
    payment = codec.decode_payment(header(a_document(**changes)))
    assert isinstance(payment, ExactPayment), payment
    return payment
