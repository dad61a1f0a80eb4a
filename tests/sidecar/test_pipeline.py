"""The paid path: what is committed before what happens, and how every ending is answered and booked."""

import asyncio
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from x402.http.utils import decode_payment_response_header

from ledger.money import nano
from sidecar import commits
from sidecar.domain.events import Answered, CallAdmitted, CallClosed, PaymentSettled
from sidecar.domain.payments import State
from sidecar.http import buyers as buyers_module
from sidecar.ports import AnswerLost, NothingSent, StorageGone, StorageUnavailable, TimedOut
from sidecar.services import FAULT_POINTS
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply, VerifyReply
from tests.sidecar.builders import PAYER, P, a_transaction, an_endpoint
from tests.sidecar.fakes import Buyer, Says, turns, until
from tests.sidecar.shop import FACILITATOR, NETWORK
from tests.sidecar.stall import BOUNDS, COMPLETION, COMPLETION_NANO, FEE_NANO, Stall, open_stall

FEE: Final = {"fee:facilitator": FEE_NANO, "facilitator_payable": FEE_NANO}
SOLD: Final = {"reported": P, "revenue": P, **FEE}
CREDIT: Final = {"reported": P, "buyer": P, **FEE}
OPEN: Final = {"authorized": P, "deposit": P, "held": P}
RETRY: Final = {"cost:retry": COMPLETION_NANO, "provider_payable": COMPLETION_NANO}
NOTHING: Final[dict[str, int]] = {}

JSON: Final = ((b"content-type", b"application/json"),)
ANSWER: Final = Says(headers=JSON, chunks=(COMPLETION[:40], COMPLETION[40:]))
NO_MONEY: Final = SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)
PAID: Final = SettleReply(True, a_transaction(1), NETWORK, PAYER, 50_000)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that must be made is tried again at once."""
    monkeypatch.setattr(commits, "PAUSES_S", (0.0,))


async def state(stall: Stall, call: str = "call_1") -> State:
    return (await stall.stored(call)).state


# One call that goes well.


async def test_nothing_happens_before_the_commit_that_names_it(tmp_path: Path) -> None:
    """Admit, funds, forward, sending, settle, result, then the head and the body, then close."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        buyer = await stall.buy()

        assert stall.trace == [
            "admit_unit", "funds", "upstream", "sending_unit", "settle", "result_unit",
            "start", "body", "close_unit",
        ]  # fmt: skip
        assert stall.points == list(FAULT_POINTS)
        assert (buyer.status, buyer.body, buyer.ended) == (200, COMPLETION, True)
        assert await state(stall) is State.DELIVERED


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


async def test_the_receipt_is_what_the_official_client_reads(tmp_path: Path) -> None:
    """PAYMENT-RESPONSE names transaction, network, payer and amount."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.buy()

        receipt = decode_payment_response_header((buyer.header(b"payment-response") or b"").decode())
        assert receipt.success
        assert (receipt.transaction, receipt.network, receipt.amount) == (a_transaction(1), NETWORK, "50000")
        assert (receipt.payer or "").lower() == "0x" + PAYER.hex()


async def test_without_a_chain_the_facilitator_is_asked_for_the_funds(tmp_path: Path) -> None:
    """`/verify` and `/settle` are asked once each, with the same bytes."""
    async with open_stall(tmp_path, chain=False) as stall:
        buyer = await stall.buy()

        assert buyer.status == 200
        assert stall.trace[:4] == ["admit_unit", "verify", "upstream", "sending_unit"]
        assert stall.facilitator.verified == stall.facilitator.settled
        assert stall.books.balances() == SOLD


async def test_a_price_between_two_units_is_rounded_up_into_its_own_account(tmp_path: Path) -> None:
    """The buyer signs 51 atomic units for 50.5, and the half is rounding, not revenue."""
    async with open_stall(tmp_path, endpoint=an_endpoint(nano(50_500))) as stall:
        await stall.buy()

        assert stall.books.balances() == {"reported": 51_000, "revenue": 50_500, "rounding": 500, **FEE}


# How settling ends.


async def test_a_refused_settlement_withholds_the_answer(tmp_path: Path) -> None:
    """402 with a receipt that says no: the hold is void, the work a loss, and no copy works again."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        stall.facilitator.settles = [NO_MONEY]
        buyer = await stall.buy()

        assert buyer.status == 402
        assert buyer.document()["code"] == "settlement_failed"
        assert buyer.document()["reason"] == reasons.INSUFFICIENT_FUNDS
        receipt = decode_payment_response_header((buyer.header(b"payment-response") or b"").decode())
        assert (receipt.success, receipt.transaction, receipt.error_reason) == (
            False, "", reasons.INSUFFICIENT_FUNDS,
        )  # fmt: skip
        assert buyer.header(b"payment-required") is not None
        assert await state(stall) is State.FAILED
        assert stall.books.balances() == RETRY
        assert stall.upstream.answers[0].given == 2

        again = await stall.buy()
        assert (again.status, again.document()["code"]) == (402, "settlement_failed")
        assert stall.count("upstream", "settle") == {"upstream": 1, "settle": 1}


