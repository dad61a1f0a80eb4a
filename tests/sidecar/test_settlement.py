"""Settling ends in three ways, and only evidence tells which."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from x402.http.utils import decode_payment_response_header

from sidecar import commits
from sidecar.domain.choosing import FAULTS_MAX, PAUSE_FIRST_US
from sidecar.domain.events import PaymentSettled
from sidecar.domain.payments import State
from sidecar.ports import AnswerLost, NothingSent, StorageUnavailable, TimedOut
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply
from tests.sidecar.builders import PAYER, P, a_transaction
from tests.sidecar.shop import FACILITATOR, NETWORK
from tests.sidecar.stall import (
    ANSWER,
    COMPLETION_NANO,
    CREDIT,
    OPEN,
    RETRY,
    SOLD,
    open_stall,
)

NO_MONEY: Final = SettleReply(False, "", NETWORK, PAYER, None, reasons.INSUFFICIENT_FUNDS)
PAID: Final = SettleReply(True, a_transaction(1), NETWORK, PAYER, 50_000)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that must be made is tried again at once."""
    monkeypatch.setattr(commits, "PAUSES_S", (0.0,))


async def test_the_receipt_is_what_the_official_client_reads(tmp_path: Path) -> None:
    """PAYMENT-RESPONSE names transaction, network, payer and amount."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.buy()

        receipt = decode_payment_response_header((buyer.header(b"payment-response") or b"").decode())
        assert receipt.success
        assert (receipt.transaction, receipt.network, receipt.amount) == (a_transaction(1), NETWORK, "50000")
        assert (receipt.payer or "").lower() == "0x" + PAYER.hex()


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
        assert await stall.state() is State.FAILED
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
        assert await stall.state() is State.UNKNOWN
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
        assert await stall.state() is State.RELEASED
        assert stall.books.balances() == RETRY

        again = await stall.buy()
        assert again.status == 200
        assert await stall.state("call_2") is State.DELIVERED
        model = {"cost:model": COMPLETION_NANO, "provider_payable": 2 * COMPLETION_NANO}
        assert stall.books.balances() == {**SOLD, **RETRY, **model}


async def test_a_full_disk_at_the_result_answers_unknown_and_credits_later(tmp_path: Path) -> None:
    """The body is withheld; the settlement is committed when it can be, and the money is the buyer's."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = ANSWER
        stall.storage.faults["result_unit"] = [StorageUnavailable("the disk is full")] * 3
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unknown")
        assert stall.count("settle", "result_unit") == {"settle": 1, "result_unit": 1}
        assert await stall.state() is State.CREDITED
        assert stall.books.balances() == {**CREDIT, **RETRY}


