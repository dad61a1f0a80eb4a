"""Uploads: a body that has had its time gives way, the first to have begun first, and leaves nothing open."""

import asyncio

import pytest

from sidecar.domain.refusals import Code, Refusal
from sidecar.http import exchange
from sidecar.http import uploads as module
from sidecar.http.exchange import BuyerExchange
from sidecar.http.paid_body import SPOOL_BYTES, PaidBody
from sidecar.http.uploads import Uploads
from tests.sidecar.fakes import Buyer, turns

LIMIT = 2 * SPOOL_BYTES


def of(*pieces: bytes, whole: bool = False) -> BuyerExchange:
    buyer = Buyer(pieces=pieces, whole=whole)
    return BuyerExchange(buyer.receive, buyer.send, "call_1", write_idle_s=60, cross_origin=False)


async def test_the_first_to_have_begun_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time, and with nobody left there is nobody to ask."""
    monkeypatch.setattr(module, "UNDISTURBED_S", 0)
    uploads = Uploads()
    reading = [asyncio.create_task(uploads.read(of(b"x"), LIMIT)) for _ in range(2)]
    await turns()

    for each in reading:
        assert uploads.give_way()
        assert await each == Refusal(Code.OVERLOADED, retry_after_s=2)
    assert not uploads.give_way()


async def test_a_body_has_its_time_before_it_is_disturbed() -> None:
    """Else those that come at once would all take each other's places."""
    uploads = Uploads()
    reading = asyncio.create_task(uploads.read(of(b"x"), LIMIT))
    await turns()

    assert not uploads.give_way()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_body_that_is_whole_gives_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its call may run: nothing of that is ended."""
    monkeypatch.setattr(module, "UNDISTURBED_S", 0)
    uploads = Uploads()
    body = await uploads.read(of(b"x", whole=True), LIMIT)

    assert isinstance(body, PaidBody)
    assert body.content() == b"x"
    assert not uploads.give_way()


async def test_what_had_come_of_a_large_body_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its temporary file does not stay."""
    monkeypatch.setattr(module, "UNDISTURBED_S", 0)
    body = PaidBody()
    monkeypatch.setattr(exchange, "PaidBody", lambda: body)
    uploads = Uploads()
    reading = asyncio.create_task(uploads.read(of(b"x" * SPOOL_BYTES, b"x"), LIMIT))
    await turns()

    assert uploads.give_way()
    assert isinstance(await reading, Refusal)
    assert body._file is not None
    assert body._file.closed
