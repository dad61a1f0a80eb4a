"""Reported costs: the provider's figure to the nano-USD, with what a key of one's own costs elsewhere."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import half_even, nano
from pricing.extract.reported import reported_cost


@pytest.mark.parametrize(
    ("cost", "units"),
    [
        ("0.00011018", 110_180),
        ("1.2e-05", 12_000),
        ("0", 0),
        ("0.0", 0),
        ("3", 3_000_000_000),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        ("0.00014750000000000003", 147_500),
        ('{"input_tokens_cost": 5e-05, "total_cost": 0.0086}', 8_600_000),
        ('"0.5"', 500_000_000),
    ],
)
def test_the_number_is_read_as_it_is_written(cost: str, units: int) -> None:
    """In any spelling of JSON, exactly, and rounded once, half to even."""
    usage = json.loads(f'{{"cost": {cost}}}', parse_float=str)

    assert reported_cost(usage) == nano(units)


@pytest.mark.parametrize(
    "cost",
    [None, True, "", "free", -1, "-0.5", [], {}, {"total_cost": None}, {"cost": 1}, "1e99", 10**30],
    ids=repr,
)
def test_what_is_no_cost_is_left_out(cost: object) -> None:
    """Then the usage is what tells."""
    assert reported_cost({"cost": cost}) is None
    assert reported_cost({}) is None


@pytest.mark.parametrize(
    ("own_key", "upstream", "units"),
    [
        (False, "19", 950_000_000),
        (True, "19", 19_950_000_000),
        (True, 0, 950_000_000),
        (True, None, None),
        (True, "much", None),
        (None, "19", 19_950_000_000),
        (None, "0.95", 950_000_000),
        (None, None, 950_000_000),
        ("yes", "19", 950_000_000),
    ],
)
def test_with_a_key_of_ones_own_both_bills_are_the_cost(
    own_key: object, upstream: object, units: int | None
) -> None:
    """The router's fee and the provider's bill; without the bill the cost is not told."""
    usage = {"cost": "0.95", "is_byok": own_key, "cost_details": {"upstream_inference_cost": upstream}}

    assert reported_cost(usage) == (None if units is None else nano(units))


@given(st.floats(0, 10**6) | st.floats(0, 1e-5))
def test_a_number_as_python_writes_it_is_exact(cost: float) -> None:
    """Any float's text, with an exponent or without, is read as the decimal number that it is."""
    told = reported_cost(json.loads(json.dumps({"cost": cost}), parse_float=str))

    assert told == nano(half_even(Fraction(Decimal(repr(cost))) * 10**9))
