"""Disputes: two sources that tell of one cost and do not agree. Knows no call, no book and no rates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.money import Amount, nano
from pricing.cost import CostLine, Kind, Source, answer_of, name_of_cost, same_cost

TOLERANCE_PERCENT: Final = 1
"""How far what was told may be from what is booked before somebody should look."""

Key = tuple[Kind, str, int, str]


@dataclass(frozen=True, slots=True)
class Dispute:
    """*source* told of *told* for what is booked as *booked*; `name` is as the source spells it."""

    kind: Kind
    name: str
    step: str
    attempt: int
    source: Source
    told: Amount
    booked: Amount


def disputes(kept: Sequence[CostLine], evidence: Iterable[CostLine]) -> tuple[Dispute, ...]:
    """Hold *evidence* against the lines *kept* of one call; only differences beyond the tolerance.

    The same response id is held against its line. What has none on either side is
    held against the sum of its name: a header may tell in one item what an answer
    tells in two. Where an amount is unknown there is nothing to compare.
    """
    by_id: dict[tuple[Kind, str], list[CostLine]] = {}
    by_name: dict[Key, list[CostLine]] = {}
    for line in kept:
        by_name.setdefault(name_of_cost(line), []).append(line)
        if line.response_id:
            by_id.setdefault(answer_of(line), []).append(line)
    told: dict[tuple[Key, Source], list[CostLine]] = {}
    found: list[Dispute | None] = []
    for line in evidence:
        same = [each for each in by_id.get(answer_of(line), ()) if same_cost(line, each)]
        if same:
            found.append(_dispute([line], same))
        else:
            told.setdefault((name_of_cost(line), line.source), []).append(line)
    for (name, source), lines in told.items():
        others = [line for line in by_name.get(name, ()) if line.source is not source]
        found.append(_dispute(lines, others))
    return tuple(each for each in found if each is not None)


def _dispute(told: Sequence[CostLine], kept: Sequence[CostLine]) -> Dispute | None:
    said, booked = _sum(told), _sum(kept)
    if not kept or said is None or booked is None:
        return None
    if abs(said.units - booked.units) * 100 <= booked.units * TOLERANCE_PERCENT:
        return None
    line = told[0]
    return Dispute(line.kind, line.name, line.step, line.attempt, line.source, said, booked)


def _sum(lines: Iterable[CostLine]) -> Amount | None:
    """Return the sum; None if one of the amounts is unknown."""
    total = nano(0)
    for line in lines:
        if line.amount is None:
            return None
        total += line.amount
    return total
