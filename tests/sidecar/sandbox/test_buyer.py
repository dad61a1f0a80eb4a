"""The buyer's payments are the official client's, and what is changed is changed exactly."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from x402.http.utils import decode_payment_signature_header

from sidecar.sandbox import buyer, keys, token
from sidecar.sandbox.child import listening

OFFER = buyer.exact(
    network="eip155:84532", asset=token.ADDRESS, pay_to=keys.PAY_TO.address, units=50_000, max_timeout_s=120
)
PAYER = keys.BUYERS[0]


def encoded(document: Mapping[str, Any]) -> str:
    """Encode a document as x402 headers are."""
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.fixture
async def shop() -> AsyncIterator[str]:
    """Serve /PRICE: 402 with that price until any payment comes, then the payment."""

    async def sell(request: Request) -> Response:
        paid = request.headers.get("payment-signature")
        if paid is not None:
            return JSONResponse(json.loads(base64.b64decode(paid)))
        offer = OFFER | {"amount": request.path_params["units"]}
        return Response(status_code=402, headers={"PAYMENT-REQUIRED": encoded(buyer.offer(offer))})

    app = Starlette(routes=[Route("/{units}", sell, methods=["GET", "POST"])])
    listener = listening(0)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


async def test_a_402_is_paid(shop: str) -> None:
    """The client answers a price within its limits with a payment of just that price."""
    async with buyer.paying_client(PAYER.private_key) as client:
        paid = (await client.post(shop + "/70000")).json()
    assert paid["accepted"] == OFFER | {"amount": "70000"}
    assert paid["payload"]["authorization"]["from"] == PAYER.address
    assert paid["payload"]["authorization"]["value"] == "70000"


async def test_more_than_a_dollar_is_not_paid(shop: str) -> None:
    """The official client's own spending limit holds: one dollar a payment."""
    async with buyer.paying_client(PAYER.private_key) as client:
        with pytest.raises(Exception, match="max_amount_per_payment"):
            await client.get(shop + "/1000001")


def test_signed_payments_are_read_by_the_sdk() -> None:
    """The header of a signed payment decodes to the same payment with the official codec."""
    payment = buyer.sign(PAYER.private_key, buyer.offer(OFFER))
    ((name, value),) = buyer.header(payment).items()
    assert name == "PAYMENT-SIGNATURE"
    assert decode_payment_signature_header(value).model_dump(by_alias=True, exclude_none=True) == payment


def test_any_price_is_signed_for_hostile_tests() -> None:
    """Signing alone has no spending limit."""
    dear = OFFER | {"amount": str(10**15)}
    assert buyer.sign(PAYER.private_key, buyer.offer(dear))["accepted"]["amount"] == str(10**15)


def test_version_1_payments() -> None:
    """A version 1 402 is answered in version 1, under its own header."""
    offer = {
        "scheme": "exact",
        "network": "base-sepolia",
        "maxAmountRequired": "50000",
        "resource": "http://127.0.0.1/x",
        "description": "",
        "mimeType": "",
        "payTo": keys.PAY_TO.address,
        "maxTimeoutSeconds": 120,
        "asset": token.ADDRESS,
        "extra": {"name": token.NAME, "version": token.VERSION},
    }
    payment = buyer.sign(PAYER.private_key, {"x402Version": 1, "error": "", "accepts": [offer]})
    assert (payment["x402Version"], payment["network"]) == (1, "base-sepolia")
    assert set(buyer.header(payment)) == {"X-PAYMENT"}


def test_signing_again_signs_what_changed() -> None:
    """Unchanged fields give the same signature, changed ones another; nothing else moves."""
    payment = buyer.sign(PAYER.private_key, buyer.offer(OFFER))
    same = buyer.signed_again(PAYER.private_key, payment)
    later = buyer.signed_again(PAYER.private_key, payment, validBefore="9999999999")
    assert same == payment
    assert later["payload"]["authorization"] == payment["payload"]["authorization"] | {
        "validBefore": "9999999999"
    }
    assert later["payload"]["signature"] != payment["payload"]["signature"]
    assert later["accepted"] == payment["accepted"]
