"""Prices as written become price rules: fixed, or computed from what a request names; and buyers' own."""

from collections.abc import Mapping
from types import MappingProxyType

from ledger.money import INT64_MAX, Amount, nano, text
from pricing.price import ComputedPrice, FixedPrice, Price, Quantity
from sidecar.configuration.addresses import address
from sidecar.configuration.checking import Draft
from sidecar.configuration.document import BuyerSection, PriceSection, QuantitySection, RouteSection
from sidecar.configuration.problems import Path, WrongValue, did_you_mean
from sidecar.domain.requests import MODEL_PLACE, Part, parameters_of


def price(draft: Draft, path: Path, section: Amount | PriceSection, key: str) -> Price | None:
    """Return the rule at *path* of the route *key*; None if something of it is wrong."""
    if isinstance(section, Amount):
        return FixedPrice(section)
    found = [_quantity(draft, (*path, "plus", index), each, key) for index, each in enumerate(section.plus)]
    quantities = [quantity for quantity in found if quantity is not None]
    names = [quantity.place for quantity in quantities]
    for index, quantity in enumerate(found):
        if quantity is not None and names.count(quantity.place) > 1:
            draft.refuse((*path, "plus", index), "duplicate_quantity", "this is counted twice")
    if len(set(names)) < len(section.plus):
        return None
    base = section.base or nano(0)
    most = base.units + sum(each.each.units * each.most for each in quantities)
    if most + max((each.units for each in section.by_model.values()), default=0) > INT64_MAX:
        draft.refuse(path, "price_too_large", "at its maxima this price is more than a book can hold")
        return None
    rule = ComputedPrice(
        base,
        tuple(quantities),
        MappingProxyType(section.by_model),
        MODEL_PLACE if section.by_model else "",
    )
    if rule.least.units == 0:
        sentence = "a request could cost nothing; give a base, or a min above 0 to what it counts"
        draft.refuse(path, "price_zero", sentence)
        return None
    return rule


def _quantity(draft: Draft, path: Path, section: QuantitySection, key: str) -> Quantity | None:
    named = ((Part.QUERY, section.query), (Part.PATH, section.path), (Part.BODY, section.body))
    sources = [(part, name) for part, name in named if name is not None]
    if len(sources) != 1:
        sentence = "say where the number is: query, path or body, and one of them"
        draft.refuse(path, "quantity_source", sentence)
        return None
    ((part, name),) = sources
    if part is Part.PATH and name not in parameters_of(key):
        advice = did_you_mean(name, parameters_of(key))
        draft.refuse((*path, "path"), "parameter_unknown", f"the route has no such {{parameter}}; {advice}")
        return None
    if not section.least <= section.most:
        draft.refuse((*path, "min"), "quantity_range", "is above max")
        return None
    if section.default is not None and not section.least <= section.default <= section.most:
        draft.refuse((*path, "default"), "quantity_range", "is not from min to max")
        return None
    return Quantity(
        place=f"{part} {name}",
        each=section.each,
        most=section.most,
        per=section.per,
        least=section.least,
        default=section.default,
    )


def buyers(
    draft: Draft, path: Path, section: RouteSection, key: str
) -> Mapping[bytes, tuple[Path, Price | None]]:
    """Return where the price of each buyer that has its own is written, and the price."""
    found: dict[bytes, tuple[Path, Price | None]] = {}
    for name, each in section.buyers.items():
        where: Path = (*path, name)
        own = price(draft, (*where, "price"), each.price, key)
        for wallet in _wallets(draft, where, name, each):
            if wallet in found:
                draft.refuse(where, "duplicate_buyer", "a wallet of it has two prices of its own")
            found[wallet] = ((*where, "price"), own)
    return found


def _wallets(draft: Draft, path: Path, name: str, section: BuyerSection) -> list[bytes]:
    if section.wallets is not None:
        if name.lower().startswith("0x"):
            draft.refuse((*path, "wallets"), "buyer", "a wallet has no wallets; they stand under a name")
        return section.wallets
    try:
        return [address(name)]
    except WrongValue as wrong:
        code, sentence = wrong.code, wrong.sentence
        if not name.lower().startswith("0x"):
            code, sentence = "buyer", "is neither a wallet's address nor a name with `wallets`"
        draft.refuse(path, code, sentence)
        return []


def check_bounds(draft: Draft, path: Path, rule: Price, ceiling: Amount | None) -> None:
    """Refuse a price that is never sold, or that could be asked and never be paid."""
    if ceiling is not None and rule.least > ceiling:
        draft.refuse(path, "price_above_ceiling", "the price is above the route's price_ceiling")
        return
    highest = rule.most if ceiling is None else min(rule.most, ceiling)
    exposure = draft.document.exposure
    if draft.has_lost("exposure"):
        return
    for name, bound in (("per_payer", exposure.per_payer), ("per_day", exposure.per_day)):
        if bound is not None and highest > bound:
            of = (
                "the price"
                if rule.least == rule.most
                else f"the price of the largest request, ${text(highest)},"
            )
            sentence = f"{of} is above exposure.{name}, so such a call could never be paid"
            draft.refuse(path, "price_above_exposure", sentence)
            return
