"""The paid path: what is committed before what happens, and how every ending is answered and booked."""

import asyncio
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from ledger.money import nano
from sidecar import commits
from sidecar.domain.events import Answered, CallAdmitted, CallClosed
from sidecar.domain.payments import State
from sidecar.ports import AnswerLost, NothingSent, StorageGone, StorageUnavailable, TimedOut
from sidecar.services import FAULT_POINTS
from tests.sidecar.builders import P, an_endpoint
from tests.sidecar.fakes import Says, until
from tests.sidecar.stall import (
    ANSWER,
    COMPLETION,
    COMPLETION_NANO,
    CREDIT,
    FEE,
    JSON,
    LONG,
    NOTHING,
    OPEN,
    RETRY,
    SOLD,
    open_stall,
)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that must be made is tried again at once."""
    monkeypatch.setattr(commits, "PAUSES_S", (0.0,))


COLLECTING_POINTS: Final = {"owed", "collecting", "answered", "collected"}
"""Reached only where calls are paid after they are delivered."""


async def test_nothing_happens_before_the_commit_that_names_it(tmp_path: Path) -> None:
    """Admit, funds, forward, sending, settle, result, then the head and the body, then close."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        buyer = await stall.buy()

        assert stall.trace == [
            "admit_unit", "funds", "upstream", "sending_unit", "settle", "result_unit",
            "start", "body", "close_unit",
        ]  # fmt: skip
        assert stall.points == [point for point in FAULT_POINTS if point not in COLLECTING_POINTS]
        assert (buyer.status, buyer.body, buyer.ended) == (200, COMPLETION, True)
        assert await stall.state() is State.DELIVERED


async def test_a_served_call_is_booked_to_the_last_unit(tmp_path: Path) -> None:
    """Price, settlement fee, platform share, metered and declared costs: each in its account."""
    async with open_stall(tmp_path, platform=Fraction(1, 100)) as stall:
        declared = (b"sidecar-cost", b'0.0036;kind=tool;name="web_search"')
        stall.upstream.otherwise = replace(ANSWER, headers=(*JSON, declared))
        await stall.buy()

        assert stall.books.balances() == {
            **SOLD,
            "fee:platform": 500_000,
            "platform_payable": 500_000,
            "cost:model": COMPLETION_NANO,
            "provider_payable": COMPLETION_NANO,
            "cost:tool": 3_600_000,
            "tool_payable": 3_600_000,
        }
        call = stall.books.call()
        assert (call["outcome"], call["status"], call["captured_nano"], call["settlement"]) == (
            "served", 200, P, "settled",
        )  # fmt: skip
        assert stall.observer.attention == []
        (closed,) = stall.observer.of(CallClosed)
        assert (closed.captured_nano, closed.credited_nano, closed.unknown_costs) == (P, 0, 0)
        assert dict(closed.cost_nano) == {"model": COMPLETION_NANO, "tool": 3_600_000}
        (admitted,) = stall.observer.of(CallAdmitted)
        assert (admitted.call, admitted.price_nano) == ("call_1", P)
        (answered,) = stall.observer.of(Answered)
        assert (answered.outcome, answered.status, answered.call) == ("served", 200, "call_1")


async def test_a_price_between_two_units_is_rounded_up_into_its_own_account(tmp_path: Path) -> None:
    """The buyer signs 51 atomic units for 50.5, and the half is rounding, not revenue."""
    async with open_stall(tmp_path, endpoint=an_endpoint(nano(50_500))) as stall:
        await stall.buy()

        assert stall.books.balances() == {"reported": 51_000, "revenue": 50_500, "rounding": 500, **FEE}


@pytest.mark.parametrize("status", [301, 404, 422, 500, 503])
async def test_an_agent_that_says_no_is_passed_on_and_costs_the_buyer_nothing(
    tmp_path: Path, status: int
) -> None:
    """Its status, fields and body; no receipt; the same payment may enter again three times."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(status, JSON, (COMPLETION,))
        for entry in range(1, 5):
            buyer = await stall.buy()

            assert (buyer.status, buyer.body, buyer.ended) == (status, COMPLETION, True)
            assert buyer.header(b"payment-response") is None
            assert buyer.header(b"sidecar-call-id") == b"call_%d" % entry
            assert await stall.state(f"call_{entry}") is State.RELEASED
        last = await stall.buy()

        assert (last.status, last.document()["code"]) == (409, "payment_reused")
        assert stall.count("upstream", "settle") == {"upstream": 4, "settle": 0}
        assert stall.books.balances() == {name: 4 * units for name, units in RETRY.items()}


@pytest.mark.parametrize(
    ("fault", "status", "code", "lines"),
    [
        (NothingSent("refused"), 502, "upstream_unreachable", []),
        (AnswerLost("reset"), 502, "upstream_unreachable", [("retry", "unmetered", None, "unknown")]),
        (TimedOut("late"), 504, "upstream_timeout", [("retry", "unmetered", None, "unknown")]),
    ],
)
async def test_an_agent_that_does_not_answer_is_not_charged(
    tmp_path: Path, fault: Exception, status: int, code: str, lines: list[Any]
) -> None:
    """The buyer may try again with the same payment; what was asked for and lost has an unknown cost."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [fault]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (status, code)
        assert buyer.header(b"retry-after") == b"2"
        assert stall.books.lines() == lines
        assert stall.books.balances() == NOTHING
        assert await stall.state() is State.RELEASED
        assert (await stall.buy()).status == 200


