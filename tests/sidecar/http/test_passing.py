"""Passing: a free call costs no ledger, both its bodies stream, and nothing internal leaks."""

import asyncio
from pathlib import Path

import pytest

from sidecar.domain.events import Answered
from sidecar.http import passing as module
from sidecar.ports import AnswerLost, NothingSent, TimedOut
from tests.sidecar.fakes import Buyer, Says, turns
from tests.sidecar.http.promises import OURS
from tests.sidecar.stall import (
    NOTHING,
    open_stall,
)


async def test_a_free_call_passes_and_is_not_booked(tmp_path: Path) -> None:
    """Both bodies stream, payments do not pass, and the ledger is not asked."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(201, ((b"x-agent", b"1"),), (b"he", b"llo"))
        sent = [(b"content-length", b"2"), (b"host", b"evil.example"), *OURS, stall.payment()]
        buyer = await stall.answer("GET", b"/free/docs?a=%2F", sent)

        assert (buyer.status, buyer.body, buyer.ended) == (201, b"hello", True)
        assert buyer.header(b"sidecar-call-id") == b"call_1"
        assert buyer.header(b"payment-response") is None
        assert stall.trace == ["upstream", "start", "body"]
        (request,) = stall.upstream.requests
        assert (request.target, request.body, stall.upstream.bodies) == (b"/free/docs?a=%2F", b"{}", [b"{}"])
        assert list(request.headers) == [(b"content-length", b"2"), (b"sidecar-call-id", b"call_1")]
        assert stall.observer.of(Answered)[-1].outcome == "free"
        assert stall.books.balances() == NOTHING


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (NothingSent("no route to 10.0.0.7"), 502, "upstream_unreachable"),
        (AnswerLost("10.0.0.7 reset"), 502, "upstream_unreachable"),
        (TimedOut("10.0.0.7 is slow"), 504, "upstream_timeout"),
        (ZeroDivisionError("10.0.0.7"), 503, "storage_unavailable"),
    ],
)
async def test_nothing_internal_leaks_from_a_free_call(
    tmp_path: Path, fault: Exception, status: int, code: str
) -> None:
    """Where the agent stands, and what went wrong there, is the operator's to know."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [fault]
        buyer = await stall.answer("GET", b"/free/docs")

        assert (buyer.status, buyer.document()["code"]) == (status, code)
        assert (buyer.document()["retryable"], buyer.header(b"retry-after")) == (True, b"2")
        assert b"10.0.0.7" not in buyer.body
        assert len(stall.observer.attention) == 1


async def test_free_calls_leave_connections_for_who_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many is refused, however slow the others are; a paid call goes through all the same."""
    monkeypatch.setattr(module, "OPEN_MAX", 1)
    async with open_stall(tmp_path) as stall:
        stall.upstream.gate.clear()
        _, open_one = stall.ask("GET", b"/free/docs")
        await stall.upstream.asked.wait()
        refused = await stall.answer("GET", b"/free/docs")

        assert (refused.status, refused.document()["code"]) == (503, "overloaded")
        stall.upstream.gate.set()
        assert (await stall.buy()).status == 200
        await open_one
        assert (await stall.answer("GET", b"/free/docs")).status == 200


async def test_a_free_answer_that_breaks_off_is_cut(tmp_path: Path) -> None:
    """The buyer can tell that it is not whole."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(chunks=(b"half", AnswerLost("reset")))
        buyer = await stall.answer("GET", b"/free/docs")

        assert (buyer.status, buyer.body, buyer.ended) == (200, b"half", False)
        assert stall.upstream.answers[0].closed >= 1


async def test_a_free_request_that_breaks_off_is_nobodys_answer(tmp_path: Path) -> None:
    """The buyer is gone; there is no defect to tell."""
    async with open_stall(tmp_path) as stall:
        sent = [(b"transfer-encoding", b"chunked")]
        _, task = stall.ask("GET", b"/free/docs", sent, buyer=(buyer := Buyer(whole=False)))
        await turns()
        buyer.leave()
        await task

        assert (buyer.status, stall.observer.events) == (0, [])


@pytest.mark.parametrize("chunks", [(b"he", b"llo"), ()])
async def test_a_free_answer_that_is_here_leaves_in_one_piece(tmp_path: Path, chunks: tuple[bytes]) -> None:
    """Its head with its body; fields as of any other, and the agent's connection is released."""
    async with open_stall(tmp_path) as stall:
        length = b"%d" % len(b"".join(chunks))
        fields = ((b"content-length", length), (b"x-agent", b"1"), (b"sidecar-cost", b"1"))
        stall.upstream.otherwise = Says(201, fields, chunks, here=True)
        buyer = await stall.answer("GET", b"/free/docs")

        assert (buyer.status, buyer.body, buyer.ended) == (201, b"".join(chunks), True)
        assert buyer.headers == [*fields[:2], (b"sidecar-call-id", b"call_1")]
        assert stall.observer.of(Answered)[-1].outcome == "free"
        assert stall.upstream.answers[0].closed >= 1


async def test_a_free_answer_leaves_as_it_is_made(tmp_path: Path) -> None:
    """The first piece is with the buyer before the last one exists."""
    async with open_stall(tmp_path) as stall:
        rest = asyncio.Event()
        stall.upstream.otherwise = Says(chunks=(b"first ", rest, b"last"))
        buyer, task = stall.ask("GET", b"/free/docs")
        await buyer.fed.wait()
        assert buyer.body == b"first "
        rest.set()
        await task

        assert (buyer.body, buyer.ended) == (b"first last", True)


async def test_a_buyer_who_leaves_a_free_answer_ends_it(tmp_path: Path) -> None:
    """Nobody reads on for someone who is gone: the agent's connection is released."""
    async with open_stall(tmp_path) as stall:
        rest = asyncio.Event()
        stall.upstream.otherwise = Says(chunks=(b"first", rest, b"second", b"third"))
        buyer, task = stall.ask("GET", b"/free/docs")
        await buyer.fed.wait()
        buyer.leave()
        rest.set()
        await task

        assert buyer.body == b"first"
        assert stall.upstream.answers[0].given == 2
        assert stall.upstream.answers[0].closed >= 1


async def test_a_free_request_that_still_comes_streams(tmp_path: Path) -> None:
    """The agent has its first piece before the last one is there."""
    async with open_stall(tmp_path) as stall:
        sent = [(b"transfer-encoding", b"chunked")]
        await stall.answer("GET", b"/free/docs", sent, buyer=Buyer(pieces=(b"a", b"", b"b")))

        (request,) = stall.upstream.requests
        assert not isinstance(request.body, bytes | None)
        assert stall.upstream.bodies == [b"ab"]
