"""What facilitators answer, clean and odd, and what we make of it."""

from __future__ import annotations

from typing import Any, Final

from sidecar.x402.documents import Malformed, SettleReply, SupportedKind, VerifyReply
from tests.sidecar.x402.signing import OFFER, WALLET

PAYER: Final = bytes.fromhex(WALLET.address[2:])
TRANSACTION: Final = "0x" + "ab" * 32

VERIFY_ANSWERS: Final[list[tuple[object, VerifyReply | Malformed]]] = [
    ({"isValid": True, "payer": WALLET.address}, VerifyReply(True, PAYER, None)),
    ({"isValid": True}, VerifyReply(True, None, None)),
    (
        {"isValid": True, "payer": "", "invalidReason": "x", "extra": {"f": 1.5}},
        VerifyReply(True, None, None),
    ),
    (
        {"isValid": False, "invalidReason": "insufficient_funds", "payer": WALLET.address.lower()},
        VerifyReply(False, PAYER, "insufficient_funds"),
    ),
    ({"isValid": False}, VerifyReply(False, None, "unexpected_verify_error")),
    (
        {"isValid": False, "invalidReason": "connect to http://10.0.0.1 failed"},
        VerifyReply(False, None, "unexpected_verify_error"),
    ),
    ({"isValid": False, "invalidReason": ["x"]}, VerifyReply(False, None, "unexpected_verify_error")),
    ({"isValid": "true"}, Malformed("invalid_payload", "isValid")),
    ({"isValid": 1}, Malformed("invalid_payload", "isValid")),
    ({"isValid": True, "payer": 5}, Malformed("invalid_payload", "payer")),
    ({"isValid": True, "payer": []}, Malformed("invalid_payload", "payer")),
    ({"isValid": True, "payer": "0xabc"}, Malformed("invalid_payload", "payer")),
    ({}, Malformed("invalid_payload", "isValid")),
    ([], Malformed("invalid_payload", "json")),
]

# A settle answer in which everything is right; the table changes members of it.
SETTLED: Final = {
    "success": True,
    "transaction": TRANSACTION,
    "network": OFFER.network,
    "payer": WALLET.address,
}

SETTLE_ANSWERS: Final[list[tuple[dict[str, Any], SettleReply | Malformed]]] = [
    ({}, SettleReply(True, TRANSACTION, OFFER.network, PAYER)),
    ({"amount": "50000"}, SettleReply(True, TRANSACTION, OFFER.network, PAYER, 50_000)),
    ({"amount": ""}, SettleReply(True, TRANSACTION, OFFER.network, PAYER)),
    ({"amount": None, "payer": None}, SettleReply(True, TRANSACTION, OFFER.network)),
    ({"transaction": "0x" + "AB" * 32}, SettleReply(True, TRANSACTION, OFFER.network, PAYER)),
    ({"extra": {"gas": 0.1, "wei": 10**30}}, SettleReply(True, TRANSACTION, OFFER.network, PAYER)),
    ({"transaction": ""}, SettleReply(True, "", OFFER.network, PAYER)),
    (
        {"success": False, "transaction": "", "errorReason": "insufficient_funds"},
        SettleReply(False, "", OFFER.network, PAYER, None, "insufficient_funds"),
    ),
    (
        {"success": False, "transaction": "", "network": "", "errorReason": "Facilitator (500): {...}"},
        SettleReply(False, "", "", PAYER, None, "unexpected_settle_error"),
    ),
    (
        {"success": False, "errorReason": "settlement_pending"},
        SettleReply(False, TRANSACTION, OFFER.network, PAYER, None, "settlement_pending"),
    ),
    ({"success": "true"}, Malformed("invalid_payload", "success")),
    ({"success": None}, Malformed("invalid_payload", "success")),
    ({"transaction": None}, Malformed("invalid_payload", "transaction")),
    ({"transaction": "0xabc"}, Malformed("invalid_payload", "transaction")),
    ({"transaction": [TRANSACTION]}, Malformed("invalid_payload", "transaction")),
    ({"network": None}, Malformed("invalid_payload", "network")),
    ({"network": "x" * 300}, Malformed("invalid_payload", "network")),
    ({"payer": {}}, Malformed("invalid_payload", "payer")),
    ({"payer": "somebody"}, Malformed("invalid_payload", "payer")),
    ({"amount": 50_000}, Malformed("invalid_payload", "amount")),
    ({"amount": "$0.05"}, Malformed("invalid_payload", "amount")),
    ({"amount": []}, Malformed("invalid_payload", "amount")),
]

KINDS: Final = (
    SupportedKind(2, "exact", "eip155:84532"),
    SupportedKind(1, "exact", "base-sepolia"),
    SupportedKind(2, "upto", "eip155:8453", {"facilitator": "0x1"}),
)
KINDS_ANSWER: Final = {
    "kinds": [
        {"x402Version": 2, "scheme": "exact", "network": "eip155:84532"},
        {"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "extra": None},
        {
            "x402Version": 2,
            "scheme": "upto",
            "network": "eip155:8453",
            "extra": {"facilitator": "0x1"},
        },
        {"x402Version": "2", "scheme": "exact", "network": "eip155:1"},
        {"x402Version": 2, "scheme": None, "network": "eip155:1"},
        "exact",
        None,
    ],
    "signers": {"eip155:*": ["0x1"]},
    "load": 0.5,
}
