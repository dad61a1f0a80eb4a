"""Asking: who answers slowly, or not at all, keeps no other payment from being settled."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.domain.call import Flow
from sidecar.domain.choosing import FAULTS_MAX
from sidecar.domain.payments import State
from sidecar.domain.records import Payment
from sidecar.ports import AnswerLost, NothingSent, StorageGone
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply
from tests.sidecar.builders import PAYER, an_endpoint, verified
from tests.sidecar.fakes import FakeFacilitator, honest, turns, until
from tests.sidecar.shop import NETWORK
from tests.sidecar.stall import Stall, open_stall
from tests.sidecar.x402.signing import NOW_S

DEFERRED: Final = an_endpoint(flow=Flow.DEFERRED)


class Slow:
    """Lets a facilitator wait with what it says of some payments."""

    def __init__(self, facilitator: FakeFacilitator, *waiting: Payment) -> None:
        self._settle: Callable[[bytes], Awaitable[SettleReply]] = facilitator.settle
        self.go_on = {"0x" + payment.nonce.hex(): asyncio.Event() for payment in waiting}
        facilitator.settle = self.settle  # type: ignore[method-assign]

    async def settle(self, body: bytes) -> SettleReply:
        """Answer in the end."""
        if event := self.go_on.get(honest(body).transaction):
            await event.wait()
        return await self._settle(body)

    def answer(self, payment: Payment) -> None:
        """Let it answer about this one."""
        self.go_on["0x" + payment.nonce.hex()].set()


async def owing(stall: Stall, count: int) -> list[Payment]:
    """Deliver so many calls that are not paid yet; the first one ends first."""
    asked = [
        verified(DEFERRED, call=f"call_{number}", nonce=number, valid_before_s=NOW_S + 130 + number)
        for number in range(1, count + 1)
    ]
    return [await stall.books.owed(each) for each in asked]


async def states(stall: Stall) -> list[State]:
    return [State(state) for (state,) in stall.books.select("SELECT state FROM payments ORDER BY call_id")]


async def test_who_answers_slowly_keeps_no_other_waiting(tmp_path: Path) -> None:
    """The answers that are here are on disk, and the next batch is asked for."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        payments = await owing(stall, 5)
        slow = Slow(stall.facilitator, payments[1])
        collector = stall.collector(batch=2)
        await collector.collect()

        assert await states(stall) == [State.DELIVERED, State.COLLECTING, *[State.DELIVERED] * 3]
        slow.answer(payments[1])
        await collector.finish()
        assert await states(stall) == [State.DELIVERED] * 5
        assert len(stall.facilitator.settled) == 5, "nobody is asked twice"


async def test_answers_are_on_disk_before_the_batch_is_through(tmp_path: Path) -> None:
    """With one asked after the other, what was answered first does not wait for the last."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        payments = await owing(stall, 3)
        slow = Slow(stall.facilitator, payments[1])
        collecting = asyncio.create_task(stall.collector(at_once=1).collect())
        await until(lambda: "answers_unit" in stall.trace)

        assert await states(stall) == [State.DELIVERED, State.COLLECTING, State.COLLECTING]
        slow.answer(payments[1])
        await collecting
        assert await states(stall) == [State.DELIVERED] * 3


async def test_no_more_are_asked_for_at_once_than_is_allowed(tmp_path: Path) -> None:
    """Those that let wait count; what follows is named when somebody is free to ask for it."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        payments = await owing(stall, 4)
        slow = Slow(stall.facilitator, *payments[:2])
        collector = stall.collector(batch=2, at_once=2)
        collecting = asyncio.create_task(collector.collect())
        await until(lambda: stall.trace.count("_owed") == 2)
        assert await states(stall) == [State.COLLECTING, State.COLLECTING, State.OWED, State.OWED]

        slow.answer(payments[0])
        await collecting
        assert await states(stall) == [
            State.DELIVERED, State.COLLECTING, State.DELIVERED, State.DELIVERED,
        ]  # fmt: skip
        slow.answer(payments[1])
        await collector.finish()
        assert await states(stall) == [State.DELIVERED] * 4


