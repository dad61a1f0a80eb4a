"""Sold: a 402 is made once for each price, and what is kept of them is bounded."""

import threading

import pytest

from ledger.money import nano
from pricing.price import ComputedPrice, Quantity
from sidecar.domain.call import Endpoint
from sidecar.domain.requests import Request
from sidecar.domain.sales import Rules
from sidecar.domain.target import Target, canonical
from sidecar.http.paid_body import SPOOL_BYTES, PaidBody
from sidecar.http.sold import CHALLENGES_KEPT, Sold
from sidecar.x402.challenge import Challenge
from tests.sidecar.builders import a_sale, some_terms

PRICE = ComputedPrice(nano(1_000), (Quantity("query n", nano(1_000), most=10**6),))


def test_a_402_is_made_once_for_each_price() -> None:
    """The lowest price's is ready at once; of the others the longest unused is forgotten."""
    made: list[int] = []

    def prepare(endpoint: Endpoint) -> Challenge:
        made.append(endpoint.price.units)
        return Challenge(b"", ())

    sale = a_sale(some_terms(PRICE))
    sold = Sold(sale, prepare)
    assert made == [1_000]

    def ask(n: int) -> None:
        target = canonical(b"/", b"n=%d" % n)
        assert isinstance(target, Target)
        quoted = sale.quote(Request(target))
        assert isinstance(quoted, Endpoint)
        sold.challenge(quoted)

    for n in (0, 5, 5, 0):
        ask(n)
    assert made == [1_000, 6_000]

    for n in range(10, 10 + CHALLENGES_KEPT - 1):
        ask(n)
        ask(0)
    made.clear()
    ask(0)
    assert made == []
    ask(5)
    assert made == [6_000]


@pytest.mark.parametrize(("size", "here"), [(SPOOL_BYTES, True), (SPOOL_BYTES + 1, False)])
async def test_a_large_body_is_read_where_nobody_waits_for_it(size: int, here: bool) -> None:
    """Whoever asks, be it for a quote: parsing and judging it would hold up every other call."""
    read_by: list[int] = []
    sale = a_sale(rules=Rules(judge=lambda _: read_by.append(threading.get_ident())))
    target, body = canonical(b"/", b""), PaidBody()
    assert isinstance(target, Target)
    body.add(b'"%b"' % (b"x" * (size - 2)))

    assert isinstance(await Sold(sale, lambda _: Challenge(b"", ())).read(target, [], body), Request)
    assert (read_by == [threading.get_ident()]) is here
    body.close()
