"""Two versions of x402 on one URL: each client reads its own, and one authorization is one claim."""

import base64
import json
from pathlib import Path

import pytest
from x402.http.utils import decode_payment_response_header
from x402.schemas.helpers import parse_payment_required

from tests.sidecar.stall import open_stall


def in_version_1(header: bytes) -> bytes:
    """The same signed authorization as a version 1 document."""
    signed = json.loads(base64.b64decode(header))["payload"]
    document = {"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": signed}
    return base64.b64encode(json.dumps(document).encode())


async def test_a_version_1_client_reads_its_offer_from_the_body(tmp_path: Path) -> None:
    """The 402's body is what the official models take as version 1, with our URL and price."""
    async with open_stall(tmp_path) as stall:
        unpaid = await stall.answer()

    offered = parse_payment_required(json.loads(unpaid.body))
    assert offered.x402_version == 1
    (entry,) = json.loads(unpaid.body)["accepts"]
    assert entry["network"] == "base-sepolia"
    assert entry["resource"] == "https://agent.example/research"
    assert entry["maxAmountRequired"] == "50000"


@pytest.mark.parametrize("name", [b"x-payment", b"payment-signature"])
@pytest.mark.parametrize("older", [True, False])
async def test_a_payment_is_read_by_its_own_version_in_either_header(
    tmp_path: Path, name: bytes, older: bool
) -> None:
    """The document tells its version; a version 1 payer also gets the receipt that it reads."""
    async with open_stall(tmp_path) as stall:
        header = stall.payment()[1]
        paid = await stall.answer(headers=[(name, in_version_1(header) if older else header)])

    fields = dict(paid.headers)
    assert paid.status == 200
    assert b"payment-response" in fields
    assert (b"x-payment-response" in fields) == older
    if older:
        receipt = decode_payment_response_header(fields[b"x-payment-response"].decode())
        assert (receipt.success, receipt.network) == (True, "base-sepolia")


async def test_both_versions_of_one_authorization_are_one_claim(tmp_path: Path) -> None:
    """Who paid in version 2 cannot buy again with the same signature in version 1."""
    async with open_stall(tmp_path) as stall:
        header = stall.payment()[1]
        await stall.answer(headers=[(b"payment-signature", header)])
        again = await stall.answer(headers=[(b"x-payment", in_version_1(header))])
        books = stall.books.balances()

    assert again.status in {200, 409}
    assert books["revenue"] == 50_000_000


async def test_two_payment_headers_are_no_payment(tmp_path: Path) -> None:
    """One of each, or one of them twice: which is meant cannot be told, so neither is."""
    async with open_stall(tmp_path) as stall:
        header = stall.payment()[1]
        pairs = [(b"x-payment", b"payment-signature"), (b"x-payment", b"x-payment")]
        answers = [await stall.answer(headers=[(name, header) for name in pair]) for pair in pairs]

    assert [answer.status for answer in answers] == [400, 400]
