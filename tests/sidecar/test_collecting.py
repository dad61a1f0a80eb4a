"""Collecting: what was delivered before it was paid is settled behind, once, whatever happens meanwhile."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from ledger.money import nano
from sidecar import commits
from sidecar.collecting import ASK_AGAIN_US, ASK_SOON_US, US_PER_S
from sidecar.domain.call import Flow
from sidecar.domain.choosing import FAULTS_MAX, PAUSE_FIRST_US
from sidecar.domain.events import PaymentSettled
from sidecar.domain.payments import Proof, State
from sidecar.domain.records import Payment
from sidecar.ports import AnswerLost, NothingSent, StorageGone, StorageUnavailable
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply
from tests.sidecar.builders import PAYER, PRICE, USDC, P, an_endpoint, verified
from tests.sidecar.fakes import honest, turns, until
from tests.sidecar.shop import FACILITATOR, NETWORK
from tests.sidecar.stall import FEE_NANO, Stall, open_stall
from tests.sidecar.x402.signing import NOW_S

DEFERRED: Final = an_endpoint(flow=Flow.DEFERRED)
OTHER: Final = "https://other.example"
REFUSED: Final = SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)
ROUND: Final = ["naming_unit", "answers_unit"]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that must be made is tried again at once."""
    monkeypatch.setattr(commits, "PAUSES_S", (0.0,))


async def owing(stall: Stall, *calls: str) -> list[Payment]:
    """Deliver calls that are not paid yet; each ends one second before the one named before it."""
    found = []
    for number, call in enumerate(calls, 1):
        asked = verified(DEFERRED, call=call, nonce=number, valid_before_s=NOW_S + 180 - number)
        found.append(await stall.books.owed(asked))
    return found


def commits_of(stall: Stall) -> list[str]:
    """Return what of a round was written and asked, without what it only read."""
    return [each for each in stall.trace if each in {*ROUND, "settle", "renamed_unit", "naming_unit refused"}]


async def states(stall: Stall) -> dict[str, State]:
    rows = stall.books.select("SELECT call_id, state FROM payments ORDER BY call_id")
    return {call: State(state) for call, state in rows}


async def test_a_batch_is_two_commits(tmp_path: Path) -> None:
    """One names whom all are asked of, then they are asked for, then one tells what came of it."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1", "call_2", "call_3")
        await stall.collector().collect()

        assert commits_of(stall) == ["naming_unit", "settle", "settle", "settle", "answers_unit"]
        assert set((await states(stall)).values()) == {State.DELIVERED}
        assert [each.result for each in stall.observer.of(PaymentSettled)] == ["settled"] * 3
        fee = {"fee:facilitator": 3 * FEE_NANO, "facilitator_payable": 3 * FEE_NANO}
        assert stall.books.balances() == {"reported": 3 * P, "revenue": 3 * P, **fee}
        assert stall.points[-3:] == ["collecting", "answered", "collected"]


async def test_what_ends_first_is_asked_for_first(tmp_path: Path) -> None:
    """In batches, and no more at once than is allowed."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        payments = await owing(stall, "call_1", "call_2", "call_3")
        stall.facilitator.gate.clear()
        collecting = asyncio.create_task(stall.collector(batch=2, at_once=1).collect())
        await stall.facilitator.asked.wait()
        await turns()
        under_way = await states(stall)
        asked_at_once = len(stall.facilitator.settled)
        stall.facilitator.gate.set()
        await collecting

        assert under_way == {
            "call_1": State.OWED, "call_2": State.COLLECTING, "call_3": State.COLLECTING,
        }  # fmt: skip
        assert asked_at_once == 1
        assert commits_of(stall) == [
            "naming_unit", "settle", "settle", "answers_unit", "naming_unit", "settle", "answers_unit",
        ]  # fmt: skip
        asked = [honest(body).transaction for body in stall.facilitator.settled]
        assert asked == ["0x" + payment.nonce.hex() for payment in reversed(payments)]