async def test_a_facilitator_client_that_raises_leaves_an_unknown(tmp_path: Path) -> None:
    """A defect while asking proves nothing about the money."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.settles = [ZeroDivisionError("odd")]
        buyer = await stall.buy()

        assert buyer.status == 503
        assert await stall.state() is State.UNKNOWN
        assert stall.books.balances() == OPEN


async def test_a_fee_nobody_named_is_unknown(tmp_path: Path) -> None:
    """A facilitator without a configured fee: the call is sold, its fee line has no amount."""
    async with open_stall(tmp_path, facilitator="https://other.example") as stall:
        await stall.buy()

        assert ("fee", "facilitator", None, "unknown") in stall.books.lines()
        assert stall.books.balances() == {"reported": P, "revenue": P}
        assert FACILITATOR not in str(stall.books.accounts())


# Several facilitators.

OTHER: Final = "https://other.example"
THIRD: Final = "https://third.example"
REFUSED: Final = NothingSent("connection refused")


async def test_when_nothing_left_another_one_settles(tmp_path: Path) -> None:
    """The other is named on disk before it is asked; the work is done once and the call is sold."""
    async with open_stall(tmp_path, others=[OTHER]) as stall:
        stall.facilitator.settles = [REFUSED]
        buyer = await stall.buy()

        assert buyer.status == 200
        assert stall.trace == [
            "admit_unit", "funds", "upstream", "sending_unit", "settle", "renamed_unit", "settle",
            "result_unit", "start", "body", "close_unit",
        ]  # fmt: skip
        assert stall.facilitator.settled == stall.others[OTHER].settled, "the very same bytes"
        payment = await stall.stored()
        assert (payment.state, payment.facilitator) == (State.DELIVERED, OTHER)
        assert stall.books.balances() == {"reported": P, "revenue": P}, "the first one's fee is not owed"
        assert stall.observer.attention == ["facilitator_passed_over"]
        (settled,) = stall.observer.of(PaymentSettled)
        assert (settled.result, settled.source) == ("settled", OTHER)


@pytest.mark.parametrize(
    "answer",
    [
        TimedOut("no answer within 30 s"),
        AnswerLost("closed before it answered"),
        SettleReply(False, "", NETWORK, PAYER, None, reasons.UNEXPECTED_SETTLE),
        replace(PAID, payer=bytes(20)),
        replace(PAID, network="eip155:1"),
        NO_MONEY,
    ],
    ids=["silent", "broken off", "in trouble", "lies about the payer", "lies about the network", "refused"],
)
async def test_whoever_may_have_heard_is_the_only_one_asked(
    tmp_path: Path, answer: SettleReply | Exception
) -> None:
    """Only evidence decides then; a refusal is final, and a lie is no proof of anything."""
    async with open_stall(tmp_path, others=[OTHER]) as stall:
        stall.facilitator.settles = [answer]
        buyer = await stall.buy()

        code = "settlement_failed" if answer is NO_MONEY else "settlement_unknown"
        assert buyer.document()["code"] == code
        assert (await stall.stored()).facilitator == FACILITATOR
        assert stall.others[OTHER].settled == []
        assert stall.count("renamed_unit") == {"renamed_unit": 0}


async def test_everybody_is_tried_once_and_then_the_money_goes_back(tmp_path: Path) -> None:
    """Nothing left for anybody: released, and the same payment is served the next time."""
    async with open_stall(tmp_path, others=[OTHER, THIRD]) as stall:
        for each in (stall.facilitator, *stall.others.values()):
            each.settles = [REFUSED]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unavailable")
        assert stall.count("settle", "renamed_unit", "result_unit") == {
            "settle": 3,
            "renamed_unit": 2,
            "result_unit": 1,
        }
        payment = await stall.stored()
        assert (payment.state, payment.facilitator) == (State.RELEASED, THIRD)
        assert (await stall.buy()).status == 200


async def test_who_cannot_be_named_is_not_asked(tmp_path: Path) -> None:
    """The disk is full when the other is to be named: nobody was asked, so the money goes back."""
    async with open_stall(tmp_path, others=[OTHER]) as stall:
        stall.facilitator.settles = [REFUSED]
        stall.storage.faults["renamed_unit"] = [StorageUnavailable("the disk is full")]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unavailable")
        assert stall.others[OTHER].settled == []
        payment = await stall.stored()
        assert (payment.state, payment.facilitator) == (State.RELEASED, FACILITATOR)


async def test_the_other_one_may_answer_nothing_either(tmp_path: Path) -> None:
    """What was sent to it is unknown; nobody else is asked, and evidence names the right one."""
    async with open_stall(tmp_path, others=[OTHER, THIRD]) as stall:
        stall.facilitator.settles = [REFUSED]
        stall.others[OTHER].settles = [TimedOut("no answer")]
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unknown")
        payment = await stall.stored()
        assert (payment.state, payment.facilitator) == (State.UNKNOWN, OTHER)
        assert stall.others[THIRD].settled == []


async def test_nobody_left_to_ask_after_the_work_gives_the_money_back(tmp_path: Path) -> None:
    """The facilitator stopped answering others meanwhile: it is not asked, and no unknown is made."""
    async with open_stall(tmp_path) as stall:
        await stall.buy(1)
        stall.upstream.asked.clear()
        stall.upstream.gate.clear()
        buyer, task = stall.ask(headers=[stall.payment(2)])
        await stall.upstream.asked.wait()
        stall.facilitator.verifies = [TimedOut("no answer")] * FAULTS_MAX
        for _ in range(FAULTS_MAX):
            with pytest.raises(TimedOut):
                await stall.facilitators.verify(stall.facilitator.settled[0], ("exact", NETWORK))
        stall.upstream.gate.set()
        await task

        assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unavailable")
        payment = await stall.stored("call_2")
        assert (payment.state, payment.facilitator) == (State.RELEASED, "")
        assert stall.count("sending_unit", "settle") == {"sending_unit": 1, "settle": 1}
        settled = stall.observer.of(PaymentSettled)[-1]
        assert (settled.call, settled.result, settled.reason) == ("call_2", "failed", "nothing_sent")
        assert stall.books.balances() == SOLD

        stall.clock.pass_s(PAUSE_FIRST_US // 1_000_000)
        await stall.facilitators.poll()
        assert (await stall.buy(2)).status == 200


async def test_without_a_facilitator_nothing_is_claimed_and_prices_are_still_told(tmp_path: Path) -> None:
    """Paid calls wait outside, unpaid ones get their 402, and it ends by itself."""
    async with open_stall(tmp_path, listed=False) as stall:
        refused = await stall.buy()
        unpaid = await stall.answer()

        assert (refused.status, refused.document()["code"]) == (503, "facilitator_unavailable")
        assert (refused.document()["retryable"], refused.document()["action"]) == (True, "retry")
        assert refused.header(b"retry-after") == b"2"
        assert refused.header(b"payment-required") is None
        assert unpaid.status == 402
        assert unpaid.header(b"payment-required") is not None
        assert stall.trace == ["admit_unit", "start", "body", "start", "body"]
        assert stall.books.select("SELECT id FROM calls") == []

        await stall.facilitators.poll()
        assert (await stall.buy()).status == 200
