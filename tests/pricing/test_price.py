"""Prices: rounded up to what a token can carry, and the difference is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano
from pricing.price import FixedPrice, atomic_up, rounding_of


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
