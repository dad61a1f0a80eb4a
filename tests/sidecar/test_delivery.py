"""An answer streams once it is paid, within bounds, and whoever was waited for has stopped."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from sidecar.delivery import Bounds
from sidecar.domain.call import Flow
from sidecar.domain.payments import State
from sidecar.http import buyers as buyers_module
from sidecar.ports import AnswerLost
from tests.sidecar.builders import P, an_endpoint
from tests.sidecar.fakes import Buyer, Says, turns, until
from tests.sidecar.stall import (
    BOUNDS,
    COMPLETION,
    COMPLETION_NANO,
    CREDIT,
    JSON,
    LONG,
    RETRY,
    SOLD,
    open_stall,
)


async def test_the_first_piece_leaves_before_the_last_one_exists(tmp_path: Path) -> None:
    """Once paid, nothing is buffered to its end."""
    async with open_stall(tmp_path) as stall:
        rest = asyncio.Event()
        stall.upstream.otherwise = Says(chunks=(b"first ", rest, b"last"))
        buyer, task = stall.ask(headers=[stall.payment()])
        await buyer.fed.wait()

        assert (buyer.body, buyer.ended) == (b"first ", False)
        rest.set()
        await task
        assert (buyer.body, buyer.ended) == (b"first last", True)


DECLARED = ((b"content-type", b"text/plain"), (b"content-length", b"4"))


@pytest.mark.parametrize(
    ("says", "pieces"),
    [
        (Says(headers=DECLARED, chunks=(b"do", b"ne")), [b"done"]),
        (Says(headers=DECLARED, chunks=(b"do", b"ne"), here=True), [b"done"]),
        (Says(chunks=(b"do", b"ne")), [b"do", b"ne", b""]),  # nobody said that it is short
        (Says(headers=((b"content-length", b"32769"),), chunks=(b"do", b"ne")), [b"do", b"ne", b""]),
        (Says(headers=DECLARED, chunks=(b"x" * 100,)), [b"x" * 100, b""]),  # longer than is read ahead
    ],
    ids=["short", "here", "not told", "long", "longer than told"],
)
async def test_an_answer_that_says_it_is_short_leaves_at_once(
    tmp_path: Path, says: Says, pieces: list[bytes]
) -> None:
    """Head, body and end are handed over together; any other answer as it comes. The books do not differ."""
    async with open_stall(tmp_path, endpoint=an_endpoint(flow=Flow.UPFRONT)) as stall:
        stall.upstream.otherwise = says
        buyer = Buyer()
        handed: list[bytes] = []
        take = buyer.send

        async def noting(message: Any) -> None:
            if message["type"] == "http.response.body":
                handed.append(message["body"])
            await take(message)

        buyer.send = noting  # type: ignore[method-assign]  # only to watch
        await stall.buy(buyer=buyer)

        assert (handed, buyer.ended) == (pieces, True)
        assert stall.books.balances() == SOLD
        assert await stall.answers.find("call_1", stall.clock.now_us()) is not None


async def test_a_head_does_not_wait_for_a_body_that_is_late(tmp_path: Path) -> None:
    """A short body that does not come with its head is streamed as any other."""
    async with open_stall(tmp_path, endpoint=an_endpoint(flow=Flow.UPFRONT)) as stall:
        rest = asyncio.Event()
        stall.upstream.otherwise = Says(headers=DECLARED, chunks=(b"do", rest, b"ne"))
        buyer, task = stall.ask(headers=[stall.payment()])
        await buyer.begun.wait()
        rest.set()
        await task

        assert (buyer.body, buyer.ended) == (b"done", True)
        assert stall.books.balances() == SOLD


async def test_not_a_byte_leaves_while_the_settlement_is_asked_for(tmp_path: Path) -> None:
    """What the agent says meanwhile is read ahead within its bound, and held."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.gate.clear()
        stall.upstream.otherwise = Says(chunks=[b"x" * 10] * 100)
        buyer, task = stall.ask(headers=[stall.payment()])
        await stall.facilitator.asked.wait()
        await turns()

        assert buyer.status == 0
        assert stall.upstream.answers[0].given == 7, "64 bytes are reached with the seventh piece"
        stall.facilitator.gate.set()
        await task
        assert (buyer.body, buyer.ended) == (b"x" * 1000, True)