async def test_an_answer_that_is_lost_late_is_a_doubt(tmp_path: Path) -> None:
    """Each late answer counts for its own payment, as any other does."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        payments = await owing(stall, 3)
        slow = Slow(stall.facilitator, *payments[:2])
        collector = stall.collector()
        await collector.collect()
        stall.facilitator.settles = [AnswerLost("reset")]
        slow.answer(payments[0])
        await until(lambda: stall.trace.count("answers_unit") == 2)
        assert await states(stall) == [State.DOUBTFUL, State.COLLECTING, State.DELIVERED]

        slow.answer(payments[1])
        await collector.finish()
        assert await states(stall) == [State.DOUBTFUL, State.DELIVERED, State.DELIVERED]


async def test_what_has_no_answer_when_the_process_ends_is_left_to_evidence(tmp_path: Path) -> None:
    """Nobody waits for it for ever, and the next run knows that it may have been sent."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        payments = await owing(stall, 2)
        Slow(stall.facilitator, payments[0])
        task = asyncio.create_task(stall.collector().run())
        await until(lambda: "_doubtful" in stall.trace)
        task.cancel()
        await asyncio.wait((task,))
        assert await states(stall) == [State.COLLECTING, State.DELIVERED]

        await stall.recovery("run_2").put_to_rest()
        assert await states(stall) == [State.DOUBTFUL, State.DELIVERED]


async def test_a_collector_that_is_cancelled_asks_nobody_any_more(tmp_path: Path) -> None:
    """What it was waiting for is let go with it."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        payments = await owing(stall, 2)
        Slow(stall.facilitator, *payments)
        task = asyncio.create_task(stall.collector(at_once=1).run())
        await until(lambda: "naming_unit" in stall.trace)
        task.cancel()
        await asyncio.wait((task,))

        assert stall.facilitator.settled == []
        assert await states(stall) == [State.COLLECTING, State.COLLECTING]


async def test_a_late_answer_finds_the_storage_gone(tmp_path: Path) -> None:
    """It stays in doubt; whoever else uses the storage ends the process."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        payments = await owing(stall, 2)
        slow = Slow(stall.facilitator, payments[0])
        collector = stall.collector()
        await collector.collect()
        stall.storage.faults["answers_unit"] = [StorageGone("I/O error")]
        slow.answer(payments[0])
        await collector.finish()

        assert await states(stall) == [State.COLLECTING, State.DELIVERED]


# Whatever is answered about the others, and however many are asked for at once.

REFUSED: Final = SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)
ANSWERS: Final[dict[str, tuple[SettleReply | Exception | None, State]]] = {
    "settled": (None, State.DELIVERED),
    "refused": (REFUSED, State.DEFAULTED),
    "lost": (AnswerLost("reset"), State.DOUBTFUL),
    "not sent": (NothingSent("no connection"), State.OWED),
    "a defect": (ZeroDivisionError("odd"), State.DOUBTFUL),
    "of another payer": (SettleReply(True, "0x" + "ab" * 32, NETWORK, bytes(20), 1), State.DOUBTFUL),
}


class Told:
    """Lets a facilitator say something of its own about some payments."""

    def __init__(self, facilitator: FakeFacilitator, answers: dict[str, SettleReply | Exception]) -> None:
        self._settle: Callable[[bytes], Awaitable[SettleReply]] = facilitator.settle
        self._answers = answers
        facilitator.settle = self.settle  # type: ignore[method-assign]

    async def settle(self, body: bytes) -> SettleReply:
        """Answer by the nonce, some of them a little later than others."""
        nonce = honest(body).transaction
        await turns(int(nonce, 16) % 3)
        answer = self._answers.get(nonce)
        if isinstance(answer, Exception):
            raise answer
        return answer or await self._settle(body)


@settings(max_examples=25, deadline=None)
@given(
    answers=st.lists(st.sampled_from([*ANSWERS]), min_size=1, max_size=9).filter(
        lambda names: len(names) - names.count("settled") - names.count("refused") < FAULTS_MAX
    ),
    batch=st.integers(1, 9),
    at_once=st.integers(1, 9),
)
async def test_each_answer_counts_for_its_own_payment(answers: list[str], batch: int, at_once: int) -> None:
    """In one batch or in many, one after the other or all at once."""
    with TemporaryDirectory() as folder:
        async with open_stall(Path(folder), endpoint=DEFERRED) as stall:
            payments = await owing(stall, len(answers))
            said = {
                "0x" + payment.nonce.hex(): answer
                for payment, name in zip(payments, answers, strict=True)
                if (answer := ANSWERS[name][0]) is not None
            }
            Told(stall.facilitator, said)
            collector = stall.collector(batch=batch, at_once=at_once)
            await collector.collect()
            await collector.finish()

            assert await states(stall) == [ANSWERS[name][1] for name in answers]
