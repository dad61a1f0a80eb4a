"""The prepared 402 is, field by field and byte by byte, the one that is made anew."""

import pytest

from sidecar.http.exchange import BuyerExchange
from sidecar.http.unpaid import REQUIRED, asking
from sidecar.x402.challenge import prepare
from sidecar.x402.documents import Resource
from sidecar.x402.identifier import Demand
from tests.sidecar.fakes import Buyer
from tests.sidecar.x402.signing import OFFER


@pytest.mark.parametrize("cross_origin", [True, False])
@pytest.mark.parametrize("path", [b"/", b"/a", b"/ab", b"/abc", b"/caf%C3%A9/"])
@pytest.mark.parametrize("identifier", Demand)
async def test_it_says_what_a_refusal_says(path: bytes, cross_origin: bool, identifier: Demand) -> None:
    """Whatever the path's length, for a browser's page or not."""
    challenge = prepare([OFFER], Resource("https://agent.example"), identifier)
    buyer = Buyer()
    exchange = BuyerExchange(buyer.receive, buyer.send, "call_1", write_idle_s=60, cross_origin=cross_origin)
    exchange.asking, exchange.path = lambda: challenge, path
    await exchange.refuse(REQUIRED)

    prepared = asking(challenge, path, "call_1", cross_origin=cross_origin)
    fields = [tuple(line.split(b": ", 1)) for line in prepared.fields.split(b"\r\n")[:-1]]
    assert (prepared.status, fields, prepared.body) == (buyer.status, buyer.headers, buyer.body)
