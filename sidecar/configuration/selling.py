"""What we sell: routes with their prices, and the costs and fees stated beside them."""

from types import MappingProxyType

from ledger.money import Amount
from sidecar.configuration.checking import Draft
from sidecar.configuration.document import RouteSection
from sidecar.configuration.model import CostOverride, Costs, Fees, Route
from sidecar.configuration.places import base_url
from sidecar.configuration.problems import Path, WrongValue, did_you_mean
from sidecar.domain.routes import BadRoutes, compile_routes

RESERVED: tuple[str, ...] = ("/__402", "/.well-known/x402")


def routes(draft: Draft) -> tuple[Route, ...]:
    """Return the routes in the file's order: the first match wins."""
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
            _check_price(draft, ("routes", key), section)
            found.append(_priced(draft, key, method, pattern, section))
        else:
            found.append(Route(key, method, pattern, free=True))
    return tuple(found)


def _priced(draft: Draft, key: str, method: str, pattern: str, section: RouteSection) -> Route:
    return Route(
        key,
        method,
        pattern,
        price=section.price,
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
    )


def _check_price(draft: Draft, path: Path, section: RouteSection) -> None:
    if section.price_ceiling is not None and section.price > section.price_ceiling:
        draft.refuse((*path, "price"), "price_above_ceiling", "the price is above the route's price_ceiling")
    if section.price > draft.document.exposure.per_payer and not draft.has_lost("exposure"):
        sentence = "the price is above exposure.per_payer, so no call could ever be paid"
        draft.refuse((*path, "price"), "price_above_exposure", sentence)
    per_day = draft.document.exposure.per_day
    if per_day is not None and section.price > per_day:
        sentence = "the price is above exposure.per_day, so no call could ever be paid"
        draft.refuse((*path, "price"), "price_above_exposure", sentence)
    if section.timeout > draft.document.limits.stream_total:
        sentence = "the timeout is above limits.stream_total"
        draft.refuse((*path, "timeout"), "limits_conflict", sentence)


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
    return Costs(overrides, MappingProxyType(section.per_call))


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
