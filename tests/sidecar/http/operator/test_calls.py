"""Calls over HTTP: the same objects as everywhere, in pages."""

import httpx
import pytest

from tests.sidecar.shop import TOOL, Sale, Shop


async def test_a_call_is_read_by_its_id(operator: httpx.AsyncClient, shop: Shop) -> None:
    """The one and the listed are the same object; the one says what its session has earned, too."""
    await shop.serve(Sale(session="s_1"), TOOL)
    one = (await operator.get(f"/api/v1/calls/{Sale().call}")).json()
    listed = (await operator.get("/api/v1/calls")).json()

    assert one.pop("session_so_far") == {"calls": 1, "known_margin_usd": "0.045400000"}
    assert listed == {"items": [one], "next_cursor": None}
    assert (one["id"], one["outcome"], one["known_margin_usd"]) == (Sale().call, "served", "0.045400000")


async def test_an_unknown_call_is_404(operator: httpx.AsyncClient) -> None:
    """A call that was never admitted is not there."""
    answer = await operator.get("/api/v1/calls/call_nothing")

    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no call call_nothing.")


async def test_pages_follow_the_cursor(operator: httpx.AsyncClient, shop: Shop) -> None:
    """The cursor of a page asks for the next one."""
    for number in (1, 2, 3):
        await shop.admit(Sale(number))
    first = (await operator.get("/api/v1/calls", params={"limit": 2})).json()
    params = {"limit": "2", "cursor": first["next_cursor"]}
    second = (await operator.get("/api/v1/calls", params=params)).json()

    assert [call["id"] for call in first["items"]] == [Sale(3).call, Sale(2).call]
    assert [call["id"] for call in second["items"]] == [Sale(1).call]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "ten", "1e3", "9" * 30, ""])
async def test_a_limit_out_of_bounds_is_refused(operator: httpx.AsyncClient, limit: str) -> None:
    """A page is never silently shorter than asked for."""
    answer = await operator.get("/api/v1/calls", params={"limit": limit})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "limit is a whole number from 1 to 1000."
