"""Quotes: what is quoted is what the 402 asks for."""

from sidecar.domain.call import Flow
from sidecar.domain.target import Target, canonical
from sidecar.http.wallet.quotes import quote, quote_object
from sidecar.x402.terms import requirements_members
from tests.sidecar.builders import an_endpoint


def test_a_fixed_price_is_its_own_ceiling() -> None:
    """Price, ceiling, flow and each way to pay, as on the wire."""
    endpoint = an_endpoint(flow=Flow.UPFRONT)
    quoted = quote(endpoint)

    assert quoted == {
        "price_usd": "0.050000000",
        "ceiling_usd": "0.050000000",
        "flow": "upfront",
        "accepts": [requirements_members(offer.requirements) for offer in endpoint.offers],
    }


def test_what_is_free_costs_nothing() -> None:
    """And has no way to pay."""
    quoted = quote(None)

    assert quoted == {
        "price_usd": "0.000000000",
        "ceiling_usd": "0.000000000",
        "flow": None,
        "accepts": [],
    }


def test_a_quote_names_what_it_is_for() -> None:
    """The request, the route it falls under, and the resource its 402 would name."""
    target = canonical(b"/models/gpt", b"q=1")
    assert isinstance(target, Target)
    quoted = quote_object("GET /models/{name}", None, "HEAD", target, "https://a.example")

    assert (quoted["method"], quoted["target"], quoted["endpoint"], quoted["resource"]) == (
        "HEAD",
        "/models/gpt?q=1",
        "GET /models/{name}",
        "https://a.example/models/gpt",
    )