@pytest.mark.parametrize(
    "answer",
    [
        TimedOut("no answer within 30 s"),
        AnswerLost("status 502"),
        SettleReply(False, "", NETWORK, PAYER, None, reasons.SETTLEMENT_PENDING),
        SettleReply(False, "", NETWORK, PAYER, None, reasons.TRANSACTION_FAILED),
        SettleReply(False, "", NETWORK, PAYER, None, reasons.NONCE_USED),
        SettleReply(False, a_transaction(1), NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS),
        replace(PAID, transaction=""),
        replace(PAID, network="eip155:1"),
        replace(PAID, payer=bytes(20)),
        replace(PAID, amount=49_999),
    ],
)
async def test_what_proves_nothing_is_never_answered_with_a_new_402(
    tmp_path: Path, answer: SettleReply | Exception
) -> None:
    """503, retry with the same payment: the money stays open, and copies neither work nor settle again."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        stall.facilitator.settles = [answer]
        for _ in range(2):
            buyer = await stall.buy()

            assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unknown")
            assert (buyer.document()["retryable"], buyer.document()["call"]) == (True, "call_1")
            assert buyer.header(b"retry-after") == b"2"
            assert buyer.header(b"sidecar-call-id") == b"call_1"
            assert buyer.header(b"payment-required") is None
            assert buyer.header(b"payment-response") is None
        assert await state(stall) is State.UNKNOWN
        assert stall.books.balances() == {**OPEN, **RETRY}
        assert stall.count("upstream", "settle", "close_unit") == {
            "upstream": 1,
            "settle": 1,
            "close_unit": 1,
        }
        (settled,) = stall.observer.of(PaymentSettled)
        assert settled.result == "unknown"


async def test_one_transaction_pays_one_payment(tmp_path: Path) -> None:
    """A facilitator that names one transaction twice has settled once."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.settles = [PAID, PAID]
        first, second = await stall.buy(nonce=1), await stall.buy(nonce=2)

        assert (first.status, second.status) == (200, 503)
        assert stall.books.balances() == {**OPEN, **SOLD}


