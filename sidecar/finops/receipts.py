"""Receipts: what proves to a buyer, and to whom the buyer shows it, how a call was paid. Pure.

A receipt is one flat object. Its canonical form is JSON with sorted names, without white
space, in UTF-8 (RFC 8785; it has no number that is not whole): those bytes are what is signed.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from sidecar.domain import chart
from sidecar.finops import instants
from sidecar.finops.amounts import usd
from sidecar.finops.statements import settlement
from sidecar.x402.codec import response_members
from sidecar.x402.documents import SettleReply
from sidecar.x402.evm_text import checksummed

KIND: Final = "sidecar-receipt/1"

Row = Mapping[str, Any]


def parameters(wallet: bytes, call: str) -> dict[str, object]:
    """Return the parameters of the query `wallet_receipt`."""
    return {"wallet": chart.hexed(wallet), "call": call}


def receipt_object(row: Row, issuer: str) -> dict[str, Any]:
    """Return the receipt of a call, by the seller that is reached at *issuer*.

    `payment_response` is the very PAYMENT-RESPONSE document, null while nothing is settled.
    What nothing is known of is null. `request_sha256` is SHA-256 over the method, the target and
    the SHA-256 of the body, joined by zero bytes.
    """
    paid = row["amount"] is not None
    stands = _settlement(row)
    return {
        "type": KIND,
        "issuer": issuer,
        "call": row["id"],
        "at": instants.text(row["at_us"]),
        "wallet": checksummed(bytes.fromhex(row["buyer"].removeprefix("0x"))),
        "endpoint": row["endpoint"],
        "method": row["method"],
        "target": row["target"],
        "request_sha256": row["request_digest"].hex() if paid else None,
        "outcome": row["outcome"] or "running",
        "status": row["status"] or None,
        "price_usd": usd(row["price_nano"]),
        "captured_usd": usd(row["captured_nano"]),
        "credited_usd": usd(row["credited_nano"]),
        "settlement": stands,
        "reason": (row["reason"] or None) if stands == "failed" else None,
        "from_credit": bool(row["from_credit"]),
        "network": row["network"],
        "asset": checksummed(row["asset"]) if paid else None,
        "asset_decimals": row["asset_decimals"],
        "amount": None if not paid else "0" if row["from_credit"] else str(row["amount"]),
        "pay_to": checksummed(row["pay_to"]) if paid else None,
        "transaction": row["transaction_hash"] or None,
        "settled_at": None if row["settled_us"] is None else instants.text(row["settled_us"]),
        "payment_response": _payment_response(row) if stands == "settled" and paid else None,
    }


def is_final(receipt: Mapping[str, Any]) -> bool:
    """Tell whether nothing of the call is still being found out."""
    return receipt["outcome"] != "running" and receipt["settlement"] not in {"pending", "unknown"}


def is_proof(receipt: Mapping[str, Any]) -> bool:
    """Tell whether the receipt says that something was paid, for good: only that is signed."""
    return is_final(receipt) and receipt["payment_response"] is not None


def canonical(receipt: Mapping[str, Any]) -> bytes:
    """Return the bytes that a signature is over."""
    return json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _settlement(row: Row) -> str:
    """A settlement that a facilitator reported and the chain does not have proves nothing."""
    return "unknown" if row["disproved"] else settlement(row)


def _payment_response(row: Row) -> dict[str, object]:
    """Return the document the buyer was sent, or would have been had it been known in time."""
    network, payer = row["network"], row["payer"]
    if row["from_credit"]:
        return response_members(SettleReply(True, "", network, payer, 0))
    return response_members(SettleReply(True, row["transaction_hash"], network, payer, row["amount"]))