async def test_an_agent_that_breaks_off_after_payment_owes_the_buyer(tmp_path: Path) -> None:
    """The connection is cut, the price is credit, and what it cost is the cost of a retry."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(headers=JSON, chunks=(COMPLETION[:-1], AnswerLost("reset")))
        buyer = await stall.buy()

        assert (buyer.status, buyer.body, buyer.ended) == (200, COMPLETION[:-1], False)
        assert await stall.state() is State.CREDITED
        assert stall.books.balances() == {**CREDIT, **RETRY}
        call = stall.books.call()
        assert (call["outcome"], call["credited_nano"], call["captured_nano"]) == ("failed", P, 0)


async def test_a_cost_lost_with_the_answer_is_unknown_not_zero(tmp_path: Path) -> None:
    """An answer that broke off before it told its usage has a cost nobody knows."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(headers=JSON, chunks=(COMPLETION[:20], AnswerLost("reset")))
        await stall.buy()

        assert ("retry", "unmetered", None, "unknown") in stall.books.lines()
        assert stall.books.balances() == CREDIT


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("when", ["while settling", "while streaming", "after the last byte"])
async def test_a_buyer_who_leaves_is_charged_and_the_agent_is_heard_out(
    tmp_path: Path, when: str, strict: bool
) -> None:
    """Whoever was waited for has stopped: the call is sold, and its whole cost is known."""
    async with open_stall(tmp_path) as stall:
        gate, first = asyncio.Event(), asyncio.Event()
        stall.upstream.otherwise = Says(headers=JSON, chunks=(COMPLETION[:40], first, COMPLETION[40:], gate))
        buyer, task = stall.ask(headers=[stall.payment()], buyer=Buyer(strict=strict))
        if when == "while settling":
            stall.facilitator.gate.clear()
            await stall.facilitator.asked.wait()
            buyer.leave()
            stall.facilitator.gate.set()
        else:
            await buyer.fed.wait()
            if when == "after the last byte":
                first.set()
                await until(lambda: buyer.body == COMPLETION)
            buyer.leave()
        first.set()
        gate.set()
        await task

        assert await stall.state() is State.DELIVERED
        assert stall.books.balances() == {
            **SOLD, "cost:model": COMPLETION_NANO, "provider_payable": COMPLETION_NANO,
        }  # fmt: skip
        assert stall.upstream.answers[0].given == 2
        assert stall.upstream.answers[0].closed >= 1


@pytest.mark.parametrize(
    ("says", "taken"),
    [(Says(), b""), (LONG, b""), (LONG, b"x" * 100)],
    ids=["all of it", "a piece", "the end"],
)
async def test_a_buyer_who_does_not_read_is_charged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Says, taken: bytes
) -> None:
    """A piece, or the end, that is not taken in time: the buyer stopped, the agent did not."""
    monkeypatch.setattr(buyers_module, "WRITE_IDLE_S", 0.05)
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = says
        buyer, task = stall.ask(headers=[stall.payment()])
        if taken:
            await buyer.fed.wait()
        buyer.reads.clear()
        await task

        assert (buyer.body, buyer.ended) == (taken, False)
        assert await stall.state() is State.DELIVERED
        assert stall.books.balances() == SOLD


@pytest.mark.parametrize("says", [Says(), LONG], ids=["at once", "streamed"])
async def test_time_that_ran_out_on_a_slow_buyer_is_the_buyers(tmp_path: Path, says: Says) -> None:
    """The whole stream is bounded; when it ends while the buyer is waited for, there is no credit."""
    async with open_stall(tmp_path, bounds=replace(BOUNDS, stream_total_s=0)) as stall:
        stall.upstream.otherwise = says
        buyer, task = stall.ask(headers=[stall.payment()])
        buyer.reads.clear()
        await task

        assert not buyer.ended
        assert await stall.state() is State.DELIVERED


