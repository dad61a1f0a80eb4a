"""`sidecar margin`."""

import json
from collections.abc import Callable

import httpx
import pytest

from ledger.signing import Signer
from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.storage.reading import Reader
from sidecar.adapters.system import SystemClock
from sidecar.http.operator.app import operator_app
from tests.sidecar.shop import DAY_US, NOON_US, PLATFORM_FEE, TOOL, Sale, Shop, line

Run = Callable[..., tuple[int, str, str]]


async def test_the_table_is_for_people(run: Run, shop: Shop) -> None:
    """A row per unit, the total last, money with the places it needs."""
    await shop.serve(Sale(1), line(), TOOL, platform_fee=PLATFORM_FEE)
    await shop.serve(Sale(2, endpoint="GET /models", price_nano=1_000_000), line(units=None))
    code, out, err = run("margin")

    assert (code, err) == (0, "")
    assert [row.split() for row in out.splitlines()] == [
        [
            *("endpoint", "calls", "revenue", "model", "tool", "external", "retry", "fees", "margin"),
            *("ratio", "estimated", "unsettled", "cost", "unknown", "calls", "coverage"),
        ],
        [
            *("POST", "/research", "1", "0.050", "0.012", "0.0036", "0.00", "0.00", "0.0015", "0.0329"),
            *("0.658", "0.00", "0.00", "0", "1.0000"),
        ],
        [
            *("GET", "/models", "1", "0.001", "0.000", "0.0000", "0.00", "0.00", "0.0010", "0.0000"),
            *("-", "0.00", "0.00", "1", "0.0000"),
        ],
        [
            *("total", "2", "0.051", "0.012", "0.0036", "0.00", "0.00", "0.0025", "0.0329"),
            *("0.658", "0.00", "0.00", "1", "0.9804"),
        ],
    ]


async def test_what_is_not_earned_yet_has_a_column_where_there_is_any(run: Run, shop: Shop) -> None:
    """Whoever reads the table can add it up: revenue that is not margin is not left out of sight."""
    await shop.serve(Sale(1))
    await shop.defer(Sale(2, endpoint="POST /draft"))
    _, out, _ = run("margin")

    assert [row.split()[:5] for row in out.splitlines()] == [
        ["endpoint", "calls", "revenue", "unsettled", "model"],
        ["POST", "/draft", "1", "0.05", "0.05"],
        ["POST", "/research", "1", "0.05", "0.00"],
        ["total", "2", "0.10", "0.05", "0.00"],
    ]


async def test_json_is_what_the_api_answers(run: Run, shop: Shop) -> None:
    """The command and `GET /api/v1/margin` give the same object."""
    await shop.serve(Sale(1), line(), TOOL)
    reader = Reader(shop.path)
    await reader.open()
    app = operator_app(
        reader=reader,
        metrics=MetricsObserver(SystemClock()),
        token="t",
        readiness=dict,
        clock=SystemClock(),
        audit_place=shop.path,
        in_force={},
        signer=Signer(bytes(32)),
        storage=shop.store,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://o") as client:
        asked = {"by": "model", "from": "2026-05-01"}
        answer = await client.get("/api/v1/margin", params=asked, headers={"Authorization": "Bearer t"})
    await reader.close()
    code, out, _ = run("margin", "--by", "model", "--from", "2026-05-01", "--json")

    assert code == 0
    assert json.loads(out) == answer.json()


async def test_a_time_narrows_it(run: Run, shop: Shop) -> None:
    """From is part of the time, to is not."""
    for number, at_us in ((1, NOON_US), (2, NOON_US + DAY_US)):
        await shop.serve(Sale(number, at_us=at_us))
    _, out, _ = run("margin", "--json", "--by", "day", "--from", "2026-05-02", "--to", "2026-05-03")

    assert [row["day"] for row in json.loads(out)["items"]] == ["2026-05-02"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--by", "wallet"), "argument --by: invalid choice: 'wallet'"),
        (("--from", "yesterday"), "argument --from: 'yesterday' is not a time"),
        (("--from", "2026-05-02", "--to", "2026-05-02"), "nothing is between --from and --to"),
        (("--to", "2026-13-01"), "argument --to: '2026-13-01' is not a time"),
    ],
)
async def test_wrong_arguments_are_usage(run: Run, words: tuple[str, ...], sentence: str) -> None:
    """Exit code 2 and one sentence that names the argument."""
    code, out, err = run("margin", *words)

    assert (code, out) == (2, "")
    assert err.startswith(f"sidecar: {sentence}")
    assert err.count("\n") == 1


async def test_a_table_too_long_is_refused(run: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are never left out: the sentence says what to ask instead."""
    monkeypatch.setattr("sidecar.finops.margins.ROWS_MAX", 1)
    for number in (1, 2):
        await shop.serve(Sale(number, run=f"r{number}"))
    code, _, err = run("margin", "--by", "run")

    assert code == 2
    assert "ask for a shorter time, or another unit" in err