async def test_every_answer_counts_for_its_own_payment(tmp_path: Path) -> None:
    """Settled is paid, refused is a debt, lost is in doubt, and what was never sent stays owed."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1", "call_2", "call_3", "call_4")
        stall.facilitator.settles = [REFUSED, AnswerLost("reset"), NothingSent("refused")]
        await stall.collector(at_once=1).collect()

        assert await states(stall) == {
            "call_4": State.DEFAULTED, "call_3": State.DOUBTFUL, "call_2": State.OWED,
            "call_1": State.DELIVERED,
        }  # fmt: skip
        words = dict(stall.books.select("SELECT id, settlement FROM calls"))
        assert words == {"call_4": "failed", "call_3": "unknown", "call_2": "pending", "call_1": "settled"}
        money = stall.books.balances()
        assert (money["authorized"], money["bad_debt"], money["reported"]) == (2 * P, P, P)
        assert stall.observer.attention == ["settlement_unanswered", "payment_defaulted"]
        assert (await stall.stored("call_2")).facilitator == ""


async def test_when_nothing_left_another_one_is_named_and_asked(tmp_path: Path) -> None:
    """As before a delivery: the other name is on disk before the other one is asked."""
    async with open_stall(tmp_path, endpoint=DEFERRED, others=(OTHER,)) as stall:
        await owing(stall, "call_1")
        stall.facilitator.settles = [NothingSent("refused")]
        await stall.collector().collect()

        assert commits_of(stall) == ["naming_unit", "settle", "renamed_unit", "settle", "answers_unit"]
        payment = await stall.stored()
        assert (payment.state, payment.facilitator) == (State.DELIVERED, OTHER)


async def test_a_facilitator_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """Who gets nothing is not asked for all; everything stays owed, and is collected when it is back."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        calls = [f"call_{number}" for number in range(1, 2 * FAULTS_MAX + 1)]
        await owing(stall, *calls)
        stall.facilitator.settles = [NothingSent("refused")] * FAULTS_MAX
        await stall.collector(at_once=1).collect()
        assert len(stall.facilitator.settled) == FAULTS_MAX
        assert set((await states(stall)).values()) == {State.OWED}

        await stall.collector().collect()
        assert len(stall.facilitator.settled) == FAULTS_MAX, "it is left alone"

        stall.clock.time_us += PAUSE_FIRST_US
        await stall.facilitators.poll()
        stall.facilitator.gate.clear()
        collecting = asyncio.create_task(stall.collector().collect())
        await until(lambda: len(stall.facilitator.settled) > FAULTS_MAX)
        await turns()
        assert len(stall.facilitator.settled) == FAULTS_MAX + 1, "one call tries it"
        stall.facilitator.gate.set()
        await collecting
        await stall.collector().collect()
        assert set((await states(stall)).values()) == {State.DELIVERED}
        assert len(stall.facilitator.settled) == FAULTS_MAX + len(calls)


async def test_a_person_is_told_before_it_is_too_late(tmp_path: Path) -> None:
    """Once, while nobody settles what is soon not good any more."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1")
        stall.facilitator.settles = [NothingSent("refused")] * 9
        collector = stall.collector()
        await collector.collect()
        assert stall.observer.attention == []

        stall.clock.pass_s(125)
        for _ in range(2):
            await collector.collect()
        assert stall.observer.attention == ["collecting_late"]

        stall.clock.pass_s(60)
        await collector.collect()
        assert len(stall.facilitator.settled) == 3, "what is not good any more is left to evidence"
        assert await stall.state() is State.OWED


async def test_nothing_is_asked_before_it_is_named(tmp_path: Path) -> None:
    """A disk that takes no names ends the round, with all still owed; the next one collects."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1")
        stall.storage.faults["naming_unit"] = [StorageUnavailable("the disk is full")]
        collector = stall.collector()
        assert await collector.round()
        assert (commits_of(stall), stall.observer.attention) == (
            ["naming_unit refused"],
            ["collecting_delayed"],
        )

        assert await collector.round()
        assert await stall.state() is State.DELIVERED


