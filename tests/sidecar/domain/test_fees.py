"""Fees: what a settlement and the platform cost, known or not."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import Amount, nano
from pricing.cost import Basis, CostLine, Kind, Source
from sidecar.domain.fees import Fees, of_platform, of_sale, of_settlement

LISTED = "https://facilitator.example"


@pytest.mark.parametrize(
    ("facilitator", "amount", "basis"),
    [
        (LISTED, nano(1_000_000), Basis.MEASURED),
        ("https://free.example", nano(0), Basis.MEASURED),
        ("https://other.example", None, Basis.UNKNOWN),
        (LISTED + "/", None, Basis.UNKNOWN),
    ],
)
def test_a_facilitator_that_is_not_listed_has_an_unknown_fee(
    facilitator: str, amount: Amount | None, basis: Basis
) -> None:
    """A listed fee is known, also when it is zero; one that nobody named is unknown and not free."""
    fees = Fees({LISTED: nano(1_000_000), "https://free.example": nano(0)})

    assert of_settlement(fees, facilitator) == CostLine(
        Kind.FEE,
        "facilitator",
        amount,
        basis,
        rate="config fees",
        source=Source.TARIFF,
        provider=facilitator,
    )


@pytest.mark.parametrize(
    ("share", "revenue", "units"),
    [
        (Fraction(1, 100), 50_000_000, 500_000),
        (Fraction(1, 2), 1, 0),
        (Fraction(1, 2), 3, 2),
        (Fraction(1, 2), 5, 2),
        (Fraction(1, 3), 1, 0),
        (Fraction(2, 3), 1, 1),
        (Fraction(25, 1000), 1_500, 38),
        (Fraction(1), 7, 7),
        (Fraction(1, 10**9), 50_000_000, 0),
    ],
)
def test_the_platforms_share_is_rounded_half_even(share: Fraction, revenue: int, units: int) -> None:
    """A tie goes to the even unit, so that many small sales favour nobody; a share of nothing is zero."""
    fee = of_platform(Fees({}, share), nano(revenue))

    assert fee == CostLine(
        Kind.FEE, "platform", nano(units), Basis.MEASURED, rate="config fees", source=Source.TARIFF
    )


def test_a_platform_that_takes_nothing_has_no_line() -> None:
    """Without a share there is nothing to book and nothing to show."""
    assert of_platform(Fees({}), nano(50_000_000)) is None


@given(st.fractions(0, 1), st.integers(0, 10**15))
def test_the_share_is_within_half_a_unit_of_its_part(share: Fraction, revenue: int) -> None:
    """Exact arithmetic: the fee is the nearest unit, and never above the revenue."""
    fee = of_platform(Fees({}, share), nano(revenue))

    units = 0 if fee is None or fee.amount is None else fee.amount.units
    assert abs(units - share * revenue) <= Fraction(1, 2)
    assert 0 <= units <= revenue


@pytest.mark.parametrize(
    ("share", "facilitators", "fee"),
    [
        (Fraction(0), [], 0),
        (Fraction(2, 100), [], 2_000),
        (Fraction(2, 100), [LISTED, "https://free.example"], 1_002_000),
        (Fraction(0), ["https://other.example", LISTED], 0),
    ],
)
def test_a_sale_costs_the_platforms_fee_and_that_of_who_is_asked_first(
    share: Fraction, facilitators: list[str], fee: int
) -> None:
    """What is known before the sale is added up; an unknown fee is left out."""
    fees = Fees({LISTED: nano(1_000_000)}, share)

    assert of_sale(fees, facilitators, nano(100_000)) == nano(fee)
