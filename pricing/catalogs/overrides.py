"""The seller's own prices, by model and date, in front of a catalogue. Knows no config file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from ledger.money import USD, Amount, text
from pricing.rates import Card, Rate, RateCards, Window, in_force
from pricing.usage import Unit

_MILLION: Final = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What one model costs this seller: nano-USD per million tokens, from an instant on or always."""

    model: str
    input: Amount
    output: Amount
    cached_input: Amount | None = None
    from_us: int | None = None

    def __post_init__(self) -> None:
        """Prices are dollars."""
        assert self.input.asset == self.output.asset == USD, "rates are in nano-USD"


class OverriddenCards:
    """A catalogue with the seller's own prices in front.

    An override holds for the name it is given for, with or without `seller/` before it, and for every
    name that the catalogue takes for that model: an answer says gpt-4o-2024-08-06 where a contract says
    gpt-4o. Before its date, and for all other models, the catalogue's card counts.
    """

    def __init__(self, overrides: Sequence[Override], catalogue: RateCards | None = None) -> None:
        self._catalogue = catalogue
        self._cards: dict[str, list[Card]] = {}
        for override in sorted(overrides, key=lambda o: -1 if o.from_us is None else o.from_us):
            self._cards.setdefault(_bare(override.model), []).append(_card(override))

    def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
        """Find the card in force; see `RateCards`."""
        if not self._cards and self._catalogue is not None:
            return self._catalogue.find(provider, model, at_us)
        own = in_force(self._cards.get(_bare(model), ()), at_us)
        if own is not None or self._catalogue is None:
            return own
        listed = self._catalogue.find(provider, model, at_us)
        if listed is None:
            return None
        return in_force(self._cards.get(_bare(listed.model), ()), at_us) or listed


def _card(override: Override) -> Card:
    """Make a card whose id says the price itself: a config file has no version to name."""
    rates = {Unit.INPUT: override.input, Unit.OUTPUT: override.output}
    if override.cached_input is not None:
        rates[Unit.CACHED_INPUT] = override.cached_input
    prices = " ".join(f"{unit} {text(amount)}" for unit, amount in rates.items())
    start = datetime(1970, 1, 1) + timedelta(microseconds=override.from_us or 0)  # noqa: DTZ001  # UTC, as text
    since = "undated" if override.from_us is None else f"from {start.isoformat()}Z"
    return Card(
        id=f"override {override.model} {since} {prices}",
        provider=override.model.rpartition("/")[0],
        model=_bare(override.model),
        rates={unit: Rate(Fraction(amount.units, _MILLION)) for unit, amount in rates.items()},
        window=Window(from_us=override.from_us),
    )


def _bare(model: str) -> str:
    return model.strip().lower().rpartition("/")[2]
