"""Offering: each route of the settings becomes what is sold there, with its prepared 402; once, at start."""

from functools import partial

from sidecar.domain import quoting
from sidecar.domain.call import Endpoint, Flow
from sidecar.domain.fees import of_sale
from sidecar.domain.records import RecordsTx
from sidecar.domain.routes import BadRoutes, Routes, compile_routes
from sidecar.http.buyers import Entry
from sidecar.services import Services
from sidecar.settings import Accept, Route, Settings
from sidecar.x402.challenge import prepare
from sidecar.x402.documents import Resource
from sidecar.x402.identifier import Demand


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
        return Entry(route.key, None, None, route.timeout_s)
    flow = Flow(route.settle)
    offers = tuple(
        quoting.offer(route.price, _method(accept), route.timeout_s, flow) for accept in settings.accept
    )
    unit = partial(
        _price_version,
        endpoint=route.key,
        terms=quoting.terms(route.price, offers),
        since_us=services.clock.now_us(),
    )
    endpoint = Endpoint(
        name=route.key,
        price=route.price,
        price_version=await services.commits.once(unit),
        offers=offers,
        timeout_s=route.timeout_s,
        agent=route.agent,
        workflow=route.workflow,
        workspace=settings.workspace,
        allow=route.allow,
        deny=route.deny,
        tariff=settings.costs.per_call.get(route.key),
        rate_limit=route.rate_limit,
        margin_floor=route.margin_floor,
        fees=of_sale(services.fees, [each.url for each in settings.settlement.facilitators], route.price),
        flow=flow,
        identifier=Demand(route.payment_identifier),
    )
    resource = Resource(settings.public_url)
    challenge = prepare([offer.requirements for offer in offers], resource, endpoint.identifier)
    return Entry(route.key, endpoint, challenge, route.timeout_s)


def _price_version(tx: RecordsTx, endpoint: str, terms: str, since_us: int) -> int:
    return tx.price_version(endpoint, terms, since_us)


def _method(accept: Accept) -> quoting.Method:
    return quoting.Method(
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
