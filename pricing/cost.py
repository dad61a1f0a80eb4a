"""Usage and rates become cost lines; lines about one cost become one. Knows no wire format and no book."""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Final

from ledger.money import INT64_MAX, Amount, half_even_of, nano
from ledger.values import value
from pricing.rates import STANDARD_TIERS, Card, RateCards
from pricing.usage import Unmeasured, Usage


class Basis(StrEnum):
    """How an amount is known, surest first."""

    REPORTED = "reported"  # the provider's or the agent's own figure
    MEASURED = "measured"  # usage times a dated rate
    ESTIMATED = "estimated"  # bounded, and flagged
    UNKNOWN = "unknown"  # it costs something, nobody knows what


class Kind(StrEnum):
    """What was paid for."""

    MODEL = "model"
    TOOL = "tool"
    EXTERNAL = "external"
    RETRY = "retry"
    FEE = "fee"


class Source(StrEnum):
    """Who told us, strongest first."""

    EGRESS = "egress"
    REPORT = "report"
    HEADER = "header"
    USAGE = "usage"
    TARIFF = "tariff"


_SNAPSHOT: Final = re.compile(r"-20\d\d-?\d\d-?\d\d\Z")

STRENGTH: Final[Mapping[Source, int]] = {source: rank for rank, source in enumerate(Source)}
_DOUBT: Final[Mapping[Basis, int]] = {Basis.ESTIMATED: 1, Basis.UNKNOWN: 2}
_CERTAINTY: Final[Mapping[Basis, int]] = {basis: rank for rank, basis in enumerate(Basis)}


@value
class CostLine:
    """One cost of a call in nano-USD; `amount` is None exactly when the basis is unknown.

    `rate` is the id of the card that priced it, empty when it was not priced by us.
    """

    kind: Kind
    name: str
    amount: Amount | None
    basis: Basis
    rate: str
    source: Source
    provider: str = ""
    response_id: str = ""
    step: str = ""
    attempt: int = 1

    def __post_init__(self) -> None:
        """Unknown is never zero, and nothing else lacks an amount."""
        assert (self.amount is None) == (self.basis is Basis.UNKNOWN), "unknown is a basis, not an amount"
        assert self.amount is None or self.amount.units >= 0, "a cost is never negative"


def cost_of(reading: Usage | Unmeasured, cards: RateCards, at_us: int) -> CostLine:
    """Price one model answer; a model, unit or service tier without a rate makes an unknown line.

    The provider's own figure needs no rate and is taken as it is.
    """
    card = None if reading.model is None else cards.find(reading.provider, reading.model, at_us)
    exact: tuple[int, int] | None = None
    rate = ""
    if card is not None and isinstance(reading, Usage):
        exact = _priced(reading, card, at_us)
        rate = card.id if reading.service_tier in STANDARD_TIERS else f"{card.id} {reading.service_tier}"
    amount, basis = None, Basis.UNKNOWN
    if reading.reported is not None:
        amount, basis, rate = reading.reported, Basis.REPORTED, ""
    elif exact is not None and exact[0] <= INT64_MAX * exact[1]:
        amount, basis = nano(half_even_of(*exact)), Basis.MEASURED
    else:
        rate = ""
    return CostLine(
        kind=Kind.MODEL,
        name=reading.model or "unknown",
        amount=amount,
        basis=basis,
        rate=rate,
        source=Source.USAGE,
        provider=reading.provider or ("" if card is None else card.provider),
        response_id=reading.response_id or "",
    )


def price_of(usage: Usage, card: Card, at_us: int) -> Fraction | None:
    """Exact nano-USD of *usage* on *card*, or None when the card lacks a rate that is needed."""
    exact = _priced(usage, card, at_us)
    return None if exact is None else Fraction(*exact)


def _priced(usage: Usage, card: Card, at_us: int) -> tuple[int, int] | None:
    """The same as a numerator and a denominator, not reduced."""
    total, parts = 0, 1
    for unit, count in usage.parts(card.rates).items():
        if count == 0:
            continue
        rate = card.rate(unit, input_tokens=usage.input_tokens, service_tier=usage.service_tier, at_us=at_us)
        if rate is None:
            return None
        numerator, denominator = rate.as_integer_ratio()
        total = total * denominator + count * numerator * parts
        parts *= denominator
    return total, parts


def strongest(lines: Iterable[CostLine]) -> tuple[tuple[CostLine, ...], tuple[CostLine, ...]]:
    """Split *lines* of one call into those to book and those kept as evidence, each strongest first."""
    every = list(lines)
    booked = standing(every)
    order = sorted(range(len(every)), key=lambda place: _rank(every[place]))
    kept = tuple(every[place] for place in order if booked[place])
    return kept, tuple(every[place] for place in order if not booked[place])


def standing(lines: Sequence[CostLine]) -> tuple[bool, ...]:
    """Tell of each of the *lines* of one call whether it is booked; the others are evidence.

    One identity is (step, attempt, kind, response id; without an id on either side, the name). An answer does
    not know in which step it was asked for: what names neither step nor attempt is, by its response id, the
    same cost as what another source says with them. Per identity the strongest source is kept, within one
    source the surest basis; a line that knows no amount yields to any that does, and an estimate to any that
    is known. Within one source a response id counts once, and every item without an id counts: two web
    searches are two costs. Once the egress saw a model call, usage found in the answer is evidence only.
    """
    seen_at_egress = any(line.source is Source.EGRESS and line.kind is Kind.MODEL for line in lines)
    booked = [False] * len(lines)
    kept = _Kept()
    for place in sorted(range(len(lines)), key=lambda place: _rank(lines[place])):
        line = lines[place]
        booked[place] = not (seen_at_egress and line.source is Source.USAGE) and kept.take(line)
    return tuple(booked)


def name_of_cost(line: CostLine) -> tuple[Kind, str, int, str]:
    """Return what tells costs without a response id apart.

    A header says openai/gpt-4o, an answer says gpt-4o-2024-08-06: no seller, no snapshot date.
    """
    bare = _SNAPSHOT.sub("", line.name.rpartition("/")[2].lower())
    return line.kind, line.step, line.attempt, bare


def answer_of(line: CostLine) -> tuple[Kind, str]:
    """Return which answer a line with a response id is about."""
    return line.kind, line.response_id


def same_cost(one: CostLine, other: CostLine) -> bool:
    """Tell whether two lines about one answer tell of one cost."""
    where, elsewhere = (one.step, one.attempt), (other.step, other.attempt)
    return where == elsewhere or (one.source is not other.source and _NOWHERE in {where, elsewhere})


_NOWHERE: Final = ("", 1)  # neither step nor attempt was told


class _Kept:
    """What was kept so far, by what identifies it."""

    def __init__(self) -> None:
        self._answers: dict[tuple[Kind, str], list[CostLine]] = {}
        self._names: dict[tuple[Kind, str, int, str], set[tuple[Source, bool]]] = {}

    def take(self, line: CostLine) -> bool:
        """Keep *line* unless something kept is the same cost."""
        has_id = line.response_id != ""
        answered = self._answers.setdefault(answer_of(line), []) if has_id else []
        named = self._names.setdefault(name_of_cost(line), set())
        if any(same_cost(line, each) for each in answered) or any(
            source is not line.source and not (has_id and with_id) for source, with_id in named
        ):
            return False
        answered.append(line)
        named.add((line.source, has_id))
        return True


def _rank(line: CostLine) -> tuple[int, int, int]:
    return (_DOUBT.get(line.basis, 0), STRENGTH[line.source], _CERTAINTY[line.basis])
