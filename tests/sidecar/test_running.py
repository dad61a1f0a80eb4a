"""One call: whatever ends it early closes it, tells the buyer once, and keeps what it has paid for."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from sidecar import commits
from sidecar.domain.call import Flow
from sidecar.domain.events import CallClosed
from sidecar.domain.payments import State
from sidecar.ports import AnswerLost, Kept, NothingSent, StorageUnavailable, TimedOut
from sidecar.x402 import reasons
from tests.sidecar.builders import P, a_log, an_endpoint
from tests.sidecar.fakes import Buyer, Says
from tests.sidecar.stall import ANSWER, COMPLETION, CREDIT, JSON, NOTHING, SOLD, Stall, open_stall

UPFRONT: Final = an_endpoint(flow=Flow.UPFRONT)
FULL: Final = StorageUnavailable("the disk is full")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that must be made is tried again at once."""
    monkeypatch.setattr(commits, "PAUSES_S", (0.0,))


async def test_a_payment_used_elsewhere_is_watched(tmp_path: Path) -> None:
    """Its nonce is spent: refused for good, and if that was its own transfer, it is credit."""
    async with open_stall(tmp_path) as stall:
        nonce = (1).to_bytes(32, "big")
        stall.chain.used[nonce] = 9
        refused = await stall.buy()

        assert (refused.status, refused.document()["reason"]) == (402, reasons.NONCE_USED)
        payment = await stall.stored()
        assert (payment.state, payment.watched) == (State.FAILED, True)
        stall.chain.transfer(nonce, a_log(payment))
        await stall.recovery().look()
        assert stall.books.balances()["buyer"] == P
        served = await stall.buy()
        assert (served.status, stall.count("settle")) == (200, {"settle": 0})


async def test_what_could_not_be_closed_after_payment_is_closed_later(tmp_path: Path) -> None:
    """An agent that did not answer, a disk that is full: the buyer waits for the truth, which is credit."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.upstream.script = [TimedOut("late")]
        stall.storage.faults["close_unit"] = [FULL] * 2
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (504, "upstream_timeout")
        assert buyer.header(b"payment-response") is not None
        assert stall.books.balances() == CREDIT
        assert stall.observer.attention == ["upstream_timeout", "commit_delayed", "commit_delayed"]


async def test_an_upfront_result_that_cannot_be_committed_is_unknown_to_the_buyer(tmp_path: Path) -> None:
    """503 and no work; committed later it is credit, and the same payment is served from it."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.storage.faults["result_unit"] = [FULL]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unknown")
        assert stall.books.balances() == CREDIT
        assert stall.count("upstream") == {"upstream": 0}
        assert (await stall.buy()).status == 200
        assert (stall.books.balances(), stall.count("settle")) == (SOLD, {"settle": 1})


async def test_only_what_became_credit_is_told_as_credit(tmp_path: Path) -> None:
    """A hold on credit that comes back is no new credit."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.upstream.script = [Says(500), AnswerLost("reset"), Says(500), Says(chunks=(AnswerLost("x"),))]
        for nonce in (1, 1, 1, 2):
            await stall.buy(nonce)
        await stall.buy(nonce=2)

        closed = [
            (event.outcome.partition(":")[0], event.captured_nano, event.credited_nano)
            for event in stall.observer.of(CallClosed)
        ]
        nothing = [("refused", 0, 0), ("failed", 0, 0), ("failed", 0, 0)]
        assert closed == [("failed", 0, P), *nothing, ("served", P, 0)]
        assert stall.count("settle") == {"settle": 1}


@pytest.mark.parametrize("when", ["while it works", "while it streams"])
async def test_what_a_buyer_left_is_kept_for_its_return(tmp_path: Path, when: str) -> None:
    """Charged, read to its end, and there when the same payment asks again."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        hold = asyncio.Event()
        stall.upstream.otherwise = Says(chunks=(b"one ", hold, b"two"))
        stall.upstream.gate.clear()
        buyer, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        if when == "while it streams":
            stall.upstream.gate.set()
            await buyer.fed.wait()
        buyer.leave()
        stall.upstream.gate.set()
        hold.set()
        await task

        again = await stall.buy()
        assert (again.status, again.body, again.ended) == (200, b"one two", True)
        assert stall.count("settle", "upstream") == {"settle": 1, "upstream": 1}
        assert stall.books.balances() == SOLD


async def test_nothing_is_kept_of_a_failure(tmp_path: Path) -> None:
    """Neither the agent's no nor half an answer is given to who asks again."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [Says(500), Says(chunks=(b"half", AnswerLost("reset")))]
        await stall.buy()
        await stall.buy()

        assert stall.answers.kept == {}


async def test_what_is_kept_is_what_the_agent_said(tmp_path: Path) -> None:
    """Its own fields, before ours are added and its own are taken out: those are made anew each time."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        await stall.buy()

        ((kept, _),) = stall.answers.kept.values()
        assert kept == Kept(200, JSON, COMPLETION)


async def test_an_unasked_settlement_withholds_and_keeps(tmp_path: Path) -> None:
    """Nothing was sent and nothing charged; once the payer has credit, the answer is there for it."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        stall.facilitator.settles = [NothingSent("connection refused")]
        assert (await stall.buy()).status == 503
        stall.upstream.script = [Says(chunks=(AnswerLost("reset"),))]
        await stall.buy(nonce=2)
        served = await stall.buy()

        assert (served.status, served.body) == (200, COMPLETION)
        assert stall.count("settle", "upstream") == {"settle": 2, "upstream": 2}
        assert await stall.state("call_3") is State.DELIVERED


async def left_before(stall: Stall) -> Buyer:
    buyer = Buyer()
    buyer.leave()
    return await stall.buy(buyer=buyer)


async def test_a_buyer_who_is_gone_before_a_replay_is_charged_for_it(tmp_path: Path) -> None:
    """The answer it had paid for was there; it stays kept for the same payment."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.settles = [TimedOut("no answer")]
        await stall.buy()
        payment = await stall.stored()
        stall.chain.transfer(payment.nonce, a_log(payment))
        await stall.recovery().look()
        await left_before(stall)

        assert await stall.state("call_2") is State.DELIVERED
        again = await stall.buy()
        assert (again.status, again.body, again.header(b"sidecar-call-id")) == (200, b"done", b"call_2")
        assert stall.count("upstream") == {"upstream": 1}


async def test_a_defect_before_the_money_was_asked_for_releases_it(tmp_path: Path) -> None:
    """The same payment is served the next time."""
    async with open_stall(tmp_path, endpoint=UPFRONT) as stall:
        stall.storage.faults["sending_unit"] = [ZeroDivisionError("odd")]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "storage_unavailable")
        assert stall.books.balances() == NOTHING
        assert (await stall.buy()).status == 200
