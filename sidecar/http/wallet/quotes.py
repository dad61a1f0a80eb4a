"""Quotes: what a call costs, told before anybody pays. Asks nobody and books nothing."""

from typing import Any

from ledger.money import text
from sidecar.domain.call import Endpoint
from sidecar.domain.target import Target
from sidecar.finops.amounts import usd
from sidecar.x402.terms import requirements_members


def quote(endpoint: Endpoint | None) -> dict[str, Any]:
    """Return the price of a call, what it may cost at most, and the ways to pay; None is a free one.

    *endpoint* is at the price of one request: that is its own ceiling.
    """
    if endpoint is None:
        return {"price_usd": usd(0), "ceiling_usd": usd(0), "flow": None, "accepts": []}
    return {
        "price_usd": text(endpoint.price),
        "ceiling_usd": text(endpoint.price),
        "flow": endpoint.flow.value,
        "accepts": [requirements_members(offer.requirements) for offer in endpoint.offers],
    }


def quote_object(
    name: str, endpoint: Endpoint | None, method: str, target: Target, public_url: str
) -> dict[str, Any]:
    """Return the quote of one request for the route *name*."""
    return {
        "method": method,
        "target": target.target.decode("ascii"),
        "endpoint": name,
        "resource": public_url + target.path.decode("ascii"),
        **quote(endpoint),
    }
