"""Policies: what is in force, globally and on each route, as one object.

A refusal's policy in the logs and events is the path to what refused: `exposure.per_payer`
stands under `exposure`, `routes.deny` under each route. What is not set is null.
"""

from collections.abc import Collection
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ledger.money import Amount, text
from pricing.margin import ratio_text
from pricing.price import FixedPrice, Price
from sidecar.domain import chart
from sidecar.domain.pacing import Rate
from sidecar.http.operator.resources import Resource, Sources
from sidecar.settings import Route, Settings

US_PER_S = 1_000_000


def policies_object(settings: Settings) -> dict[str, Any]:
    """Return the policies of *settings*."""
    exposure, limits = settings.exposure, settings.limits
    return {
        "exposure": {"per_payer": _amount(exposure.per_payer), "per_day": _amount(exposure.per_day)},
        "limits": {
            "per_address": _rate(limits.per_address),
            "per_buyer": _rate(limits.per_buyer),
            "uncharged_cost": _amount(limits.uncharged_cost),
        },
        "routes": {route.key: _route(route) for route in settings.routes},
    }


def _route(route: Route) -> dict[str, Any]:
    if route.price is None:
        return {"free": True}
    floor = route.margin_floor
    return {
        "free": False,
        "settle": route.settle,
        "price": _price(route.price),
        "buyers": {chart.hexed(buyer): _price(price) for buyer, price in sorted(route.buyers.items())},
        "price_ceiling": _amount(route.price_ceiling),
        "allow": None if route.allow is None else _wallets(route.allow),
        "deny": _wallets(route.deny),
        "models": None if route.models is None else sorted(route.models),
        "request": {"schema": route.judge is not None},
        "rate_limit": None if route.rate_limit is None else _rate(route.rate_limit),
        "margin_floor": None if floor is None else {"ratio": ratio_text(floor)},
    }


def _price(price: Price) -> dict[str, Any]:
    if isinstance(price, FixedPrice):
        return {"amount_usd": text(price.amount)}
    return {
        "base_usd": text(price.base),
        "by_model": {model: {"amount_usd": text(amount)} for model, amount in price.models.items()},
        "plus": [
            {
                "of": each.place,
                "each_usd": text(each.each),
                "per": each.per,
                "min": each.least,
                "max": each.most,
                "default": each.default,
            }
            for each in price.quantities
        ],
        "lowest_usd": text(price.least),
        "highest_usd": text(price.most),
    }


def _amount(amount: Amount | None) -> dict[str, str] | None:
    return None if amount is None else {"amount_usd": text(amount)}


def _rate(rate: Rate) -> dict[str, int]:
    return {"calls": rate.calls, "period_s": rate.period_us // US_PER_S}


def _wallets(wallets: Collection[bytes]) -> dict[str, Any]:
    return {"count": len(wallets), "wallets": sorted(chart.hexed(wallet) for wallet in wallets)}


async def _policies(_: Request, sources: Sources) -> Response:
    return JSONResponse(sources.policies)


POLICIES = Resource("/api/v1/policies", "What is in force, globally and on each route", _policies)