async def test_a_settlement_that_could_not_be_asked_for_may_be_tried_again(tmp_path: Path) -> None:
    """Nothing left the process: nothing is charged, and the same payment is served the next time."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        stall.facilitator.settles = [NothingSent("connection refused")]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unavailable")
        assert await state(stall) is State.RELEASED
        assert stall.books.balances() == RETRY

        again = await stall.buy()
        assert again.status == 200
        assert await state(stall, "call_2") is State.DELIVERED
        model = {"cost:model": COMPLETION_NANO, "provider_payable": 2 * COMPLETION_NANO}
        assert stall.books.balances() == {**SOLD, **RETRY, **model}


# The funds.


async def test_funds_that_do_not_cover_end_the_call_before_any_work(tmp_path: Path) -> None:
    """All that the payer has open must be covered, not only this payment."""
    async with open_stall(tmp_path) as stall:
        stall.chain.balance_units = 99_999
        stall.facilitator.gate.clear()
        _, task = stall.ask(headers=[stall.payment(1)])
        await stall.facilitator.asked.wait()
        buyer = await stall.buy(nonce=2)

        assert (buyer.status, buyer.document()["reason"]) == (402, reasons.INSUFFICIENT_FUNDS)
        assert stall.count("upstream") == {"upstream": 1}
        stall.facilitator.gate.set()
        await task
        assert stall.books.balances() == SOLD

        stall.chain.balance_units = 50_000
        assert (await stall.buy(nonce=2)).status == 200, "the claim was voided, so it may enter again"


async def test_a_spent_nonce_is_final(tmp_path: Path) -> None:
    """An authorization that is used on chain buys nothing, now or later."""
    async with open_stall(tmp_path) as stall:
        stall.chain.used[(1).to_bytes(32, "big")] = 5
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["reason"]) == (402, reasons.NONCE_USED)
        assert await state(stall) is State.FAILED
        assert (await stall.buy()).status == 402
        assert stall.count("upstream", "settle") == {"upstream": 0, "settle": 0}
        assert stall.books.balances() == NOTHING


@pytest.mark.parametrize("chain", [True, False])
async def test_funds_nobody_could_be_asked_about_leave_the_payment_as_it_was(
    tmp_path: Path, chain: bool
) -> None:
    """503 and the same payment enters again; no work was done for it."""
    async with open_stall(tmp_path, chain=chain) as stall:
        stall.chain.fault = AnswerLost("node is away")
        stall.facilitator.verifies = [TimedOut("no answer")]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "funds_unknown")
        assert buyer.header(b"retry-after") == b"5"
        assert "node" not in str(buyer.document())
        assert stall.count("upstream") == {"upstream": 0}
        assert stall.books.balances() == NOTHING

        stall.chain.fault = None
        assert (await stall.buy()).status == 200


async def test_a_facilitator_that_says_no_is_passed_on_by_its_reason(tmp_path: Path) -> None:
    """402 with the reason; nothing is charged and no work was done."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.verifies = [VerifyReply(False, PAYER, reasons.INSUFFICIENT_FUNDS)]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["reason"]) == (402, reasons.INSUFFICIENT_FUNDS)
        assert stall.count("upstream", "settle") == {"upstream": 0, "settle": 0}
        assert stall.books.balances() == NOTHING


# The agent.


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
            assert await state(stall, f"call_{entry}") is State.RELEASED
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
        assert await state(stall) is State.RELEASED
        assert (await stall.buy()).status == 200


async def test_an_agent_that_breaks_off_after_payment_owes_the_buyer(tmp_path: Path) -> None:
    """The connection is cut, the price is credit, and what it cost is the cost of a retry."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(headers=JSON, chunks=(COMPLETION[:-1], AnswerLost("reset")))
        buyer = await stall.buy()

        assert (buyer.status, buyer.body, buyer.ended) == (200, COMPLETION[:-1], False)
        assert await state(stall) is State.CREDITED
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


# The buyer.


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

        assert await state(stall) is State.DELIVERED
        assert stall.books.balances() == {
            **SOLD, "cost:model": COMPLETION_NANO, "provider_payable": COMPLETION_NANO,
        }  # fmt: skip
        assert stall.upstream.answers[0].given == 2
        assert stall.upstream.answers[0].closed >= 1


async def test_a_buyer_who_leaves_before_its_answer_is_not_lost_money_of_ours(tmp_path: Path) -> None:
    """The call belongs to its own task: a buyer who leaves while the agent works does not stop it."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.gate.clear()
        buyer, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        buyer.leave()
        task.cancel()
        await asyncio.wait((task,))
        stall.upstream.gate.set()
        await stall.buyers.idle()

        assert await state(stall) is State.DELIVERED
        assert stall.books.balances() == SOLD


