"""What a person writes over HTTP."""

from typing import Any

import httpx
import pytest

from sidecar.ports import StorageUnavailable
from tests.sidecar.shop import DAY_US, NOON_US, Sale, Shop

PAYOUT: dict[str, Any] = {
    "id": "payout-1",
    "kind": "payout",
    "reason": "the invoice of April",
    "happened_at": "2026-05-01T12:00:00Z",
    "entries": [{"debit": "provider_payable:openai", "credit": "bank", "amount": "0.01"}],
}


async def test_a_journal_is_booked_once(operator: httpx.AsyncClient, shop: Shop) -> None:
    """201 the first time, 200 with the same number after it; it is read like any other."""
    await shop.serve(Sale())
    first = await operator.post("/api/v1/ledger/journals", json=PAYOUT)
    again = await operator.post("/api/v1/ledger/journals", json=PAYOUT)
    (newest, *_) = (await operator.get("/api/v1/ledger/journals")).json()["items"]

    assert (first.status_code, first.json()["status"]) == (201, "created")
    assert (again.status_code, again.json()) == (200, first.json() | {"status": "exists"})
    assert (newest["id"], newest["kind"]) == ("manual/payout-1", "manual:payout")
    assert newest["note"].startswith("the invoice of April (key ")
    assert "operator-token-1" not in newest["note"]


async def test_a_period_is_closed(operator: httpx.AsyncClient, shop: Shop) -> None:
    """Its signed trial balance is the answer; what happened in it is refused from then on."""
    await shop.serve(Sale(at_us=NOON_US - DAY_US))
    closed = await operator.post("/api/v1/ledger/close", json={"before": "2026-05-01"})
    late = PAYOUT | {"happened_at": "2026-04-30"}
    refused = await operator.post("/api/v1/ledger/journals", json=late)

    assert (closed.status_code, closed.json()["number"]) == (200, 1)
    assert refused.status_code == 409
    assert (refused.json()["code"], refused.json()["reason"]) == ("not_booked", "period_closed")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("journals", b"{", 400, "body_invalid"),
        ("journals", b"{}", 400, "body_invalid"),
        ("journals", b"\xff", 400, "body_invalid"),
        ("journals", b"[" * 60_000, 400, "body_invalid"),
        ("journals", b" " * 70_000, 413, "body_too_large"),
        ("close", b'{"before": "soon"}', 400, "body_invalid"),
        ("close", b'{"before": "2026-05-01"}', 409, "not_booked"),
    ],
)
async def test_what_is_not_written_is_told(
    operator: httpx.AsyncClient, path: str, body: bytes, status: int, code: str
) -> None:
    """One sentence, and nothing is in the books."""
    answer = await operator.post(f"/api/v1/ledger/{path}", content=body)
    journals = (await operator.get("/api/v1/ledger/journals")).json()

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"].endswith(".")
    assert journals["items"] == []


async def test_a_full_disk_is_told(
    operator: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was written, and it may pass."""

    async def full(_: object) -> None:
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(shop.store, "run", full)
    answer = await operator.post("/api/v1/ledger/journals", json=PAYOUT)

    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
