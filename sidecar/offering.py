"""Offering: each route of the settings becomes what is sold there, with its prepared 402; once, at start."""

from dataclasses import replace
from functools import partial
from typing import Final

from sidecar.domain.call import Endpoint, Flow
from sidecar.domain.fees import of_sale
from sidecar.domain.quoting import Method
from sidecar.domain.records import RecordsTx
from sidecar.domain.routes import BadRoutes, Routes, compile_routes
from sidecar.domain.sales import Rules, Sale
from sidecar.domain.terms import US_PER_S, Terms, read, written
from sidecar.domain.verification import max_timeout_s
from sidecar.http.buyers import Entry
from sidecar.http.sold import Sold
from sidecar.services import Services
from sidecar.settings import TIMEOUT_MAX_S, Accept, Route, Settings
from sidecar.x402.challenge import Challenge, prepare
from sidecar.x402.documents import Resource
from sidecar.x402.identifier import Demand

REPLACED_MAX: Final = 16
"""How many replaced versions of a route's price are payable at once, the newest of them."""


async def offered(settings: Settings, services: Services) -> list[Entry]:
    """Return an entry per route, in the order of the settings. New terms are a new price version on disk."""
    return [await _entry(settings, route, services) for route in settings.routes]


def compiled(settings: Settings) -> Routes:
    """Return the routes as requests are matched with; the entry of each stands in the same place."""
    compiled = compile_routes([route.key for route in settings.routes])
    assert not isinstance(compiled, BadRoutes), "settings with bad routes are refused when they are read"
    return compiled


async def _entry(settings: Settings, route: Route, services: Services) -> Entry:
    if route.price is None:
        return Entry(route.key, None, route.timeout_s)
    terms = Terms(
        price=route.price,
        own=route.buyers,
        methods=tuple(_method(accept) for accept in settings.accept),
        timeout_s=route.timeout_s,
        flow=Flow(route.settle),
    )
    unit = partial(_payable, endpoint=route.key, terms=terms, now_us=services.clock.now_us())
    endpoint = Endpoint(
        name=route.key,
        price=route.price.least,
        price_version=0,
        offers=(),
        timeout_s=route.timeout_s,
        agent=route.agent,
        workflow=route.workflow,
        workspace=settings.workspace,
        allow=route.allow,
        deny=route.deny,
        tariff=settings.costs.per_call.get(route.key),
        rate_limit=route.rate_limit,
        margin_floor=route.margin_floor,
        flow=terms.flow,
        identifier=Demand(route.payment_identifier),
        success=route.success,
    )
    facilitators = [each.url for each in settings.settlement.facilitators]
    sale = Sale(
        endpoint,
        await services.commits.once(unit),
        partial(of_sale, services.fees, facilitators),
        Rules(route.price_ceiling, route.models, route.judge),
    )
    return Entry(route.key, Sold(sale, partial(_challenge, settings.public_url)), route.timeout_s)


def _payable(tx: RecordsTx, endpoint: str, terms: Terms, now_us: int) -> list[Terms]:
    """Make *terms* the ones in force; return them, then those that were and are still payable."""
    version = tx.price_version(endpoint, written(terms), now_us)
    found = [replace(terms, version=version)]
    longest_us = max_timeout_s(TIMEOUT_MAX_S) * US_PER_S
    for number, text, replaced_us in tx.replaced_terms(endpoint, now_us - longest_us, REPLACED_MAX):
        earlier = read(text, number)
        if earlier is not None and (ended := earlier.replaced(replaced_us)).payable(now_us):
            found.append(ended)
    return found


def _challenge(public_url: str, endpoint: Endpoint) -> Challenge:
    requirements = [offer.requirements for offer in endpoint.offers]
    return prepare(requirements, Resource(public_url), endpoint.identifier)


def _method(accept: Accept) -> Method:
    return Method(
        chain_id=accept.chain_id,
        network=accept.network,
        asset=accept.asset.address,
        asset_text=accept.asset.address_text,
        decimals=accept.asset.decimals,
        domain_name=accept.asset.name,
        domain_version=accept.asset.version,
        pay_to=accept.pay_to,
        pay_to_text=accept.pay_to_text,
    )