async def test_what_was_answered_is_committed_in_the_end(tmp_path: Path) -> None:
    """A disk that is full for a while delays the books, and asks nobody twice."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1", "call_2")
        stall.storage.faults["answers_unit"] = [StorageUnavailable("the disk is full")] * 2
        await stall.collector().collect()

        assert stall.count("settle", "answers_unit") == {"settle": 2, "answers_unit": 1}
        assert set((await states(stall)).values()) == {State.DELIVERED}
        assert stall.observer.attention == ["commit_delayed"] * 2


async def test_a_storage_that_is_gone_ends_the_task(tmp_path: Path) -> None:
    """The process must end; the next one finds what was asked for, and leaves it to evidence."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1")
        stall.storage.faults["answers_unit"] = [StorageGone("I/O error")]
        await stall.collector().run()
        assert await stall.state() is State.COLLECTING

        assert await stall.recovery("run_2").put_to_rest() == 1
        assert await stall.state() is State.DOUBTFUL
        assert stall.books.call()["settlement"] == "unknown"


async def test_what_one_answer_trips_over_costs_no_other_payment(tmp_path: Path) -> None:
    """A result the books refuse is set aside; those of the same batch are committed one by one."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1", "call_2", "call_3")
        stall.storage.faults["answers_unit"] = [AssertionError("refused"), AssertionError("refused again")]
        await stall.collector().collect()

        assert sorted((await states(stall)).values()) == [State.COLLECTING, State.DELIVERED, State.DELIVERED]
        assert stall.observer.attention == ["collecting_failed"] * 2
        assert await stall.recovery("run_2").put_to_rest() == 1


async def test_a_facilitator_client_that_raises_leaves_a_doubt(tmp_path: Path) -> None:
    """Whatever it was, the request may have left."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1", "call_2")
        stall.facilitator.settles = [ZeroDivisionError("secret")]
        await stall.collector(at_once=1).collect()

        assert await states(stall) == {"call_1": State.DELIVERED, "call_2": State.DOUBTFUL}
        assert stall.observer.attention == ["collecting_failed"]


async def test_one_transaction_pays_one_payment(tmp_path: Path) -> None:
    """Two answers of one batch that name the same transaction: the second is in doubt."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1", "call_2")
        same = SettleReply(True, "0x" + "ab" * 32, NETWORK, PAYER, 50_000)
        stall.facilitator.settles = [same, same]
        await stall.collector(at_once=1).collect()

        assert await states(stall) == {"call_1": State.DOUBTFUL, "call_2": State.DELIVERED}


async def test_what_is_in_doubt_is_asked_for_again(tmp_path: Path) -> None:
    """The same facilitator, now and then, as long as the authorization is good; its clean yes is paid."""
    async with open_stall(tmp_path, endpoint=DEFERRED, others=(OTHER,)) as stall:
        await owing(stall, "call_1")
        stall.facilitator.settles = [AnswerLost("reset"), REFUSED]
        collector = stall.collector()
        await collector.collect()
        await collector.collect()
        assert len(stall.facilitator.settled) == 1, "not at once"

        stall.clock.time_us += ASK_AGAIN_US
        await collector.collect()
        assert await stall.state() is State.DOUBTFUL, "what it refuses now, it may have sent before"
        stall.clock.time_us += ASK_AGAIN_US
        await collector.collect()

        payment = await stall.stored()
        assert (payment.state, payment.proof, payment.facilitator) == (
            State.DELIVERED,
            Proof.WORD,
            FACILITATOR,
        )
        assert stall.others[OTHER].settled == []
        assert len(set(stall.facilitator.settled)) == 1


async def test_a_doubt_that_is_not_answered_keeps_nothing_waiting(tmp_path: Path) -> None:
    """Whoever was asked hangs; what is owed since then is collected by another one meanwhile, in time."""
    async with open_stall(tmp_path, endpoint=DEFERRED, others=(OTHER,)) as stall:
        doubts = [f"call_{number}" for number in range(1, FAULTS_MAX + 1)]
        await owing(stall, *doubts)
        stall.facilitator.settles = [AnswerLost("reset")] * FAULTS_MAX
        collector = stall.collector(at_once=FAULTS_MAX)
        await collector.collect()
        stall.facilitator.gate.clear()
        stall.clock.time_us += ASK_AGAIN_US
        await collector.collect()
        assert len(stall.facilitator.settled) == 2 * FAULTS_MAX
        await stall.books.owed(verified(DEFERRED, call="call_9", nonce=9))
        await collector.collect()
        assert await states(stall) == dict.fromkeys(doubts, State.DOUBTFUL) | {"call_9": State.DELIVERED}

        stall.facilitator.gate.set()
        await collector.finish()
        assert set((await states(stall)).values()) == {State.DELIVERED}


async def test_a_clock_that_was_set_back_keeps_no_doubt_waiting(tmp_path: Path) -> None:
    """How long ago it was asked for cannot be told then, and an hour is more than a payment lives."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1")
        stall.facilitator.settles = [AnswerLost("reset")]
        collector = stall.collector()
        await collector.collect()
        stall.clock.set_back_us = 3_600 * US_PER_S
        await collector.collect()

        assert await stall.state() is State.DELIVERED


