"""Margins over HTTP: the table of the query that was asked."""

import httpx
import pytest

from sidecar.finops.margins import UNITS
from tests.sidecar.shop import DAY_US, NOON_US, TOOL, Sale, Shop


async def test_the_default_table_is_by_endpoint_over_all_time(
    operator: httpx.AsyncClient, shop: Shop
) -> None:
    """Without parameters the whole book is read."""
    await shop.serve(Sale(), TOOL)
    table = (await operator.get("/api/v1/margin")).json()

    assert (table["by"], table["from"], table["to"]) == ("endpoint", None, None)
    assert [(row["endpoint"], row["known_margin_usd"]) for row in table["items"]] == [
        ("POST /research", "0.045400000")
    ]
    assert table["total"] == {**table["items"][0], "endpoint": None}


@pytest.mark.parametrize("by", UNITS)
async def test_every_unit_makes_a_table(operator: httpx.AsyncClient, shop: Shop, by: str) -> None:
    """Its name is the first key of each row."""
    await shop.serve(Sale())
    (row,) = (await operator.get("/api/v1/margin", params={"by": by})).json()["items"]

    assert next(iter(row)) == by
    assert row["revenue_usd"] == "0.050000000"


async def test_a_time_narrows_the_table(operator: httpx.AsyncClient, shop: Shop) -> None:
    """A date is its first instant; the end is not part of the time."""
    for number, at_us in ((1, NOON_US), (2, NOON_US + DAY_US), (3, NOON_US + 2 * DAY_US)):
        await shop.serve(Sale(number, at_us=at_us))
    params = {"by": "day", "from": "2026-05-02", "to": "2026-05-03T12:00:00Z"}
    table = (await operator.get("/api/v1/margin", params=params)).json()

    assert [row["day"] for row in table["items"]] == ["2026-05-02"]
    assert table["from"] == "2026-05-02T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"by": "wallet"}, f"by is one of {', '.join(UNITS)}."),
        (
            {"from": "2026-05-02", "to": "2026-05-02"},
            "Nothing is between from and to: to names the later time.",
        ),
        (
            {"from": "yesterday"},
            (
                "from: 'yesterday' is not a time: write a date, 2026-05-01, "
                "or a date and time with its zone, 2026-05-01T12:00:00Z."
            ),
        ),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(
    operator: httpx.AsyncClient, params: dict[str, str], detail: str
) -> None:
    """The answer names the parameter and what it may be."""
    answer = await operator.get("/api/v1/margin", params=params)

    assert (answer.status_code, answer.json()["detail"]) == (400, detail)
    assert answer.json()["code"] == "parameter_invalid"


async def test_a_table_too_long_is_refused(
    operator: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are never left out."""
    monkeypatch.setattr("sidecar.finops.margins.ROWS_MAX", 1)
    for number in (1, 2):
        await shop.serve(Sale(number, run=f"r{number}"))
    answer = await operator.get("/api/v1/margin", params={"by": "run"})

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("The table by run has more than 1 rows")
