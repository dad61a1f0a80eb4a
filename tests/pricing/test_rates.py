"""Rates: exact, dated, and never too low; and no inexact arithmetic anywhere in the package."""

import ast
from fractions import Fraction
from pathlib import Path

import pytest

import pricing
from pricing.rates import Card, Rate, Tier, Variant, Window, in_force
from pricing.usage import Unit

HOUR_US = 3_600_000_000
SOURCES = sorted(Path(pricing.__file__).parent.rglob("*.py"))


def a_card(rates: dict[Unit, Rate], *variants: Variant, window: Window | None = None, name: str = "") -> Card:
    return Card(
        id=name, provider="p", model="m", rates=rates, window=window or Window(), variants=tuple(variants)
    )


def rate_of(card: Card, unit: Unit, *, input_tokens: int = 1, service_tier: str = "") -> Fraction | None:
    return card.rate(unit, input_tokens=input_tokens, service_tier=service_tier, at_us=0)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_nothing_near_money_is_inexact(source: Path) -> None:
    """No float, float literal, true division or round() is written in the package."""
    for node in ast.walk(ast.parse(source.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float | complex))
        assert not (isinstance(node, ast.Name) and node.id in {"float", "round"})
        assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))


@pytest.mark.parametrize(("input_tokens", "rate"), [(0, 5), (200, 5), (201, 7), (999, 7), (1001, 9)])
def test_a_tier_begins_above_its_threshold_and_holds_for_all_tokens(input_tokens: int, rate: int) -> None:
    """The whole request pays the rate of the highest tier that its input is longer than."""
    tiers = (Tier(200, Fraction(7)), Tier(1000, Fraction(9)))
    card = a_card({Unit.OUTPUT: Rate(Fraction(5), tiers)})

    assert rate_of(card, Unit.OUTPUT, input_tokens=input_tokens) == rate


def test_only_cached_input_falls_back() -> None:
    """A card without a cached rate charges cached tokens as input; nothing dearer than input falls back."""
    card = a_card({Unit.INPUT: Rate(Fraction(5)), Unit.OUTPUT: Rate(Fraction(6))})

    assert rate_of(card, Unit.CACHED_INPUT) == 5
    assert rate_of(card, Unit.REQUEST) == 0
    assert [rate_of(card, unit) for unit in (Unit.CACHE_WRITE, Unit.AUDIO_INPUT, Unit.AUDIO_OUTPUT)] == [
        None
    ] * 3


def test_a_service_tier_has_its_own_rates_or_none() -> None:
    """A tier replaces the units it names; a tier the card does not know cannot be priced with it."""
    card = a_card(
        {Unit.INPUT: Rate(Fraction(5)), Unit.OUTPUT: Rate(Fraction(6))},
        Variant("priority", {Unit.INPUT: Rate(Fraction(10))}),
    )

    assert rate_of(card, Unit.INPUT, service_tier="priority") == 10
    assert rate_of(card, Unit.OUTPUT, service_tier="priority") == 6
    assert rate_of(card, Unit.INPUT, service_tier="default") == 5
    assert rate_of(card, Unit.INPUT, service_tier="scale") is None


@pytest.mark.parametrize(
    ("daily", "hour", "holds"),
    [((1, 4), 0, False), ((1, 4), 1, True), ((1, 4), 4, False), ((22, 2), 23, True), ((22, 2), 2, False)],
)
def test_a_daily_window_may_cross_midnight(daily: tuple[int, int], hour: int, *, holds: bool) -> None:
    """A window between two times of day holds from its start up to and not including its end, every day."""
    window = Window(daily_us=(daily[0] * HOUR_US, daily[1] * HOUR_US))

    assert window.holds(hour * HOUR_US + 24 * HOUR_US * 20_000) is holds


def test_the_last_price_in_force_counts() -> None:
    """A later card replaces an earlier one from its date on and never before: history keeps its price."""
    old = a_card({}, name="old")
    new = a_card({}, name="new", window=Window(from_us=1000))

    assert in_force((old, new), 999) is old
    assert in_force((old, new), 1000) is new
    assert in_force((new,), 999) is None
