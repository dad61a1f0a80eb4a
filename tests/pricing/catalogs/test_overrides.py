"""Overrides: the seller's own price wins from its date on, under every name of the model."""

from fractions import Fraction

import pytest

from ledger.money import nano
from pricing.catalogs.overrides import OverriddenCards, Override
from pricing.cost import cost_of
from pricing.rates import Card, Rate
from pricing.usage import Unit, Usage

FREE = Rate(Fraction(0))
NAMES = {"gpt-4o": "gpt-4o", "gpt-4o-2024-08-06": "gpt-4o", "other": "other"}


class Catalogue:
    """Lists gpt-4o, also under the name of a snapshot, and one other model; everything is free."""

    def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
        if model not in NAMES:
            return None
        return Card("listed", "openai", NAMES[model], {Unit.INPUT: FREE, Unit.OUTPUT: FREE})


def an_override(model: str = "gpt-4o", dollars: int = 2, from_us: int | None = None) -> Override:
    price = nano(dollars * 10**9)
    return Override(model=model, input=price, output=price, from_us=from_us)


def rate_id(cards: OverriddenCards, model: str, at_us: int = 0) -> str:
    card = cards.find(None, model, at_us)
    return "" if card is None else card.id


@pytest.mark.parametrize("written", ["gpt-4o", "openai/gpt-4o", "GPT-4o"])
@pytest.mark.parametrize("answered", ["gpt-4o", "openai/gpt-4o", "gpt-4o-2024-08-06"])
def test_an_override_wins_under_every_name(written: str, answered: str) -> None:
    """Config and answer may spell the model differently; the catalogue says which names are one model."""
    cards = OverriddenCards([an_override(written)], Catalogue())

    assert rate_id(cards, answered).startswith(f"override {written} undated input 2.000000000")


def test_other_models_keep_the_catalogue() -> None:
    """An override changes its own model only; a model nobody prices has no card."""
    cards = OverriddenCards([an_override()], Catalogue())

    assert (rate_id(cards, "other"), rate_id(cards, "unheard-of")) == ("listed", "")
    assert rate_id(OverriddenCards([]), "gpt-4o") == ""


def test_a_dated_override_holds_from_its_date() -> None:
    """Before the first date the catalogue counts; of two that hold the later one does, in any order given."""
    late, early = an_override(dollars=3, from_us=2_000_000), an_override(dollars=2, from_us=1_000_000)
    cards = OverriddenCards([late, early], Catalogue())

    assert [
        rate_id(cards, "gpt-4o", at).partition(" output")[0] for at in (999_999, 1_000_000, 2_000_000)
    ] == [
        "listed",
        "override gpt-4o from 1970-01-01T00:00:01Z input 2.000000000",
        "override gpt-4o from 1970-01-01T00:00:02Z input 3.000000000",
    ]


def test_prices_are_per_million_tokens() -> None:
    """$2.50 per million in, $10 out and $1.25 cached: 1,000 tokens of which 400 cached, and 100 back."""
    override = Override(
        model="gpt-4o",
        input=nano(2_500_000_000),
        output=nano(10_000_000_000),
        cached_input=nano(1_250_000_000),
    )
    usage = Usage(
        provider=None,
        model="gpt-4o",
        response_id=None,
        input_tokens=1000,
        output_tokens=100,
        cached_input_tokens=400,
    )

    line = cost_of(usage, OverriddenCards([override]), 0)

    assert line.amount == nano(600 * 2500 + 400 * 1250 + 100 * 10_000)