async def test_a_buyer_who_leaves_before_its_answer_is_not_lost_money_of_ours(tmp_path: Path) -> None:
    """The call belongs to its own task: a buyer who leaves while the agent works does not stop it."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.gate.clear()
        buyer, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        buyer.leave()
        stall.upstream.gate.set()
        await task

        assert await stall.state() is State.DELIVERED
        assert stall.books.balances() == SOLD


async def test_a_full_disk_at_admission_stops_before_anything_happened(tmp_path: Path) -> None:
    """503, and nobody was asked for anything."""
    async with open_stall(tmp_path) as stall:
        stall.storage.faults["admit_unit"] = [StorageUnavailable("the disk is full")]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "storage_unavailable")
        assert stall.trace == ["admit_unit refused", "start", "body"]
        assert stall.books.select("SELECT 1 FROM payments UNION ALL SELECT 1 FROM calls") == []
        assert (await stall.buy()).status == 200


async def test_a_full_disk_at_sending_asks_nobody_to_settle(tmp_path: Path) -> None:
    """503; the call is closed and its money let go as soon as that can be committed."""
    async with open_stall(tmp_path) as stall:
        stall.storage.faults["sending_unit"] = [StorageUnavailable("the disk is full")]
        stall.storage.faults["abandon_unit"] = [StorageUnavailable("the disk is full")] * 2
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "storage_unavailable")
        assert "disk" not in str(buyer.document())
        assert stall.count("settle", "abandon_unit") == {"settle": 0, "abandon_unit": 1}
        assert stall.observer.attention == ["storage_unavailable", "commit_delayed", "commit_delayed"]
        assert await stall.state() is State.RELEASED
        assert stall.books.balances() == NOTHING
        assert (await stall.buy()).status == 200


async def test_a_full_disk_at_the_close_delays_only_the_books(tmp_path: Path) -> None:
    """The buyer has its answer, and the call is sold as soon as that can be committed."""
    async with open_stall(tmp_path) as stall:
        stall.storage.faults["close_unit"] = [StorageUnavailable("the disk is full")] * 2
        buyer = await stall.buy()

        assert (buyer.status, buyer.ended) == (200, True)
        assert stall.observer.attention == ["commit_delayed", "commit_delayed"]
        assert stall.books.balances() == SOLD


@pytest.mark.parametrize(
    ("unit", "status", "left", "settles"),
    [
        ("admit_unit", 503, None, 0),
        ("sending_unit", 503, State.OPEN, 0),
        ("result_unit", 503, State.SENDING, 1),
        ("close_unit", 200, State.SETTLED, 1),
    ],
)
async def test_a_storage_that_is_gone_leaves_the_rest_to_the_next_run(
    tmp_path: Path, unit: str, status: int, left: State | None, settles: int
) -> None:
    """The buyer has one whole answer; what is open on disk is what recovery will find."""
    async with open_stall(tmp_path) as stall:
        gone = StorageGone("the database cannot be used any more")
        stall.storage.faults = {name: [gone] * 9 for name in (unit, "abandon_unit", "close_unit")}
        buyer = await stall.buy()

        assert (buyer.status, buyer.ended) == (status, True)
        assert stall.count("settle") == {"settle": settles}
        assert (left is None) == (stall.books.select("SELECT 1 FROM payments") == [])
        if left is not None:
            assert await stall.state() is left
            stall.storage.faults = {}
            assert await stall.recovery("run_2").put_to_rest() == 1


@pytest.mark.parametrize(
    ("point", "status", "left", "money"),
    [
        ("admitted", 503, State.RELEASED, NOTHING),
        ("funded", 503, State.RELEASED, NOTHING),
        ("forwarded", 503, State.RELEASED, NOTHING),
        ("sending", 503, State.UNKNOWN, OPEN),
        ("asked", 503, State.UNKNOWN, OPEN),
        ("recorded", 503, State.CREDITED, CREDIT),
        ("started", 200, State.CREDITED, CREDIT),
        ("streamed", 200, State.DELIVERED, SOLD),
        ("closed", 200, State.DELIVERED, SOLD),
    ],
)
async def test_a_defect_leaves_no_money_open(
    tmp_path: Path, point: str, status: int, left: State, money: dict[str, int]
) -> None:
    """Wherever a step raises, the call is closed by what is on disk, and the buyer learns nothing of it."""
    async with open_stall(tmp_path) as stall:
        stall.defects[point] = ZeroDivisionError("secret detail")
        stall.upstream.otherwise = LONG
        buyer = await stall.buy()

        assert buyer.status == status
        assert b"secret" not in buyer.body
        assert buyer.ended == (point != "started")
        assert await stall.state() is left
        assert stall.books.balances() == money
        assert stall.books.call()["outcome"] in {"failed", "served"}
        assert stall.observer.attention == ["call_abandoned"]


class BrokenCards:
    """A catalogue with a defect."""

    def find(self, provider: str | None, model: str, at_us: int) -> None:
        raise ZeroDivisionError


async def test_a_defect_in_metering_costs_nobody_the_sale(tmp_path: Path) -> None:
    """The answer was delivered, so it is paid for; only its cost is unknown."""
    async with open_stall(tmp_path, cards=BrokenCards()) as stall:
        stall.upstream.otherwise = ANSWER
        buyer = await stall.buy()

        assert (buyer.status, buyer.ended) == (200, True)
        assert stall.books.balances() == SOLD
        assert ("external", "unmetered", None, "unknown") in stall.books.lines()
        assert stall.observer.attention == ["metering_failed"]


async def test_a_close_the_books_refuse_does_not_undo_a_sale(tmp_path: Path) -> None:
    """An accounting error after full delivery: the call is sold all the same, at an unknown cost."""
    async with open_stall(tmp_path, platform=Fraction(1, 100)) as stall:
        stall.upstream.otherwise = ANSWER
        stall.storage.faults["close_unit"] = [AssertionError("the book refused it")]
        buyer = await stall.buy()

        assert (buyer.status, buyer.ended) == (200, True)
        assert await stall.state() is State.DELIVERED
        platform = {"fee:platform": 500_000, "platform_payable": 500_000}
        assert stall.books.balances() == {**SOLD, **platform}
        assert ("external", "unmetered", None, "unknown") in stall.books.lines()
        assert stall.observer.attention == ["call_abandoned"]


async def test_a_cost_beyond_belief_is_unknown(tmp_path: Path) -> None:
    """An agent's misprint of nine billion dollars is not summed up: sums of such would overflow the books."""
    async with open_stall(tmp_path) as stall:
        absurd = b'9000000000;kind=tool;name="typo", 1000000;kind=tool;name="dear"'
        stall.upstream.otherwise = Says(headers=((b"sidecar-cost", absurd),))
        await stall.buy(nonce=1)
        await stall.buy(nonce=2)

        lines = stall.books.lines("call_2")
        assert ("tool", "typo", None, "unknown") in lines
        assert ("tool", "dear", 10**15, "reported") in lines
        assert stall.books.balances()["cost:tool"] == 2 * 10**15


