"""A buyer with the official x402 client: it pays calls, or only signs. For the demo and for tests.

Knows no sidecar: what it does here, any conforming buyer does.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import httpx
from eth_account import Account
from x402 import x402Client, x402ClientSync
from x402.http.clients.httpx import x402AsyncTransport
from x402.mechanisms.evm.eip712 import build_typed_data_for_signing
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.signers import EthAccountSigner
from x402.mechanisms.evm.types import ExactEIP3009Authorization, TypedDataField
from x402.schemas.helpers import parse_payment_required

from sidecar.sandbox import token

PAYMENT_HEADERS: Final = {1: "X-PAYMENT", 2: "PAYMENT-SIGNATURE"}


def paying_client(
    private_key: str, way: httpx.AsyncBaseTransport | None = None, **options: Any
) -> httpx.AsyncClient:
    """Give an HTTP client that answers each 402 with a payment, within the SDK's default spend limits.

    *way* is the transport under the SDK's, and *options* go to httpx. The caller closes it.
    """
    client = x402Client()
    register_exact_evm_client(client, _signer(private_key))
    return httpx.AsyncClient(transport=x402AsyncTransport(client, way), **options)


def sign(private_key: str, payment_required: Mapping[str, Any]) -> dict[str, Any]:
    """Sign what *payment_required* asks for, and return the payment as the document that goes on the wire.

    *payment_required* is a decoded 402, version 1 or 2 by its own x402Version; the first offer that the
    client knows is taken, whatever its asset and amount: a hostile test may ask for anything.
    """
    client = x402ClientSync()
    register_exact_evm_client(client, _signer(private_key))
    client.set_spend_controls(False)
    payload = client.create_payment_payload(parse_payment_required(dict(payment_required)))
    document: dict[str, Any] = json.loads(payload.model_dump_json(by_alias=True, exclude_none=True))
    return document


def signed_again(private_key: str, payment: Mapping[str, Any], **changes: str) -> dict[str, Any]:
    """Return a version 2 payment with some signed fields changed, honestly signed anew.

    *changes* are named as on the wire: `to`, `value`, `validAfter`, `validBefore`, `nonce`.
    """
    accepted = payment["accepted"]
    fields = payment["payload"]["authorization"] | changes
    authorization = ExactEIP3009Authorization(
        from_address=fields["from"],
        to=fields["to"],
        value=fields["value"],
        valid_after=fields["validAfter"],
        valid_before=fields["validBefore"],
        nonce=fields["nonce"],
    )
    chain_id = int(accepted["network"].removeprefix("eip155:"))
    domain, types, primary, message = build_typed_data_for_signing(
        authorization, chain_id, accepted["asset"], accepted["extra"]["name"], accepted["extra"]["version"]
    )
    named = {name: [TypedDataField(**each) for each in members] for name, members in types.items()}
    signature = _signer(private_key).sign_typed_data(domain, named, primary, message)
    return dict(payment) | {"payload": {"authorization": fields, "signature": "0x" + signature.hex()}}


def exact(*, network: str, asset: str, pay_to: str, units: int, max_timeout_s: int = 300) -> dict[str, Any]:
    """Write a version 2 requirement for *units* of the sandbox's token by the `exact` scheme."""
    return {
        "scheme": "exact",
        "network": network,
        "amount": str(units),
        "asset": asset,
        "payTo": pay_to,
        "maxTimeoutSeconds": max_timeout_s,
        "extra": {"name": token.NAME, "version": token.VERSION},
    }


def offer(requirements: Mapping[str, Any], url: str = "http://127.0.0.1/") -> dict[str, Any]:
    """Wrap one version 2 requirement as the 402 document that `sign` reads."""
    return {"x402Version": 2, "resource": {"url": url}, "accepts": [dict(requirements)]}


def header(payment: Mapping[str, Any]) -> dict[str, str]:
    """Encode a payment as the request header of its version; the document may have been tampered with."""
    text = json.dumps(payment, separators=(",", ":")).encode()
    return {PAYMENT_HEADERS[payment["x402Version"]]: base64.b64encode(text).decode()}


def _signer(private_key: str) -> EthAccountSigner:
    return EthAccountSigner(Account.from_key(private_key))
