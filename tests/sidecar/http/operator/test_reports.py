"""Reports of the books over HTTP."""

import errno
import os
from typing import Any

import httpx
import pytest

from sidecar.http.operator import reports
from tests.sidecar.shop import DAY_US, NOON_US, Sale, Shop, forced


async def test_the_trial_balance_is_of_a_time(operator: httpx.AsyncClient, shop: Shop) -> None:
    """As of either time; without one, all of it."""
    await shop.serve(Sale(1))
    await shop.serve(Sale(2, at_us=NOON_US + DAY_US))

    async def total(**asked: str) -> Any:
        answer = (await operator.get("/api/v1/ledger/trial-balance", params=asked)).json()
        assert answer["balanced"] is True
        return [each["debits"] for each in answer["totals"]]

    assert await total() == ["0.302000000"]
    assert await total(as_of="2026-05-02") == ["0.151000000"]
    assert await total(known_at="2026-05-01T11:59:59Z") == []


async def test_a_statement_has_pages(operator: httpx.AsyncClient, shop: Shop) -> None:
    """The cursor of one page is where the next begins."""
    await shop.serve(Sale(1))
    asked = {"account": "revenue:POST /research", "limit": "1"}
    first = (await operator.get("/api/v1/ledger/statement", params=asked)).json()
    asked["cursor"] = first["next_cursor"]
    last = (await operator.get("/api/v1/ledger/statement", params=asked)).json()

    assert [page["items"][0]["balance"] for page in (first, last)] == ["0.000000000", "0.050000000"]
    assert last["next_cursor"] is None


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("statement", {"account": "nobody"}, 404),
        ("statement", {}, 404),
        ("statement", {"account": "nobody", "cursor": "x"}, 400),
        ("statement", {"account": "nobody", "limit": "1001"}, 400),
        ("trial-balance", {"as_of": "yesterday"}, 400),
        ("export", {"format": "xlsx"}, 400),
    ],
)
async def test_what_is_asked_wrongly_is_told(
    operator: httpx.AsyncClient, path: str, asked: dict[str, str], status: int
) -> None:
    """One sentence that names it."""
    answer = await operator.get(f"/api/v1/ledger/{path}", params=asked)

    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")


async def test_books_that_cannot_be_exported_are_told(operator: httpx.AsyncClient, shop: Shop) -> None:
    """Not with half an export: the answer begins when the whole of it is there."""
    await shop.serve(Sale(1))
    with forced(shop.path) as connection:
        connection.execute("UPDATE transfers SET kind = 'x' WHERE journal_seq = 3")
    answer = await operator.get("/api/v1/ledger/export")

    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")


async def test_an_export_without_room_is_told(
    operator: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is full, or there is none that may be written to."""

    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(reports, "TemporaryFile", full)
    answer = await operator.get("/api/v1/ledger/export")

    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert "No space left on device" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("written_as", "begins", "kind"),
    [
        ("csv", "seq,", "text/csv"),
        ("jsonl", '{"seq": 1', "application/jsonl"),
        ("beancount", "; All", "text/plain"),
    ],
)
async def test_all_journals_are_exported(
    operator: httpx.AsyncClient, shop: Shop, written_as: str, begins: str, kind: str
) -> None:
    """In each format, as a stream."""
    await shop.serve(Sale(1))
    answer = await operator.get("/api/v1/ledger/export", params={"format": written_as})

    assert answer.text.startswith(begins)
    assert answer.headers["content-type"].startswith(kind)
    assert f"{Sale(1).call}/delivered" in answer.text
