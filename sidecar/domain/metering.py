"""Metering: what was measured, declared and agreed about one call becomes its cost lines. Pure."""

from dataclasses import replace
from typing import Final

from ledger.money import Amount, nano
from pricing.cost import Basis, CostLine, Kind, Source, cost_of
from pricing.declared import Malformed, gateway_cost, parse_costs
from pricing.extract import Metered
from pricing.rates import RateCards
from pricing.tariffs import NONE, Tariffs

LINE_MAX: Final = nano(10**15)
"""A million dollars: what costs more is a misprint, and a few thousand such sums would not fit the books."""


def cost_lines(
    metered: Metered | None,
    declared: bytes,
    tariff: Amount | None,
    cards: RateCards,
    at_us: int,
    *,
    gateway: bytes = b"",
    tariffs: Tariffs = NONE,
    endpoint: str = "",
) -> tuple[CostLine, ...]:
    """Return all that is known of what the call cost; its close says which of it is booked.

    *metered* is None when the agent was asked and nobody has its answer: what it
    spent is unknown, beside what is declared, and unknown is never zero. *declared* is the combined
    `Sidecar-Cost` value, empty when there was none. *gateway* is the combined
    `x-litellm-response-cost` value: the cost of the one model answer there is,
    unless the agent declares costs of models itself; then those are all of them.
    *tariffs* gives figures of the seller's where nobody else does.
    """
    found = Metered(lost=True) if metered is None else metered
    answers = [cost_of(reading, cards, at_us) for reading in found.usages]
    header = parse_costs(declared) if declared else ()
    told = [header.line()] if isinstance(header, Malformed) else [*header]
    told += found.declared
    if Kind.MODEL not in [line.kind for line in told]:
        told += gateway_cost(gateway, answers)
    lines = [unmetered(), *told] if found.lost else [*answers, *told]
    if tariff is not None:
        lines.append(
            CostLine(Kind.EXTERNAL, "per_call", tariff, Basis.MEASURED, "config per_call", Source.TARIFF)
        )
    return tuple([tariffs.applied(credible(line), endpoint) for line in lines])


def credible(line: CostLine) -> CostLine:
    """Return the line, its amount unknown where nobody can have spent so much on it."""
    if line.amount is None or line.amount.units <= LINE_MAX.units:
        return line
    return replace(line, amount=None, basis=Basis.UNKNOWN, rate="")


def unmetered() -> CostLine:
    """Stand in for work that was asked for and whose answer nobody has."""
    return CostLine(Kind.EXTERNAL, "unmetered", None, Basis.UNKNOWN, "", Source.USAGE)
