"""Prices: the same for all or computed, and rounded up to what a token can carry."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano
from pricing.price import ComputedPrice, FixedPrice, Misfit, Quantity, Unpriced, atomic_up, rounding_of

PAGES = Quantity("query pages", nano(2_000_000), most=50, default=1)
TOKENS = Quantity("body /max_tokens", nano(600_000_000), most=32_000, per=1_000_000, least=1)
SEARCH = ComputedPrice(nano(10_000_000), (PAGES, TOKENS))
CHAT = ComputedPrice(
    nano(1), models={"large": nano(50_000_000), "small": nano(500)}, model_place="body /model"
)


@pytest.mark.parametrize(
    ("price", "decimals", "atomic"),
    [(50_000_000, 6, 50_000), (1, 6, 1), (1001, 6, 2), (0, 6, 0), (7, 9, 7), (1, 0, 1)],
)
def test_a_price_is_rounded_up_to_the_smallest_unit(price: int, decimals: int, atomic: int) -> None:
    """One atomic unit of a six-decimal dollar is 1,000 nano-USD, and a part of one is a whole one."""
    assert FixedPrice(nano(price)).atomic(decimals) == atomic


@given(st.integers(0, 10**15), st.integers(0, 9))
def test_a_buyer_pays_the_price_and_less_than_one_unit_more(price: int, decimals: int) -> None:
    """Paid = price + rounding, and rounding is smaller than the smallest unit."""
    unit = 10 ** (9 - decimals)

    rounding = rounding_of(nano(price), decimals).units

    assert atomic_up(nano(price), decimals) * unit == price + rounding
    assert 0 <= rounding < unit


def test_a_fixed_price_reads_nothing() -> None:
    """It is the same for every request, and so are its bounds."""
    price = FixedPrice(nano(5))

    assert (price.places, price.least, price.most) == ((), nano(5), nano(5))
    assert price.of({"query pages": 7}) == nano(5)


@pytest.mark.parametrize(
    ("said", "price_nano"),
    [
        ({"query pages": 3, "body /max_tokens": 1_000}, 10_000_000 + 6_000_000 + 600_000),
        ({"body /max_tokens": 1_000}, 10_000_000 + 2_000_000 + 600_000),
        ({"query pages": 0, "body /max_tokens": 1}, 10_000_000 + 600),
        ({"query pages": 50, "body /max_tokens": 32_000}, 10_000_000 + 100_000_000 + 19_200_000),
    ],
)
def test_a_price_is_a_base_and_quantities_at_their_rates(said: dict[str, int], price_nano: int) -> None:
    """What is not named counts as its default; bounds are inclusive."""
    assert SEARCH.of(said) == nano(price_nano)


@pytest.mark.parametrize(
    ("said", "place", "misfit"),
    [
        ({}, "body /max_tokens", Misfit.MISSING),
        ({"body /max_tokens": 0}, "body /max_tokens", Misfit.TOO_SMALL),
        ({"body /max_tokens": 32_001}, "body /max_tokens", Misfit.TOO_LARGE),
        ({"body /max_tokens": 1, "query pages": -1}, "query pages", Misfit.TOO_SMALL),
        ({"body /max_tokens": 1, "query pages": 10**40}, "query pages", Misfit.TOO_LARGE),
    ],
)
def test_what_is_missing_or_out_of_range_has_no_price(
    said: dict[str, int], place: str, misfit: Misfit
) -> None:
    """The place is named, and nothing is guessed."""
    assert SEARCH.of(said) == Unpriced(place, misfit)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"body /model": "large"}, nano(50_000_001)),
        ({"body /model": "small"}, nano(501)),
        ({"body /model": "Large"}, Unpriced("body /model", Misfit.NOT_LISTED)),
        ({}, Unpriced("body /model", Misfit.MISSING)),
    ],
)
def test_a_price_by_model_is_the_models_own(said: dict[str, str], expected: object) -> None:
    """Beside the base; a model that is not in the table has no price, and names are compared exactly."""
    assert CHAT.of(said) == expected


def test_bounds_are_what_the_ranges_allow() -> None:
    """The lowest and the highest price are known before any request."""
    assert (SEARCH.least, SEARCH.most) == (nano(10_000_600), nano(129_200_000))
    assert (CHAT.least, CHAT.most) == (nano(501), nano(50_000_001))
    assert SEARCH.places == ("query pages", "body /max_tokens")
    assert CHAT.places == ("body /model",)


@given(
    base=st.integers(0, 10**12),
    rates=st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(1, 10**7), st.integers(0, 10**6)), max_size=4
    ),
)
def test_a_sum_is_rounded_up_once(base: int, rates: list[tuple[int, int, int]]) -> None:
    """It is never below the exact price, never a whole nano-USD above, and within its bounds."""
    quantities = [
        Quantity(f"query {index}", nano(each), most=10**6, per=per)
        for index, (each, per, _) in enumerate(rates)
    ]
    price = ComputedPrice(nano(base), tuple(quantities))

    asked: Any = price.of({each.place: rate[2] for each, rate in zip(quantities, rates, strict=True)})

    exact = base + sum((Fraction(each * number, per) for each, per, number in rates), Fraction(0))
    assert exact <= asked.units < exact + 1
    assert price.least <= asked <= price.most
