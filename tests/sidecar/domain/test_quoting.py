"""Quoting: an offer asks for the price, rounded up to what can be signed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano
from sidecar.domain.call import Flow
from sidecar.domain.quoting import offer
from tests.sidecar.builders import PRICE, USDC, an_offer
from tests.sidecar.x402.signing import OFFER


def test_an_offer_is_the_wires_requirements_beside_what_the_books_need() -> None:
    """$0.05 in a token of 6 decimals is 50000 units; addresses keep their published spelling."""
    quoted = offer(PRICE, USDC, route_timeout_s=60)

    assert quoted.requirements == OFFER
    assert (quoted.chain_id, quoted.network, quoted.asset_decimals) == (84532, "eip155:84532", 6)
    assert (quoted.asset, quoted.pay_to) == (USDC.asset, USDC.pay_to)
    assert quoted.amount == PRICE


def test_of_the_flows_only_upfront_is_announced() -> None:
    """A buyer is told when it pays before the work, beside what it needs to sign."""
    named = {"name": "USDC", "version": "2"}

    assert an_offer(flow=Flow.UPFRONT).requirements.extra == {**named, "paymentFlow": "upfront"}
    assert an_offer(flow=Flow.AUTHORIZATION).requirements.extra == named


@pytest.mark.parametrize(
    ("price", "decimals", "atomic", "signed"),
    [
        (50_000_000, 6, 50_000, 50_000_000),
        (1_500, 6, 2, 2_000),
        (1, 6, 1, 1_000),
        (1_500, 9, 1_500, 1_500),
        (1, 2, 1, 10_000_000),
        (1_000_000_001, 0, 2, 2_000_000_000),
    ],
)
def test_a_price_is_rounded_up_to_the_assets_unit(
    price: int, decimals: int, atomic: int, signed: int
) -> None:
    """A sale is never below its price, whatever the token can express."""
    quoted = an_offer(nano(price), replace(USDC, decimals=decimals))

    assert (quoted.requirements.amount, quoted.amount.units) == (atomic, signed)


@given(st.integers(1, 10**15), st.integers(0, 9))
def test_what_is_asked_is_less_than_one_unit_above_the_price(price: int, decimals: int) -> None:
    """The surplus is bounded by the token's unit, and the two amounts are the same money."""
    quoted = an_offer(nano(price), replace(USDC, decimals=decimals))

    unit = 10 ** (9 - decimals)
    assert 0 <= quoted.amount.units - price < unit
    assert quoted.amount.units == quoted.requirements.amount * unit
