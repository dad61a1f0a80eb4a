"""Margins: the table is the margin formula over what was booked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.money import nano
from pricing.cost import Basis, Kind
from pricing.margin import CallMoney, MarginSums, sum_lines, sums_of
from sidecar.adapters.storage.reading import fetch, open_read_only
from sidecar.domain.outcomes import Failed, Unknown
from sidecar.finops import margins
from sidecar.finops.margins import ROWS_MAX, UNITS, TableTooLong, margin_object, sums_from
from tests.sidecar.shop import (
    DAY_US,
    FEE,
    NOON_US,
    OTHER_PAYER,
    PLATFORM_FEE,
    TOOL,
    Sale,
    Shop,
    line,
    paid,
)

SONNET = line(name="claude-sonnet", units=20_000_000, provider="anthropic")
UNKNOWN = line(name="new-model", units=None, provider="")
ESTIMATED = line(Kind.EXTERNAL, "crawler", 2_000_000, Basis.ESTIMATED, provider="")


def rows_of(
    path: Path, by: str, from_us: int | None = None, to_us: int | None = None
) -> Sequence[Mapping[str, Any]]:
    connection = open_read_only(path)
    try:
        return fetch(connection, "margin", margins.parameters(by, from_us, to_us))
    finally:
        connection.close()


def table(shop: Shop, by: str, from_us: int | None = None, to_us: int | None = None) -> dict[str, Any]:
    return margin_object(by, from_us, to_us, rows_of(shop.path, by, from_us, to_us))


@pytest.fixture
async def busy(shop: Shop) -> Shop:
    """A shop after two days: served, broken off, unknown, failed, released and running calls."""
    monday = Sale(1, at_us=NOON_US, run="r1", session="s1")
    await shop.serve(monday, line(), TOOL, platform_fee=PLATFORM_FEE)
    await shop.serve(Sale(2, at_us=NOON_US, payer=OTHER_PAYER), line(), SONNET, UNKNOWN)
    await shop.serve(Sale(3, at_us=NOON_US + DAY_US, endpoint="GET /models", price_nano=1_000_000), ESTIMATED)
    await shop.break_off(Sale(4, at_us=NOON_US + DAY_US), line())
    await shop.lose(Sale(5, at_us=NOON_US + DAY_US), line())
    await shop.fail(Sale(6, at_us=NOON_US + DAY_US), TOOL)
    await shop.release(Sale(7, at_us=NOON_US + DAY_US))
    await shop.admit(Sale(8, at_us=NOON_US + DAY_US))
    return shop


async def test_the_table_of_an_empty_shop_is_zero_and_its_ratios_are_unknown(shop: Shop) -> None:
    """Nothing sold is no row, and nothing to divide by is no ratio."""
    assert table(shop, "endpoint") == {
        "by": "endpoint",
        "from": None,
        "to": None,
        "items": [],
        "total": {
            "endpoint": None,
            "calls": 0,
            "revenue_usd": "0.000000000",
            "refunds_usd": "0.000000000",
            "unsettled_usd": "0.000000000",
            "cost_usd": {
                "model": "0.000000000",
                "tool": "0.000000000",
                "external": "0.000000000",
                "retry": "0.000000000",
            },
            "fees_usd": "0.000000000",
            "bad_debt_usd": "0.000000000",
            "known_margin_usd": "0.000000000",
            "known_margin_ratio": None,
            "estimated_cost_usd": "0.000000000",
            "unsettled_cost_usd": "0.000000000",
            "unknown_cost_calls": 0,
            "unknown_cost_revenue_usd": "0.000000000",
            "coverage_ratio": None,
        },
    }


async def test_a_row_is_the_formula_over_its_calls(busy: Shop) -> None:
    """Known costs of final calls, all fees, and what is not known beside them."""
    research, models = table(busy, "endpoint")["items"]

    assert research == {
        "endpoint": "POST /research",
        "calls": 7,
        "revenue_usd": "0.100000000",
        "refunds_usd": "0.000000000",
        "unsettled_usd": "0.000000000",
        "cost_usd": {
            "model": "0.044000000",
            "tool": "0.003600000",
            "external": "0.000000000",
            "retry": "0.015600000",
        },
        "fees_usd": "0.003500000",
        "bad_debt_usd": "0.000000000",
        "known_margin_usd": "0.033300000",
        "known_margin_ratio": "0.3260",
        "estimated_cost_usd": "0.000000000",
        "unsettled_cost_usd": "0.012000000",
        "unknown_cost_calls": 1,
        "unknown_cost_revenue_usd": "0.050000000",
        "coverage_ratio": "0.5000",
    }
    assert (models["endpoint"], models["known_margin_usd"]) == ("GET /models", "0.000000000")
    assert (models["estimated_cost_usd"], models["coverage_ratio"]) == ("0.002000000", "0.0000")


@pytest.mark.parametrize(
    ("by", "units"),
    [
        ("endpoint", {"POST /research": 7, "GET /models": 1}),
        ("agent", {"research-agent": 8}),
        ("workflow", {"competitor-research": 8}),
        ("workspace", {"growth": 8}),
        ("run", {None: 7, "r1": 1}),
        ("session", {None: 7, "s1": 1}),
        ("buyer", {"0x" + "aa" * 20: 7, "0x" + "bb" * 20: 1}),
        ("day", {"2026-05-01": 2, "2026-05-02": 6}),
        ("model", {"gpt-4o": 3, "claude-sonnet + gpt-4o + new-model": 1, None: 4}),
        ("provider", {"openai": 3, "anthropic + openai": 1, None: 4}),
        ("tool", {"web_search": 1, None: 7}),
    ],
)
async def test_every_call_is_in_one_row_of_every_table(
    busy: Shop, by: str, units: dict[str | None, int]
) -> None:
    """Whatever the unit, each call counts once; a call with several models stands under all of them."""
    assert {row[by]: row["calls"] for row in table(busy, by)["items"]} == units


async def test_the_total_does_not_depend_on_the_unit(busy: Shop) -> None:
    """Every table adds up to the same money."""
    totals = [{**table(busy, by)["total"], by: None} for by in UNITS]
    figures = [{key: total[key] for key in total if key not in UNITS} for total in totals]

    assert all(figure == figures[0] for figure in figures)
    assert figures[0]["calls"] == 8


@pytest.mark.parametrize(
    ("from_us", "to_us", "calls"),
    [
        (None, None, 8),
        (NOON_US, None, 8),
        (NOON_US + 1, None, 6),
        (None, NOON_US + DAY_US, 2),
        (None, NOON_US + DAY_US + 1, 8),
        (NOON_US + 1, NOON_US + DAY_US, 0),
    ],
)
async def test_a_time_has_its_start_and_not_its_end(
    busy: Shop, from_us: int | None, to_us: int | None, calls: int
) -> None:
    """Two times that touch share no call."""
    assert table(busy, "endpoint", from_us, to_us)["total"]["calls"] == calls


async def test_the_sums_of_the_store_are_those_of_the_formula(busy: Shop) -> None:
    """What SQL adds up is field by field what `pricing.margin` adds up call by call."""
    platform = (line(), TOOL, FEE, PLATFORM_FEE)
    unsure = (line(), SONNET, UNKNOWN, FEE)
    expected = MarginSums()
    for revenue, lines, final in (
        (50_000_000, platform, True),
        (50_000_000, unsure, True),
        (1_000_000, (ESTIMATED, FEE), True),
        (0, (line(Kind.RETRY), FEE), True),
        (0, (line(Kind.RETRY),), False),
        (0, (line(Kind.RETRY, units=3_600_000),), True),
        (0, (), True),
        (0, (), False),
    ):
        costs, unknown = sum_lines(lines)
        expected += sums_of(CallMoney(revenue=nano(revenue), costs=costs, unknown=unknown, final=final))

    found = sum((sums_from(row) for row in rows_of(busy.path, "run")), MarginSums())

    assert found == expected


async def test_times_are_echoed_in_full(shop: Shop) -> None:
    """The reader sees which instants were asked for, also if only a date was given."""
    answer = table(shop, "day", NOON_US, NOON_US + DAY_US)

    assert (answer["from"], answer["to"]) == ("2026-05-01T12:00:00.000000Z", "2026-05-02T12:00:00.000000Z")


async def test_a_table_too_long_is_refused_whole(busy: Shop) -> None:
    """A table that would leave rows out says so instead."""
    (row, *_) = rows_of(busy.path, "run")

    with pytest.raises(TableTooLong, match="more than 10000 rows: ask for a shorter time"):
        margin_object("run", None, None, [row] * (ROWS_MAX + 1))


async def owing(shop: Shop) -> None:
    """Sell calls before they are paid: on its way, in doubt, a debt, and paid in the end."""
    for number, outcome in enumerate((None, Unknown("answer_lost"), Failed("insufficient_funds")), 1):
        await shop.collect(await shop.defer(Sale(number), line()), outcome)
    await shop.collect(await shop.defer(Sale(4), line()), paid(Sale(4)))


async def test_what_was_delivered_unpaid_is_no_margin_and_a_debt_is_a_loss(shop: Shop) -> None:
    """Revenue that is not settled counts for nothing yet; what never comes is taken off again."""
    await owing(shop)
    total = table(shop, "endpoint")["total"]

    assert (total["revenue_usd"], total["unsettled_usd"]) == ("0.200000000", "0.100000000")
    assert total["bad_debt_usd"] == "0.050000000"
    assert (total["cost_usd"]["model"], total["unsettled_cost_usd"]) == ("0.024000000", "0.024000000")
    assert total["fees_usd"] == "0.001000000"
    assert total["known_margin_usd"] == "0.025000000"
    assert total["known_margin_ratio"] == "0.2500"


async def test_the_store_adds_up_debts_as_the_formula_does(shop: Shop) -> None:
    """Field by field, also for what is owed and what is lost."""
    await owing(shop)
    model, price = sum_lines((line(),))[0], nano(50_000_000)
    settled = sum_lines((line(), FEE))[0]
    expected = sum(
        (
            sums_of(CallMoney(revenue=price, costs=model, final=False)),
            sums_of(CallMoney(revenue=price, costs=model, final=False)),
            sums_of(CallMoney(revenue=price, costs=model, bad_debt=price, final=True)),
            sums_of(CallMoney(revenue=price, costs=settled, final=True)),
        ),
        MarginSums(),
    )

    assert sum((sums_from(row) for row in rows_of(shop.path, "run")), MarginSums()) == expected