async def test_what_is_in_doubt_and_ends_soon_is_asked_for_sooner(tmp_path: Path) -> None:
    """What a process that died had named, and maybe never asked for, is not lost by waiting."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        (payment,) = await owing(stall, "call_1")
        stall.clock.pass_s(payment.valid_before - NOW_S - 20)
        await stall.books.collecting(payment)
        assert await stall.recovery("run_2").put_to_rest() == 1
        assert await stall.state() is State.DOUBTFUL
        collector = stall.collector("run_2")
        await collector.collect()
        assert stall.facilitator.settled == [], "not at once: who was asked may still be at it"

        stall.clock.time_us += ASK_SOON_US
        await collector.collect()
        assert await stall.state() is State.DELIVERED


async def test_what_is_in_doubt_and_not_good_any_more_is_left_to_evidence(tmp_path: Path) -> None:
    """Nobody is asked for what cannot be sent."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1")
        stall.facilitator.settles = [AnswerLost("reset")]
        collector = stall.collector()
        await collector.collect()
        stall.clock.time_us += 200 * US_PER_S
        await collector.collect()

        assert len(stall.facilitator.settled) == 1


async def test_the_next_run_collects_what_is_owed(tmp_path: Path) -> None:
    """A process that died after the delivery loses nothing: the row is the queue."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1")
        assert await stall.recovery("run_2").put_to_rest() == 0
        await stall.collector("run_2").collect()

        payment = await stall.stored()
        assert (payment.state, payment.owner) == (State.DELIVERED, "run_2")


async def test_a_payers_exposure_is_not_kept_waiting(tmp_path: Path) -> None:
    """The task wakes up at once when a payer has much open, and not for one small call."""
    async with open_stall(tmp_path, endpoint=DEFERRED, exposure=nano(4 * P)) as stall:
        await stall.paid_before()
        task = asyncio.create_task(stall.collector().run())
        await until(lambda: "_doubtful" in stall.trace)
        await stall.buy(1)
        await turns()
        assert await stall.state("call_1") is State.OWED

        await stall.buy(2)
        await until(lambda: stall.trace.count("answers_unit") == 1)
        assert {await stall.state(call) for call in ("call_1", "call_2")} == {State.DELIVERED}
        task.cancel()
        await asyncio.wait((task,))


async def test_a_defect_ends_one_round(tmp_path: Path) -> None:
    """The task goes on, and a person is told."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await owing(stall, "call_1")
        stall.storage.faults["_owed"] = [ZeroDivisionError("secret")]
        collector = stall.collector()

        assert await collector.round()
        assert stall.observer.attention == ["collecting_failed"]
        assert await collector.round()
        assert await stall.state() is State.DELIVERED


async def test_what_is_not_on_sale_any_more_stays_owed(tmp_path: Path) -> None:
    """A till that the config lost cannot be asked for, and keeps nothing else waiting."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        elsewhere = an_endpoint(PRICE, replace(USDC, pay_to=bytes([7]) * 20, pay_to_text="0x" + "07" * 20))
        for nonce in (7, 8):
            await stall.books.owed(
                verified(elsewhere, call=f"call_{nonce}", nonce=nonce, valid_before_s=NOW_S + 130)
            )
        await owing(stall, "call_1")
        await stall.collector(batch=1).collect()

        assert await states(stall) == {
            "call_1": State.DELIVERED, "call_7": State.OWED, "call_8": State.OWED,
        }  # fmt: skip
        assert len(stall.facilitator.settled) == 1
