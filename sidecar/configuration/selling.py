"""What we sell: routes with their prices, and the costs and fees stated beside them."""

from pathlib import Path as Folder
from types import MappingProxyType

from ledger.money import Amount
from pricing.price import FixedPrice, Price
from pricing.usage import clean_text
from sidecar.configuration import prices, schemas
from sidecar.configuration.checking import Draft
from sidecar.configuration.document import RequestSection, RouteSection, SuccessSection
from sidecar.configuration.model import CostOverride, Costs, Fees, Route
from sidecar.configuration.places import base_url
from sidecar.configuration.problems import Path, WrongValue, did_you_mean
from sidecar.domain import pointers
from sidecar.domain.requests import Judge
from sidecar.domain.routes import BadRoutes, compile_routes
from sidecar.domain.success import Rule

RESERVED: tuple[str, ...] = ("/__402", "/.well-known/x402")


def routes(draft: Draft, folder: Folder) -> tuple[Route, ...]:
    """Return the routes in the file's order: the first match wins. Schema files are found from *folder*."""
    keys = draft.route_keys()
    if not keys and not draft.has_lost("routes"):
        draft.refuse(("routes",), "required", "at least one route is required; what is not listed is refused")
    compiled = compile_routes(keys)
    if isinstance(compiled, BadRoutes):
        for bad in compiled.problems:
            draft.refuse(("routes", bad.key), bad.code, bad.message)
    found = []
    for key, section in draft.document.routes.items():
        method, _, pattern = key.partition(" ")
        if any(pattern == place or pattern.startswith(place + "/") for place in RESERVED):
            draft.refuse(("routes", key), "route_reserved", "paths under /__402 are the sidecar's own")
        if isinstance(section, RouteSection):
            found.append(_priced(draft, ("routes", key), section, folder))
        else:
            found.append(Route(key, method, pattern, free=True))
    return tuple(found)


def _priced(draft: Draft, path: Path, section: RouteSection, folder: Folder) -> Route:
    key = str(path[-1])
    method, _, pattern = key.partition(" ")
    own = prices.buyers(draft, (*path, "buyers"), section, key)
    asked = prices.price(draft, (*path, "price"), section.price, key)
    models = None if section.models is None else frozenset(section.models)
    for where, price in (((*path, "price"), asked), *own.values()):
        if price is not None:
            prices.check_bounds(draft, where, price, section.price_ceiling)
            _check_models(draft, path, price, models)
    if section.timeout > draft.document.limits.stream_total:
        sentence = "the timeout is above limits.stream_total"
        draft.refuse((*path, "timeout"), "limits_conflict", sentence)
    return Route(
        key,
        method,
        pattern,
        price=asked,
        buyers=MappingProxyType({buyer: price for buyer, (_, price) in own.items() if price is not None}),
        models=models,
        judge=_judge(draft, (*path, "request", "schema"), section.request, folder),
        settle=section.settle,
        agent=section.agent or "",
        workflow=section.workflow or "",
        allow=None if section.allow is None else frozenset(section.allow),
        deny=frozenset(section.deny),
        price_ceiling=section.price_ceiling,
        timeout_s=section.timeout,
        rate_limit=section.rate_limit,
        margin_floor=section.margin_floor,
        payment_identifier=section.payment_identifier or draft.document.payment_identifier,
        success=_success(draft, (*path, "success"), section.success),
        fallback_cost=section.fallback_cost,
    )


def _success(draft: Draft, path: Path, section: SuccessSection) -> Rule:
    body = {}
    for text, wanted in section.body.items():
        place = pointers.read(text)
        if place is None:
            sentence = "must be a JSON pointer to a member, such as /error or /choices/0/status"
            draft.refuse((*path, "body", text), "pointer", sentence)
        else:
            body[place] = wanted
    if section.body and section.buffer > draft.document.limits.read_ahead:
        draft.refuse((*path, "buffer"), "limits_conflict", "is above limits.read_ahead")
    return Rule(
        statuses=frozenset().union(*section.status),
        body=MappingProxyType(body),
        buffer_bytes=section.buffer,
        charge_unjudged=section.unjudged == "charge",
    )


def _check_models(draft: Draft, path: Path, price: Price, models: frozenset[str] | None) -> None:
    """A model with a price that is not let in, or let in without a price, is a mistake."""
    if models is None or isinstance(price, FixedPrice) or not price.models:
        return
    if odd := sorted(models ^ price.models.keys()):
        sentence = f"models and by_model do not list the same: {', '.join(odd)}"
        draft.refuse((*path, "models"), "models_conflict", sentence)


def _judge(draft: Draft, path: Path, section: RequestSection | None, folder: Folder) -> Judge | None:
    if section is None:
        return None
    try:
        return schemas.judge(section.body_schema, folder)
    except WrongValue as wrong:
        draft.refuse(path, wrong.code, wrong.sentence)
        return None


def costs(draft: Draft) -> Costs:
    """Return the costs the seller states."""
    section = draft.document.costs
    overrides = tuple(
        CostOverride(
            model=entry.model,
            input=entry.input,
            output=entry.output,
            cached_input=entry.cached_input,
            since_us=entry.since,
        )
        for entry in section.overrides
    )
    # As rate cards compare names: without case, and without a provider in front.
    known = [(entry.model.lower().rpartition("/")[2], entry.since_us) for entry in overrides]
    for index, identity in enumerate(known):
        if identity in known[:index]:
            sentence = "this model has another override from the same day on"
            draft.refuse(("costs", "overrides", index), "duplicate_override", sentence)
    for key in section.per_call:
        _check_costed_route(draft, key)
    for name in section.tools:
        if clean_text(name) is None:
            sentence = "the name of a tool is short and printable: no report could have this one"
            draft.refuse(("costs", "tools", name), "label", sentence)
    return Costs(overrides, MappingProxyType(section.tools), MappingProxyType(section.per_call))


def _check_costed_route(draft: Draft, key: str) -> None:
    path: Path = ("costs", "per_call", key)
    if key not in draft.route_keys():
        advice = did_you_mean(key, draft.route_keys())
        draft.refuse(path, "route_unknown", f"there is no such route; {advice}")
    elif draft.document.routes.get(key) == "free":
        draft.refuse(path, "route_free", "calls of a free route are not booked, so neither is their cost")


def fees(draft: Draft) -> Fees:
    """Return the fees, by the facilitators' URLs as `settlement` spells them."""
    section = draft.document.fees
    by_url: dict[str, Amount] = {}
    for written, fee in section.facilitator.items():
        path: Path = ("fees", "facilitator", written)
        try:
            url = base_url(written)
        except WrongValue as wrong:
            draft.refuse(path, wrong.code, wrong.sentence)
            continue
        if url in by_url:
            draft.refuse(path, "duplicate_facilitator", "this facilitator is listed twice")
        elif url not in draft.document.settlement.urls() and not draft.has_lost("settlement"):
            draft.refuse(path, "facilitator_unknown", "settlement.facilitators does not list this URL")
        by_url[url] = fee
    return Fees(MappingProxyType(by_url), section.platform)