async def test_time_that_ran_out_on_a_slow_agent_is_the_agents(tmp_path: Path) -> None:
    """The whole stream is bounded; when it ends while the agent is waited for, the price is credit."""
    async with open_stall(tmp_path, bounds=replace(BOUNDS, stream_total_s=0)) as stall:
        stall.upstream.otherwise = Says(chunks=(asyncio.Event(),))
        buyer = await stall.buy()

        assert (buyer.status, buyer.ended) == (200, False)
        assert await stall.state() is State.CREDITED
        assert stall.books.balances() == CREDIT


async def test_an_answer_that_raises_while_settling_waits_for_the_settlement(tmp_path: Path) -> None:
    """Who was asked to settle is heard out before the call is given up: the books follow the answer."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.gate.clear()
        stall.upstream.otherwise = Says(chunks=(b"part", ZeroDivisionError("odd")))
        buyer, task = stall.ask(headers=[stall.payment()])
        await stall.facilitator.asked.wait()
        await turns()
        assert not task.done()
        stall.facilitator.gate.set()
        await task

        assert buyer.status == 503
        assert await stall.state() is State.CREDITED
        assert stall.books.balances() == CREDIT
        assert stall.room.take(1024), "what was read ahead is given back"


async def test_all_calls_together_hold_no_more_than_there_is_room(tmp_path: Path) -> None:
    """The room is shared: beyond it each call holds the one piece that found none, and reads no further."""
    async with open_stall(tmp_path, room_bytes=30) as stall:
        stall.facilitator.gate.clear()
        stall.upstream.otherwise = Says(chunks=[b"x" * 10] * 20)
        asked = [stall.ask(headers=[stall.payment(nonce)]) for nonce in (1, 2, 3)]
        await until(lambda: len(stall.facilitator.settled) == 3)
        await turns()

        assert sum(answer.given for answer in stall.upstream.answers) == 3 + 3
        stall.facilitator.gate.set()
        await asyncio.gather(*(task for _, task in asked))
        assert [(buyer.body, buyer.ended) for buyer, _ in asked] == [(b"x" * 200, True)] * 3
        assert stall.room.take(30), "all of it was given back"


async def test_room_is_given_back_as_the_answer_leaves(tmp_path: Path) -> None:
    """A long stream holds what it read ahead only until that is sent, not until its end."""
    async with open_stall(tmp_path, room_bytes=30) as stall:
        rest = asyncio.Event()
        stall.facilitator.gate.clear()
        stall.upstream.otherwise = Says(chunks=(b"x" * 10, b"y" * 10, rest))
        buyer, task = stall.ask(headers=[stall.payment()])
        await stall.facilitator.asked.wait()
        await turns()
        assert not stall.room.take(11)
        stall.facilitator.gate.set()
        await until(lambda: len(buyer.body) == 20)

        assert stall.room.take(30)
        stall.room.give(30)
        rest.set()
        await task


@pytest.mark.parametrize(
    ("chunks", "bounds"),
    [(repeat(b"x" * 100), BOUNDS), ((COMPLETION[:40], asyncio.Event()), replace(BOUNDS, drain_s=0))],
    ids=["bytes", "seconds"],
)
async def test_an_agent_is_heard_out_within_bounds(
    tmp_path: Path, chunks: Iterable[Any], bounds: Bounds
) -> None:
    """Nobody gets the rest of a withheld answer; what it cost beyond the bounds is unknown."""
    async with open_stall(tmp_path, bounds=bounds) as stall:
        stall.facilitator.settles = [AnswerLost("status 502")]
        stall.upstream.otherwise = Says(headers=JSON, chunks=chunks)
        buyer = await stall.buy()

        assert buyer.status == 503
        assert stall.upstream.answers[0].given <= 50
        assert stall.upstream.answers[0].closed >= 1
        assert [(kind, amount) for kind, _, amount, _ in stall.books.lines()] == [("retry", None)]


async def test_an_answer_without_a_body_is_delivered(tmp_path: Path) -> None:
    """A 204 has nothing to stream, and is paid for like any other success."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(204, (), ())
        buyer = await stall.buy()

        assert (buyer.status, buyer.body, buyer.ended) == (204, b"", True)
        assert stall.books.balances() == SOLD
