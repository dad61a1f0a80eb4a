"""Settling ends in three ways, and only evidence tells which."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from x402.http.utils import decode_payment_response_header

from sidecar import commits
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
