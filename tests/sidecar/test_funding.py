"""Funds are asked for before any work, and cover all that the payer has open."""

from pathlib import Path
from typing import Final

import pytest

from sidecar.domain.call import Flow
from sidecar.domain.choosing import FAULTS_MAX, PAUSE_FIRST_US
from sidecar.domain.payments import State
from sidecar.domain.purses import GOOD_US
from sidecar.ports import AnswerLost, NothingSent, TimedOut
from sidecar.x402 import reasons
from sidecar.x402.documents import VerifyReply
from tests.sidecar.builders import PAYER, an_endpoint
from tests.sidecar.fakes import RICH
from tests.sidecar.shop import NETWORK
from tests.sidecar.stall import (
    NOTHING,
    SOLD,
    open_stall,
)

DEFERRED: Final = an_endpoint(flow=Flow.DEFERRED)


async def test_without_a_chain_the_facilitator_is_asked_for_the_funds(tmp_path: Path) -> None:
    """`/verify` and `/settle` are asked once each, with the same bytes."""
    async with open_stall(tmp_path, chain=False) as stall:
        buyer = await stall.buy()

        assert buyer.status == 200
        assert stall.trace[:4] == ["admit_unit", "verify", "upstream", "sending_unit"]
        assert stall.facilitator.verified == stall.facilitator.settled
        assert stall.books.balances() == SOLD


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
        assert await stall.state() is State.FAILED
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


async def test_one_funded_call_at_a_time_tries_a_facilitator_again(tmp_path: Path) -> None:
    """A call that cannot pay is not the trial; a second one that can is sent away before any work."""
    async with open_stall(tmp_path) as stall:
        await stall.buy(1)
        stall.facilitator.verifies = [TimedOut("no answer")] * FAULTS_MAX
        for _ in range(FAULTS_MAX):
            with pytest.raises(TimedOut):
                await stall.facilitators.verify(stall.facilitator.settled[0], ("exact", NETWORK))
        stall.clock.time_us += max(PAUSE_FIRST_US, GOOD_US)
        await stall.facilitators.poll()
        stall.chain.balance_units = 0
        assert (await stall.buy(2)).document()["reason"] == reasons.INSUFFICIENT_FUNDS

        stall.chain.balance_units = RICH
        stall.upstream.gate.clear()
        (one, first), (two, second) = (stall.ask(headers=[stall.payment(nonce)]) for nonce in (3, 4))
        await second
        assert (two.status, two.document()["code"]) == (503, "facilitator_unavailable")
        assert await stall.state("call_4") is State.RELEASED
        stall.upstream.gate.set()
        await first

        assert one.status == 200
        assert (await stall.buy(4)).status == 200
        assert stall.count("upstream") == {"upstream": 3}


async def test_what_the_chain_said_is_good_for_a_while(tmp_path: Path) -> None:
    """Ten seconds, for deferred calls of one payer and asset; after that it is asked again."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        before = stall.count("funds")["funds"]
        stall.clock.time_us += GOOD_US
        for nonce in (1, 2):
            assert (await stall.buy(nonce)).status == 200
        assert stall.count("funds") == {"funds": before + 1}

        stall.clock.time_us += GOOD_US
        stall.clock.set_back_us = GOOD_US  # by the time of day no time has passed
        assert (await stall.buy(nonce=3)).status == 200
        assert stall.count("funds") == {"funds": before + 2}


async def test_what_was_settled_since_is_not_there_any_more(tmp_path: Path) -> None:
    """A balance for one call pays for one: nothing is open, and yet the chain is asked anew."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        stall.clock.time_us += GOOD_US
        stall.chain.balance_units = 50_000
        assert (await stall.buy(1)).status == 200
        await stall.collector().collect()
        stall.chain.balance_units = 0
        refused = await stall.buy(nonce=2)

        assert (refused.status, refused.document()["reason"]) == (402, reasons.INSUFFICIENT_FUNDS)


async def test_a_call_that_is_settled_now_asks_whether_its_nonce_is_used(tmp_path: Path) -> None:
    """A balance read a moment ago says nothing of it: spent before, it is refused before any work."""
    async with open_stall(tmp_path) as stall:
        assert (await stall.buy(1)).status == 200
        stall.chain.used[(2).to_bytes(32, "big")] = 1
        refused = await stall.buy(nonce=2)

        assert (refused.status, refused.document()["reason"]) == (402, reasons.NONCE_USED)
        assert stall.count("upstream", "settle") == {"upstream": 1, "settle": 1}


async def test_a_deferred_call_tries_no_facilitator(tmp_path: Path) -> None:
    """Who is being tried again is left to what settles: a call that does not ask must not take its place."""
    async with open_stall(tmp_path, endpoint=DEFERRED) as stall:
        await stall.paid_before()
        await stall.buy(1)
        stall.facilitator.settles = [NothingSent("refused")] * FAULTS_MAX
        for _ in range(FAULTS_MAX):
            await stall.collector().collect()
        assert (await stall.buy(nonce=2)).document()["code"] == "facilitator_unavailable"

        stall.clock.time_us += PAUSE_FIRST_US
        await stall.facilitators.poll()
        for nonce in (2, 3):
            assert (await stall.buy(nonce)).status == 200
        await stall.collector().collect()
        await stall.collector().collect()
        assert stall.books.select("SELECT DISTINCT state FROM payments") == [(State.DELIVERED,)]
