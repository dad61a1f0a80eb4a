"""Rate cards: what a unit costs at a time. Dated and never overwritten. Knows no catalogue and no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, Protocol

from pricing.usage import Unit

DAY_US: Final = 86_400_000_000

STANDARD_TIERS: Final = frozenset({"", "auto", "default", "standard", "on_demand"})
"""Words with which providers say that an answer was served at the ordinary price."""


@dataclass(frozen=True, slots=True)
class Tier:
    """The rate of *all* tokens of a request once its input is longer than *above_input_tokens*."""

    above_input_tokens: int
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Rate:
    """Nano-USD for one unit, exact; *tiers* are sorted by their threshold."""

    flat: Fraction
    tiers: tuple[Tier, ...] = ()

    def for_input(self, input_tokens: int) -> Fraction:
        """Nano-USD for one unit in a request with so much input."""
        rate = self.flat
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                rate = tier.rate
        return rate


@dataclass(frozen=True, slots=True)
class Window:
    """When a price holds: from an instant on; with *daily_us* only between two times of day (UTC)."""

    from_us: int | None = None
    daily_us: tuple[int, int] | None = None

    def holds(self, at_us: int) -> bool:
        """Tell whether *at_us* (microseconds since the epoch) is inside; an end is outside."""
        if self.from_us is not None and at_us < self.from_us:
            return False
        if self.daily_us is None:
            return True
        start, end = self.daily_us
        time = at_us % DAY_US
        return start <= time < end if start <= end else time >= start or time < end


@dataclass(frozen=True, slots=True)
class Variant:
    """Other rates for answers served in one service tier; units it does not name keep the card's rate."""

    service_tier: str
    rates: Mapping[Unit, Rate]
    window: Window = Window()


@dataclass(frozen=True, slots=True)
class Card:
    """The price of one model by one seller in one window; *id* names source, version, model and date."""

    id: str
    provider: str
    model: str
    rates: Mapping[Unit, Rate]
    window: Window = Window()
    variants: tuple[Variant, ...] = field(default=())

    def rate(self, unit: Unit, *, input_tokens: int, service_tier: str, at_us: int) -> Fraction | None:
        """Nano-USD for one *unit*, or None when this card cannot tell.

        Cached input without a rate of its own is priced as input: a cache read is a discount, so this is
        never too low. Nothing else falls back: a cache write or audio costs more than plain tokens.
        """
        rates = self._rates_of(service_tier, at_us)
        if rates is None:
            return None
        found = rates.get(unit)
        if found is None and unit is Unit.CACHED_INPUT:
            found = rates.get(Unit.INPUT)
        if found is None and unit is Unit.REQUEST:
            return Fraction(0)  # a seller that has a price per request says so
        return None if found is None else found.for_input(input_tokens)

    def _rates_of(self, service_tier: str, at_us: int) -> Mapping[Unit, Rate] | None:
        if not self.variants:
            return self.rates if service_tier in STANDARD_TIERS else None
        rates: dict[Unit, Rate] = {}
        for variant in self.variants:  # the first that names a unit wins
            if variant.service_tier == service_tier and variant.window.holds(at_us):
                rates = {**variant.rates, **rates}
        if not rates and service_tier not in STANDARD_TIERS:
            return None
        return {**self.rates, **rates}


class RateCards(Protocol):
    """Where prices come from."""

    def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
        """Find the card for *model* as a provider spells it, at an instant; None when nobody has a price.

        The answer for one instant never changes while the process lives. Does no I/O.
        """
        ...


def in_force(cards: Sequence[Card], at_us: int) -> Card | None:
    """Pick from one model's cards: the last one listed whose window holds."""
    for card in reversed(cards):
        if card.window.holds(at_us):
            return card
    return None
