"""Quotes: what a call costs, told before anybody pays. Asks nobody and books nothing."""

from typing import TYPE_CHECKING, Any

from ledger.money import text
from sidecar.domain.target import Target
from sidecar.finops.amounts import usd
from sidecar.x402.terms import requirements_members

if TYPE_CHECKING:
    from sidecar.http.buyers import Entry


def quote(entry: "Entry") -> dict[str, Any]:
    """Return the price of a call of *entry*, what it may cost at most, and the ways to pay.

    The one place where a quoted price is found: here a fixed price is its own ceiling.
    """
    endpoint = entry.endpoint
    if endpoint is None:
        return {"price_usd": usd(0), "ceiling_usd": usd(0), "flow": None, "accepts": []}
    return {
        "price_usd": text(endpoint.price),
        "ceiling_usd": text(endpoint.price),
        "flow": endpoint.flow.value,
        "accepts": [requirements_members(offer.requirements) for offer in endpoint.offers],
    }


def quote_object(entry: "Entry", method: str, target: Target, public_url: str) -> dict[str, Any]:
    """Return the quote of one request."""
    return {
        "method": method,
        "target": target.target.decode("ascii"),
        "endpoint": entry.name,
        "resource": public_url + target.path.decode("ascii"),
        **quote(entry),
    }
