"""Expecting: recent calls tell what the next one costs, and a call that earns too little is not sold."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano
from sidecar.domain.expecting import AGE_US, KEPT, NEEDED, Expected, decide
from sidecar.domain.refusals import Code, Refusal
from tests.sidecar.builders import an_endpoint

NAME = "POST /research"
NOW_US = 10 * AGE_US


def expecting(*costs: int, at_us: int = NOW_US) -> Expected:
    expected = Expected([NAME])
    for cost in costs:
        expected.note(NAME, "call_1", cost, at_us)
    return expected


@pytest.mark.parametrize(
    ("costs", "mean"),
    [([], None), ([9] * (NEEDED - 1), None), ([9] * NEEDED, 9), ([0] * NEEDED, 0), ([1, 1, 1, 1, 2], 2)],
)
def test_the_estimate_is_the_mean_of_enough_calls(costs: list[int], mean: int | None) -> None:
    """Too few calls say nothing; a mean between two units is rounded up, against us."""
    assert expecting(*costs).cost(NAME, NOW_US) == (None if mean is None else nano(mean))


@given(st.lists(st.integers(0, 10**18), min_size=NEEDED, max_size=KEPT))
def test_the_estimate_lies_among_the_costs(costs: list[int]) -> None:
    """No call's cost is overstepped, and the whole is never underrated."""
    found = expecting(*costs).cost(NAME, NOW_US)

    assert found is not None
    assert min(costs) <= found.units <= max(costs)
    assert found.units * len(costs) >= sum(costs)


def test_only_recent_calls_of_known_endpoints_count() -> None:
    """The newest calls push out the oldest, an hour makes all of them old, and strangers are not kept."""
    expected = expecting(*[10**9] * NEEDED, *[7] * KEPT)
    expected.note("GET /other", "call_1", 1, NOW_US)

    assert expected.cost(NAME, NOW_US) == nano(7)
    assert expected.cost(NAME, NOW_US + AGE_US - 1) == nano(7)
    assert expected.cost(NAME, NOW_US + AGE_US) is None
    assert expected.cost("GET /other", NOW_US) is None


def test_what_becomes_known_later_of_a_call_counts() -> None:
    """A report adds to its call, or takes from it, as long as that counts; of others nothing is known."""
    expected = expecting(*[7] * NEEDED)
    expected.note(NAME, "call_2", 7, NOW_US)
    for call, more in (("call_2", NEEDED + 1), ("call_3", 10**9)):
        expected.correct(NAME, call, more)
        expected.correct("GET /other", call, more)
    assert expected.cost(NAME, NOW_US) == nano(8)

    for _ in range(KEPT):
        expected.note(NAME, "call_4", 7, NOW_US)
    expected.correct(NAME, "call_2", 10**9)
    assert expected.cost(NAME, NOW_US) == nano(7)


@pytest.mark.parametrize(
    ("floor", "cost", "sold"),
    [
        (Fraction(1, 5), 70, True),
        (Fraction(1, 5), 71, False),
        (Fraction(0), 90, True),
        (Fraction(0), 91, False),
        (Fraction(1, 3), 56, True),
        (Fraction(1, 3), 57, False),
        (Fraction(1, 5), None, True),
        (None, 10**9, True),
    ],
)
def test_a_call_earns_its_floor_or_is_not_sold(floor: Fraction | None, cost: int | None, sold: bool) -> None:
    """Of a price of 100 with fees of 10, the floor is met to the unit; without an estimate all is sold."""
    endpoint = an_endpoint(nano(100), fees=nano(10), margin_floor=floor)
    refusal = None if sold else Refusal(Code.WOULD_LOSE_MONEY, policy="routes.margin_floor")

    assert decide(endpoint, None if cost is None else nano(cost)) == refusal