async def test_a_failed_call_that_entered_again_is_closed_by_its_own_run(tmp_path: Path) -> None:
    """Released by an answer that then breaks by a defect: the second entry is not touched by it."""
    async with open_stall(tmp_path) as stall:
        hold = asyncio.Event()
        stall.upstream.script = [Says(500, chunks=(b"no", hold, ZeroDivisionError("odd")))]
        first, task = stall.ask(headers=[stall.payment()])
        await first.fed.wait()
        stall.facilitator.gate.clear()
        second, other = stall.ask(headers=[stall.payment()])
        await stall.facilitator.asked.wait()
        hold.set()
        await task

        assert not first.ended
        assert stall.books.call("call_1")["outcome"] == "failed"
        assert await stall.state("call_2") is State.SENDING
        stall.facilitator.gate.set()
        await other
        assert second.status == 200
        assert stall.books.balances() == SOLD


async def test_of_two_hundred_copies_of_a_payment_one_is_served(tmp_path: Path) -> None:
    """One upstream call, one settlement, one sale; every other copy is told to wait or that it is used."""
    async with open_stall(tmp_path) as stall:
        asked = [stall.ask(headers=[stall.payment()]) for _ in range(200)]
        await asyncio.gather(*(task for _, task in asked))
        found = [buyer.status for buyer, _ in asked]

        assert found.count(200) == 1
        assert set(found) <= {200, 503, 409}
        codes = {buyer.document()["code"] for buyer, _ in asked if buyer.status != 200}
        assert codes <= {"call_in_progress", "payment_reused"}
        assert stall.count("upstream", "settle") == {"upstream": 1, "settle": 1}
        assert stall.books.balances() == SOLD


async def test_exposure_bounds_what_one_wallet_has_open(tmp_path: Path) -> None:
    """The third of three payments at once is over the cap, and leaves nothing behind."""
    async with open_stall(tmp_path, exposure=nano(2 * P)) as stall:
        stall.facilitator.gate.clear()
        asked = [stall.ask(headers=[stall.payment(nonce)]) for nonce in (1, 2)]
        await until(lambda: len(stall.facilitator.settled) == 2)
        third = await stall.buy(nonce=3)

        assert (third.status, third.document()["code"]) == (429, "exposure_exceeded")
        assert third.header(b"retry-after") == b"30"
        stall.facilitator.gate.set()
        await asyncio.gather(*(task for _, task in asked))
        assert stall.books.balances() == {name: 2 * units for name, units in SOLD.items()}
        assert (await stall.buy(nonce=3)).status == 200
