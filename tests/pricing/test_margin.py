"""Margin: sums add up in any grouping, and the row says what is known and what is not."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import Amount, nano
from pricing.cost import Basis, CostLine, Kind, Source
from pricing.margin import CallMoney, MarginSums, ratio_text, row_of, sum_lines, sums_of

AMOUNTS = st.integers(0, 10**12).map(nano)
BASES = (Basis.REPORTED, Basis.MEASURED, Basis.ESTIMATED)
CALLS = st.builds(
    CallMoney,
    revenue=AMOUNTS,
    refunds=AMOUNTS,
    bad_debt=AMOUNTS,
    fees=AMOUNTS,
    costs=st.dictionaries(st.tuples(st.sampled_from(Kind), st.sampled_from(BASES)), AMOUNTS, max_size=4),
    unknown=st.booleans(),
    final=st.booleans(),
)


def a_call(
    revenue: int = 50, model: int = 20, *, basis: Basis = Basis.MEASURED, final: bool = True, fees: int = 0
) -> CallMoney:
    return CallMoney(
        revenue=nano(revenue), costs={(Kind.MODEL, basis): nano(model)}, fees=nano(fees), final=final
    )


def sums(*calls: CallMoney) -> MarginSums:
    return sum((sums_of(call) for call in calls), MarginSums())


def test_a_known_call_earns_revenue_minus_all_it_cost() -> None:
    """Revenue 50, model 20, tool 5, fees 1 and a fee line of 2 leave 22, all of it known."""
    call = replace(
        a_call(fees=1),
        costs={
            (Kind.MODEL, Basis.MEASURED): nano(20),
            (Kind.TOOL, Basis.REPORTED): nano(5),
            (Kind.FEE, Basis.REPORTED): nano(2),
        },
    )

    row = row_of(sums(call))

    assert (row.known_margin, row.fees, row.cost[Kind.TOOL]) == (nano(22), nano(3), nano(5))
    assert (row.known_margin_ratio, row.coverage_ratio) == (Fraction(22, 50), Fraction(1))
    assert row.unknown_cost_calls == 0


def test_a_call_that_was_not_charged_still_costs() -> None:
    """An uncharged call has nothing open: its cost is in the margin, and lowers the ratio of the others."""
    row = row_of(sums(a_call(), a_call(revenue=0, model=10)))

    assert (row.calls, row.known_margin, row.known_margin_ratio) == (2, nano(20), Fraction(20, 50))


def test_money_that_is_not_final_is_in_no_margin() -> None:
    """Revenue and costs of an unsettled call are shown beside the margin and not in it."""
    row = row_of(sums(a_call(), a_call(revenue=70, model=30, final=False)))

    assert (row.revenue, row.unsettled, row.unsettled_cost) == (nano(120), nano(70), nano(30))
    assert (row.known_margin, row.known_margin_ratio, row.coverage_ratio) == (
        nano(30),
        Fraction(30, 50),
        Fraction(1),
    )


@pytest.mark.parametrize("unknown", [True, False])
def test_an_estimate_or_an_unknown_takes_a_call_out_of_the_ratio(*, unknown: bool) -> None:
    """What is not known is counted as calls and revenue, never as a cost of zero that looks like profit."""
    guess = replace(a_call(revenue=150), unknown=True) if unknown else a_call(150, 20, basis=Basis.ESTIMATED)

    row = row_of(sums(a_call(), guess))

    assert (row.unknown_cost_calls, row.unknown_cost_revenue) == (1, nano(150))
    assert row.estimated_cost == nano(0 if unknown else 20)
    assert (row.known_margin_ratio, row.coverage_ratio) == (Fraction(30, 50), Fraction(1, 4))


def test_nothing_sold_has_no_ratio() -> None:
    """Without revenue there is nothing to divide by, and a loss is still a loss."""
    row = row_of(sums(a_call(revenue=0, model=7)))

    assert (row.known_margin, row.known_margin_ratio, row.coverage_ratio) == (nano(-7), None, None)


def test_lines_are_summed_by_kind_and_basis() -> None:
    """Two lines of one kind and basis are one sum; a line without an amount is told, not summed."""
    line = CostLine(Kind.TOOL, "search", nano(3), Basis.REPORTED, "", Source.HEADER)
    unknown = CostLine(Kind.MODEL, "m", None, Basis.UNKNOWN, "", Source.USAGE)

    assert sum_lines([line, line]) == ({(Kind.TOOL, Basis.REPORTED): nano(6)}, False)
    assert sum_lines([line, unknown]) == ({(Kind.TOOL, Basis.REPORTED): nano(3)}, True)


@given(st.lists(CALLS, max_size=8), st.integers(0, 8))
def test_rows_add_up_in_any_grouping(calls: list[CallMoney], cut: int) -> None:
    """The sums of two groups added are the sums of all, so a total is the sum of its units."""
    assert sums(*calls[:cut]) + sums(*calls[cut:]) == sums(*reversed(calls))


@given(st.lists(CALLS, max_size=8))
def test_a_row_is_an_identity(calls: list[CallMoney]) -> None:
    """Known margin is revenue minus refunds, unsettled, costs, fees and bad debt, as shown in the row."""
    row = row_of(sums(*calls))

    spent: Amount = sum(row.cost.values(), nano(0)) + row.fees + row.bad_debt
    assert row.known_margin == row.revenue - row.refunds - row.unsettled - spent
    assert row.calls == len(calls)
    assert row.coverage_ratio is None or 0 <= row.coverage_ratio <= 1


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Fraction(1, 3), "0.3333"),
        (Fraction(-1, 3), "-0.3333"),
        (Fraction(1, 20_000), "0.0000"),
        (Fraction(3, 20_000), "0.0002"),
        (Fraction(-1, 100_000), "0.0000"),
        (Fraction(-5, 2), "-2.5000"),
        (Fraction(1), "1.0000"),
        (None, None),
    ],
)
def test_a_ratio_is_written_with_four_places(ratio: Fraction | None, text: str | None) -> None:
    """Half-even, and no negative zero."""
    assert ratio_text(ratio) == text
