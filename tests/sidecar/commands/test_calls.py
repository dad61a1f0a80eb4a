"""`sidecar calls`."""

import json
from collections.abc import Callable

import pytest

from tests.sidecar.shop import TOOL, Sale, Shop

Run = Callable[..., tuple[int, str, str]]


async def test_the_list_is_for_people(run: Run, shop: Shop) -> None:
    """A line per call, newest first."""
    await shop.serve(Sale(1), TOOL)
    await shop.admit(Sale(2))
    code, out, err = run("calls")
    titles, second, first = (row.split() for row in out.splitlines())

    assert (code, err) == (0, "")
    assert titles[:4] == ["call", "at", "endpoint", "buyer"]
    assert second[0] == Sale(2).call
    assert second[-6:] == ["running", "pending", "0.00", "0.0000", "0.000", "0.0000"]
    assert first[0] == Sale(1).call
    assert first[-6:] == ["served", "settled", "0.05", "0.0036", "0.001", "0.0454"]


async def test_a_long_list_says_how_to_go_on(run: Run, shop: Shop) -> None:
    """The cursor it prints is the one it takes."""
    for number in (1, 2, 3):
        await shop.admit(Sale(number))
    _, out, _ = run("calls", "--limit", "2")
    cursor = out.splitlines()[-1].removeprefix("older calls: --cursor ")
    _, rest, _ = run("calls", "--limit", "2", "--cursor", cursor)

    assert [row.split()[0] for row in rest.splitlines()] == ["call", Sale(1).call]


async def test_json_is_the_list_of_the_api(run: Run, shop: Shop) -> None:
    """Items and a cursor."""
    await shop.admit(Sale(1))
    await shop.admit(Sale(2))
    answer = json.loads(run("calls", "--limit", "1", "--json")[1])

    assert [call["id"] for call in answer["items"]] == [Sale(2).call]
    assert answer["next_cursor"] == Sale(1).call


async def test_an_empty_shop_has_an_empty_list(run: Run) -> None:
    """Only the titles."""
    code, out, _ = run("calls")

    assert code == 0
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("limit", ["0", "1001", "many", "-3", "9" * 40])
async def test_a_limit_out_of_bounds_is_usage(run: Run, limit: str) -> None:
    """Exit code 2 and the bounds."""
    code, _, err = run("calls", f"--limit={limit}")

    assert code == 2
    assert "argument --limit: write a whole number from 1 to 1000" in err