@pytest.mark.parametrize("taken", [b"", b"done"], ids=["the body", "the end"])
async def test_a_buyer_who_does_not_read_is_charged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bytes
) -> None:
    """A piece, or the end, that is not taken in time: the buyer stopped, the agent did not."""
    monkeypatch.setattr(buyers_module, "WRITE_IDLE_S", 0.05)
    async with open_stall(tmp_path) as stall:
        buyer, task = stall.ask(headers=[stall.payment()])
        if taken:
            await buyer.fed.wait()
        buyer.reads.clear()
        await task

        assert (buyer.body, buyer.ended) == (taken, False)
        assert await state(stall) is State.DELIVERED
        assert stall.books.balances() == SOLD


async def test_time_that_ran_out_on_a_slow_buyer_is_the_buyers(tmp_path: Path) -> None:
    """The whole stream is bounded; when it ends while the buyer is waited for, there is no credit."""
    async with open_stall(tmp_path, bounds=replace(BOUNDS, stream_total_s=0)) as stall:
        buyer, task = stall.ask(headers=[stall.payment()])
        buyer.reads.clear()
        await task

        assert not buyer.ended
        assert await state(stall) is State.DELIVERED


async def test_time_that_ran_out_on_a_slow_agent_is_the_agents(tmp_path: Path) -> None:
    """The whole stream is bounded; when it ends while the agent is waited for, the price is credit."""
    async with open_stall(tmp_path, bounds=replace(BOUNDS, stream_total_s=0)) as stall:
        stall.upstream.otherwise = Says(chunks=(asyncio.Event(),))
        buyer = await stall.buy()

        assert (buyer.status, buyer.ended) == (200, False)
        assert await state(stall) is State.CREDITED
        assert stall.books.balances() == CREDIT


# Streaming.


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


# Trouble with the storage.


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
        assert await state(stall) is State.RELEASED
        assert stall.books.balances() == NOTHING
        assert (await stall.buy()).status == 200


async def test_a_full_disk_at_the_result_answers_unknown_and_credits_later(tmp_path: Path) -> None:
    """The body is withheld; the settlement is committed when it can be, and the money is the buyer's."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        stall.storage.faults["result_unit"] = [StorageUnavailable("the disk is full")] * 3
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unknown")
        assert stall.count("settle", "result_unit") == {"settle": 1, "result_unit": 1}
        assert await state(stall) is State.CREDITED
        assert stall.books.balances() == {**CREDIT, **RETRY}


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
            assert await state(stall) is left
            stall.storage.faults = {}
            assert await stall.recovery("run_2").put_to_rest() == 1


# Defects.


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
        buyer = await stall.buy()

        assert buyer.status == status
        assert b"secret" not in buyer.body
        assert buyer.ended == (point != "started")
        assert await state(stall) is left
        assert stall.books.balances() == money
        assert stall.books.call()["outcome"] in {"failed", "served"}
        assert stall.observer.attention == ["call_abandoned"]


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
        assert await state(stall) is State.CREDITED
        assert stall.books.balances() == CREDIT
        assert stall.room.take(1024), "what was read ahead is given back"


async def test_a_facilitator_client_that_raises_leaves_an_unknown(tmp_path: Path) -> None:
    """A defect while asking proves nothing about the money."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.settles = [ZeroDivisionError("odd")]
        buyer = await stall.buy()

        assert buyer.status == 503
        assert await state(stall) is State.UNKNOWN
        assert stall.books.balances() == OPEN


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
        assert await state(stall) is State.DELIVERED
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
        assert await state(stall, "call_2") is State.SENDING
        stall.facilitator.gate.set()
        await other
        assert second.status == 200
        assert stall.books.balances() == SOLD


# Many at once.


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


async def test_a_fee_nobody_named_is_unknown(tmp_path: Path) -> None:
    """A facilitator without a configured fee: the call is sold, its fee line has no amount."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.name = "https://other.example"
        await stall.buy()

        assert ("fee", "facilitator", None, "unknown") in stall.books.lines()
        assert stall.books.balances() == {"reported": P, "revenue": P}
        assert FACILITATOR not in str(stall.books.accounts())
