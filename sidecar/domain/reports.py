"""Cost reports: what an agent says its call cost becomes lines, or one reason why not. Pure.

A report that could be misread is refused as a whole request: the agent is told
where, and can send it again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ledger.money import USD, Amount, MoneyText, parse
from pricing.cost import Basis, CostLine, Kind, Source, cost_of
from pricing.declared import ATTEMPT_MAX, KINDS
from pricing.rates import RateCards
from pricing.usage import COUNTS, Unmeasured, Usage, clean_text, measure
from sidecar.domain.costs import Report
from sidecar.domain.metering import LINE_MAX, credible

MEMBERS: Final = frozenset(
    ("id", "kind", "name", "amount_usd", "usage", "step", "attempt", "provider", "response_id")
)
"""What a report may have; `id`, `kind`, `name` and, but for a tool, `amount_usd` or `usage` it must."""

USAGE_MEMBERS: Final = frozenset(("model", "provider", "service_tier", *COUNTS))
PRICED_KINDS: Final = frozenset((Kind.MODEL, Kind.RETRY))
"""Whose cost may be told in tokens."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why a request's reports were not read, as one sentence that names the place."""

    reason: str


class _WrongError(Exception):
    """What is wrong with one report; leaves this module as a `Malformed`."""


def read(documents: Sequence[Mapping[str, object]], cards: RateCards, at_us: int) -> list[Report] | Malformed:
    """Read the reports of one request; tokens are priced by the rates of *at_us*."""
    if not documents:
        return Malformed("There is no report.")
    reports: list[Report] = []
    for place, document in enumerate(documents):
        try:
            reports.append(_report(document, cards, at_us))
        except _WrongError as wrong:
            return Malformed(f"Report {place + 1}: {wrong}.")
    return reports


def _report(document: Mapping[str, object], cards: RateCards, at_us: int) -> Report:
    _only(document, MEMBERS, "a report")
    kind = KINDS.get(_text(document, "kind"))
    if kind is None:
        raise _WrongError(f"`kind` is one of {', '.join(KINDS)}")
    told = CostLine(
        kind=kind,
        name=_text(document, "name"),
        amount=None,
        basis=Basis.UNKNOWN,
        rate="",
        source=Source.REPORT,
        provider=_text(document, "provider", ""),
        response_id=_text(document, "response_id", ""),
        step=_text(document, "step", ""),
        attempt=_attempt(document),
    )
    if "amount_usd" not in document and "usage" not in document and kind is Kind.TOOL:
        said: object = None
        line = told  # the seller may have a tariff for it
    elif ("amount_usd" in document) == ("usage" in document):
        raise _WrongError("either `amount_usd` or `usage` says what it cost")
    elif "usage" in document:
        usage = _usage(document["usage"], told)
        said = [(name, getattr(usage, name)) for name in sorted(USAGE_MEMBERS)]
        line = _priced(told, usage, cards, at_us)
    else:
        amount = _amount(document["amount_usd"])
        said = amount.units
        line = replace(told, amount=amount, basis=Basis.REPORTED)
    return Report(_text(document, "id"), _digest(told, said), line)


def _digest(told: CostLine, said: object) -> bytes:
    """Return SHA-256 of what was said: spelled in another way it is the same report."""
    identity = [told.kind, told.name, told.provider, told.response_id, told.step, told.attempt]
    return hashlib.sha256(json.dumps([identity, said]).encode("ascii")).digest()


def _priced(told: CostLine, usage: Usage, cards: RateCards, at_us: int) -> CostLine:
    """Price the tokens; a model nobody has a price for makes an unknown line."""
    cost = credible(cost_of(usage, cards, at_us))
    provider = told.provider or cost.provider
    return replace(told, amount=cost.amount, basis=cost.basis, rate=cost.rate, provider=provider)


def _usage(value: object, told: CostLine) -> Usage:
    if told.kind not in PRICED_KINDS:
        raise _WrongError(f"`usage` cannot tell what a {told.kind} costs")
    if not isinstance(value, dict):
        raise _WrongError("`usage` is an object of token counts")
    _only(value, USAGE_MEMBERS, "`usage`")
    for needed in ("input_tokens", "output_tokens"):  # a missing count is not zero
        if needed not in value:
            raise _WrongError(f"`usage` needs `{needed}`")
    usage = measure(
        provider=_text(value, "provider", told.provider) or None,
        model=_text(value, "model", told.name),
        response_id=told.response_id or None,
        counts={name: value[name] for name in COUNTS if name in value},
        service_tier=_text(value, "service_tier", ""),
    )
    if isinstance(usage, Unmeasured):
        raise _WrongError(f"`usage`: {usage.problem}")
    return usage


def _amount(value: object) -> Amount:
    try:
        amount = parse(value, USD) if isinstance(value, str) and not value.startswith("$") else None
    except MoneyText:
        amount = None
    if amount is None:
        raise _WrongError('`amount_usd` is a decimal string with at most 9 places, such as "0.0036"')
    if amount > LINE_MAX:
        raise _WrongError("`amount_usd` is more than one cost can be")
    return amount


def _attempt(document: Mapping[str, object]) -> int:
    attempt = document.get("attempt", 1)
    if type(attempt) is not int or not 1 <= attempt <= ATTEMPT_MAX:
        raise _WrongError(f"`attempt` is a whole number from 1 to {ATTEMPT_MAX}")
    return attempt


def _text(document: Mapping[str, object], name: str, default: str | None = None) -> str:
    if name not in document and default is not None:
        return default
    text = clean_text(document.get(name))
    if text is None:
        raise _WrongError(f"`{name}` is a short printable string")
    return text


def _only(document: Mapping[str, object], known: frozenset[str], what: str) -> None:
    if not document.keys() <= known:
        raise _WrongError(f"{what} has only {', '.join(sorted(known))}")
