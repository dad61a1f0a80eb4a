"""Recovery: what a crash or an unknown left open is closed by evidence, and by nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from sidecar import recovery as recovery_module
from sidecar.commits import UNIT_MAX
from sidecar.domain.call import Verified
from sidecar.domain.closing import Ending
from sidecar.domain.events import PaymentSeen, PaymentSettled
from sidecar.domain.evidence import GRACE_S
from sidecar.domain.outcomes import Failed, NotSent, Unknown
from sidecar.domain.payments import Proof, State
from sidecar.domain.records import Payment
from sidecar.ports import AnswerLost, StorageGone, StorageUnavailable, TimedOut
from sidecar.recovery import ASK_AGAIN_S
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply
from tests.sidecar.builders import PRICE, USDC, Books, P, a_log, a_transaction, an_endpoint, verified
from tests.sidecar.fakes import honest, turns, until
from tests.sidecar.shop import FACILITATOR, NETWORK
from tests.sidecar.stall import CREDIT, FEE, NOTHING, OPEN, SOLD, Stall, open_stall
from tests.sidecar.x402.signing import NOW_S

DEAD_S: Final = NOW_S + 181
"""One second after the payments of these tests could be used."""
ARRIVED: Final = {"onchain": P, "token": 50_000, "fx": 50_000}


async def admitted(books: Books) -> Payment:
    return await books.admitted()


async def sending(books: Books) -> Payment:
    return await books.sending(await books.admitted())


async def settled(books: Books) -> Payment:
    return await books.settled()


async def unknown(books: Books) -> Payment:
    return await books.unknown()


async def refused(books: Books) -> Payment:
    return await books.asked(Failed(reasons.INSUFFICIENT_FUNDS))


async def not_sent(books: Books) -> Payment:
    return await books.asked(NotSent())


async def passed_on(books: Books, asked: Verified | None = None) -> Payment:
    return await books.release(await books.admitted(asked))


async def delivered(books: Books, asked: Verified | None = None) -> Payment:
    number = 1 if asked is None else int.from_bytes(asked.payment.authorization.nonce, "big")
    payment = await books.settled(asked, number)
    await books.close(payment, Ending.DELIVERED)
    return payment


async def credited(books: Books) -> Payment:
    return await books.credited()


async def spending(books: Books) -> Payment:
    await books.credited(verified(call="call_0", nonce=9), number=9)
    return await books.admitted()


async def spending_again(books: Books) -> Payment:
    await books.credited(verified(call="call_0"))
    return await books.admitted()


async def on_credit(books: Books) -> Payment:
    payment = await spending(books)
    await books.close(payment, Ending.DELIVERED)
    return payment


Start = Callable[[Books], Awaitable[Payment]]


# Calls of an earlier run.


@pytest.mark.parametrize(
    ("crashed", "state", "money"),
    [
        (admitted, State.RELEASED, NOTHING),
        (sending, State.UNKNOWN, OPEN),
        (settled, State.CREDITED, CREDIT),
        (unknown, State.UNKNOWN, OPEN),
        (refused, State.FAILED, NOTHING),
        (not_sent, State.RELEASED, NOTHING),
        (passed_on, State.RELEASED, NOTHING),
        (spending, State.RELEASED, CREDIT),
        (spending_again, State.CREDITED, CREDIT),
    ],
)
async def test_a_crash_is_put_to_rest_by_what_is_on_disk(
    tmp_path: Path, crashed: Start, state: State, money: dict[str, int]
) -> None:
    """Not asked: let go. Asked: unknown. Settled, or on credit: the buyer's credit. Nobody is asked again."""
    async with open_stall(tmp_path) as stall:
        payment = await crashed(stall.books)

        assert await stall.recovery("run_2").put_to_rest() == 1
        assert (await stall.books.payment(payment)).state is state
        assert stall.books.balances() == money
        assert stall.books.call()["outcome"] == "failed"
        assert ("retry", "unmetered", None, "unknown") in stall.books.lines()
        assert stall.count("settle", "verify", "upstream", "funds") == dict.fromkeys(
            ("settle", "verify", "upstream", "funds"), 0
        )


async def many_left(stall: Stall, count: int) -> list[Payment]:
    """Leave so many calls open, of payers who are asked for their money."""
    asked = [verified(call=f"call_{n:03}", nonce=n, body=b"%d" % n) for n in range(1, count + 1)]
    return [await stall.books.sending(await stall.books.admitted(each)) for each in asked]


async def test_many_calls_are_put_to_rest_in_few_commits(tmp_path: Path) -> None:
    """A process that died amid a rush starts again soon."""
    async with open_stall(tmp_path) as stall:
        payments = await many_left(stall, UNIT_MAX + 1)
        assert await stall.recovery("run_2").put_to_rest() == len(payments)

        assert stall.count("_abandon_all") == {"_abandon_all": 2}
        states = {(await stall.books.payment(payment)).state for payment in payments}
        assert states == {State.UNKNOWN}
        assert stall.observer.attention == ["call_recovered"] * len(payments)


async def test_a_call_that_trips_keeps_no_other_from_its_rest(tmp_path: Path) -> None:
    """It is told and left as it is, and the next round tries it again."""
    async with open_stall(tmp_path) as stall:
        payments = await many_left(stall, 3)
        stall.storage.faults["_abandon_all"] = [AssertionError("refused"), AssertionError("refused again")]
        await stall.recovery("run_2").put_to_rest()

        states = [(await stall.books.payment(payment)).state for payment in payments]
        assert states == [State.SENDING, State.UNKNOWN, State.UNKNOWN]
        assert stall.observer.attention.count("recovery_failed") == 2
        assert await stall.recovery("run_2").put_to_rest() == 1


@pytest.mark.parametrize("crashed", [admitted, sending, settled, unknown, spending, spending_again])
async def test_putting_to_rest_again_changes_nothing(tmp_path: Path, crashed: Start) -> None:
    """A recovery that crashed itself may be done again from the start."""
    async with open_stall(tmp_path) as stall:
        await crashed(stall.books)
        await stall.recovery("run_2").put_to_rest()
        before = stall.books.trace()

        assert await stall.recovery("run_3").put_to_rest() == 0
        assert stall.books.trace() == before


@pytest.mark.parametrize("running", [admitted, sending, settled, spending])
async def test_calls_of_this_run_are_left_alone(tmp_path: Path, running: Start) -> None:
    """Only what another run left is an orphan."""
    async with open_stall(tmp_path) as stall:
        await running(stall.books)
        before = stall.books.trace()

        assert await stall.recovery("run_1").put_to_rest() == 0
        assert stall.books.trace() == before


async def test_a_payment_let_go_by_recovery_may_enter_again(tmp_path: Path) -> None:
    """A crash before anybody was asked to settle costs the buyer nothing but a repeat."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.gate.clear()
        _, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        assert await stall.recovery("run_2").put_to_rest() == 1
        stall.upstream.gate.set()
        await task  # the old run's task finds its payment gone, and the call closed

        assert (await stall.buy()).status == 200
        assert stall.books.balances() == SOLD


# What the chain tells.


async def look(stall: Stall, at_s: int = NOW_S, block: int = 10) -> None:
    stall.chain.mine(block, at_s)
    await stall.recovery().look()


async def test_an_unknown_that_arrived_is_the_buyers_credit(tmp_path: Path) -> None:
    """The exact Transfer, final: onchain money, owed to the buyer, and the settlement's fee."""
    async with open_stall(tmp_path) as stall:
        payment = await unknown(stall.books)
        await stall.books.close(payment, Ending.AS_IT_IS)
        stall.chain.transfer(payment.nonce, a_log(payment))
        await look(stall)

        found = await stall.books.payment(payment)
        assert (found.state, found.proof, found.transaction) == (
            State.CREDITED, Proof.CHAIN, a_transaction(1),
        )  # fmt: skip
        assert stall.books.balances() == {**ARRIVED, "buyer": P, **FEE}
        assert stall.books.call()["settlement"] == "settled"
        (told,) = stall.observer.of(PaymentSettled)
        assert (told.result, told.source) == ("settled", "chain")

        before = stall.books.trace()
        await look(stall)
        assert stall.books.trace() == before


@pytest.mark.parametrize(
    ("at_s", "state", "money"), [(DEAD_S - 1, State.UNKNOWN, OPEN), (DEAD_S, State.FAILED, NOTHING)]
)
async def test_an_unknown_is_void_once_it_is_unused_and_dead(
    tmp_path: Path, at_s: int, state: State, money: dict[str, int]
) -> None:
    """Until a final block is past `validBefore` it may still come."""
    async with open_stall(tmp_path) as stall:
        payment = await unknown(stall.books)
        await look(stall, at_s)

        assert (await stall.books.payment(payment)).state is state
        assert stall.books.balances() == money


WRONG: Final[list[dict[str, Any]]] = [
    {"value": 49_999},
    {"value": 50_001},
    {"pay_to": bytes(20)},
    {"payer": bytes(20)},
]


@pytest.mark.parametrize("odd", WRONG)
async def test_a_transfer_that_is_not_exact_does_not_count(tmp_path: Path, odd: dict[str, Any]) -> None:
    """Used, and yet not what was signed: it waits out its grace, then a person must look."""
    async with open_stall(tmp_path) as stall:
        payment = await unknown(stall.books)
        await stall.books.close(payment, Ending.AS_IT_IS)
        stall.chain.transfer(payment.nonce, a_log(payment, **odd))
        await look(stall, DEAD_S - 1 + GRACE_S)
        assert stall.books.balances() == OPEN

        await look(stall, DEAD_S + GRACE_S, 11)
        assert (await stall.books.payment(payment)).state is State.SUSPENDED
        assert stall.books.balances() == {"suspense": P, "deposit": P, "held": P}
        assert stall.observer.attention == ["settlement_undecidable"]


async def test_only_final_blocks_count(tmp_path: Path) -> None:
    """A transfer in a block without its confirmations is not there yet."""
    async with open_stall(tmp_path, confirmations=2) as stall:
        payment = await unknown(stall.books)
        stall.chain.transfer(payment.nonce, a_log(payment, block=9))
        recovery = stall.recovery()
        for block in (8, 9, 10):
            stall.chain.mine(block, NOW_S)
            await recovery.look()
            assert (await stall.books.payment(payment)).state is State.UNKNOWN
        stall.chain.mine(11, NOW_S)
        await recovery.look()

        assert (await stall.books.payment(payment)).state is State.CREDITED


async def test_a_block_that_was_reorganised_away_proves_nothing(tmp_path: Path) -> None:
    """A head that goes back takes the finality of what stood above it with it."""
    async with open_stall(tmp_path, confirmations=1) as stall:
        payment = await unknown(stall.books)
        recovery = stall.recovery()
        for block, at_s in ((10, NOW_S), (11, DEAD_S), (10, NOW_S)):
            stall.chain.mine(block, at_s)
            await recovery.look()

        assert (await stall.books.payment(payment)).state is State.UNKNOWN


async def test_a_transfer_in_a_block_that_replaced_another_is_found(tmp_path: Path) -> None:
    """The newest block at admission is made anew, with the transfer in it: it is the buyer's all the same."""
    async with open_stall(tmp_path, confirmations=2) as stall:
        stall.heads.saw(10, NOW_S)
        stall.facilitator.settles = [TimedOut("no answer")]
        await stall.buy()
        payment = await stall.stored()
        stall.chain.transfer(payment.nonce, a_log(payment, block=10))
        stall.chain.mine(12, NOW_S)
        await stall.recovery().look()

        assert await stall.state() is State.CREDITED


async def test_a_transfer_before_the_call_is_not_its_own(tmp_path: Path) -> None:
    """What happened up to the block known at admission paid for something else."""
    async with open_stall(tmp_path) as stall:
        payment = await unknown(stall.books)
        stall.chain.transfer(payment.nonce, a_log(payment, block=7))
        await look(stall)
        assert (await stall.books.payment(payment)).state is State.UNKNOWN

        stall.chain.transfer(payment.nonce, a_log(payment, block=8))
        await look(stall)
        assert (await stall.books.payment(payment)).state is State.CREDITED


async def test_a_transfer_pays_one_payment(tmp_path: Path) -> None:
    """Two payments, one transaction: as many are paid as it holds Transfers, the rest is told and waits."""
    async with open_stall(tmp_path) as stall:
        asked = [verified(call=f"call_{n}", nonce=n, body=b"%d" % n) for n in (1, 2, 3)]
        payments = [await stall.books.unknown(each) for each in asked]
        for payment in payments:
            stall.chain.transfer(payment.nonce, a_log(payment), a_log(payment, log_index=1))
        await look(stall)

        states = [(await stall.books.payment(payment)).state for payment in payments]
        assert sorted(states) == sorted([State.CREDITED, State.CREDITED, State.UNKNOWN])
        assert stall.observer.attention == ["transfer_taken"]
        assert stall.books.balances()["onchain"] == 2 * P

        await look(stall, DEAD_S + GRACE_S, 11)
        assert stall.books.balances()["suspense"] == P


@pytest.mark.parametrize(("start", "fee"), [(refused, FEE), (not_sent, NOTHING), (passed_on, NOTHING)])
async def test_a_late_transfer_is_credit(tmp_path: Path, start: Start, fee: dict[str, int]) -> None:
    """Not charged, and yet on chain: the buyer has paid, and whoever was asked is owed a fee."""
    async with open_stall(tmp_path) as stall:
        payment = await start(stall.books)
        await stall.books.close(payment, Ending.AS_IT_IS)
        stall.chain.transfer(payment.nonce, a_log(payment))
        await look(stall)

        assert (await stall.books.payment(payment)).state is State.CREDITED
        assert stall.books.balances() == {**ARRIVED, "buyer": P, **fee}


async def test_a_late_transfer_of_what_credit_paid_for_is_more_credit(tmp_path: Path) -> None:
    """An authorization that we never sent is watched like any other, and whoever sent it, it is paid."""
    async with open_stall(tmp_path) as stall:
        payment = await on_credit(stall.books)
        stall.chain.transfer(payment.nonce, a_log(payment, 2))
        await look(stall)

        assert (await stall.books.payment(payment)).state is State.DELIVERED
        assert stall.books.balances() == {**ARRIVED, **SOLD, "buyer": P}
        assert stall.facilitator.settled == []


async def test_what_credit_paid_for_is_watched_until_it_is_dead(tmp_path: Path) -> None:
    """Then it can never come, and what was delivered stays delivered."""
    async with open_stall(tmp_path) as stall:
        payment = await on_credit(stall.books)
        assert (await stall.books.payment(payment)).watched
        await look(stall, DEAD_S)

        found = await stall.books.payment(payment)
        assert (found.state, found.proof, found.watched) == (State.DELIVERED, Proof.NONE, False)


@pytest.mark.parametrize("start", [refused, not_sent, passed_on])
async def test_what_was_not_charged_is_watched_until_it_is_dead(tmp_path: Path, start: Start) -> None:
    """After that nobody asks about it any more."""
    async with open_stall(tmp_path) as stall:
        payment = await start(stall.books)
        await stall.books.close(payment, Ending.AS_IT_IS)
        await look(stall, DEAD_S)
        asked = stall.trace.count("transfers_of")
        await look(stall, DEAD_S, 11)

        assert (asked, stall.trace.count("transfers_of")) == (1, 1)
        assert stall.books.balances() == NOTHING
        assert not (await stall.books.payment(payment)).watched


@pytest.mark.parametrize(("start", "money"), [(delivered, SOLD), (credited, CREDIT)])
async def test_what_was_reported_is_seen_on_chain(
    tmp_path: Path, start: Start, money: dict[str, int]
) -> None:
    """A facilitator's word becomes money that is there; who owns it does not change."""
    async with open_stall(tmp_path) as stall:
        payment = await start(stall.books)
        stall.chain.transfer(payment.nonce, a_log(payment))
        await look(stall)

        assert (await stall.books.payment(payment)).proof is Proof.CHAIN
        expected = {**money, **ARRIVED}
        del expected["reported"]
        assert stall.books.balances() == expected
        assert stall.observer.of(PaymentSeen) == [PaymentSeen("call_1", NETWORK, a_transaction(1))]


@pytest.mark.parametrize(
    ("start", "money", "settlement"), [(delivered, SOLD, "unknown"), (credited, CREDIT, "settled")]
)
async def test_a_word_the_chain_disproves_goes_to_suspense(
    tmp_path: Path, start: Start, money: dict[str, int], settlement: str
) -> None:
    """Reported, dead, and never used: a person must look, and until then nobody knows if the sale is paid."""
    async with open_stall(tmp_path) as stall:
        payment = await start(stall.books)
        await look(stall, DEAD_S)

        assert (await stall.books.payment(payment)).proof is Proof.DISPROVED
        expected = {**money, "suspense": P}
        del expected["reported"]
        assert stall.books.balances() == expected
        assert stall.books.call()["settlement"] == settlement
        assert stall.observer.attention == ["settlement_disproved"]


@pytest.mark.parametrize("start", [unknown, refused, delivered])
async def test_a_chain_that_cannot_be_asked_changes_nothing(tmp_path: Path, start: Start) -> None:
    """However long it is away, also past the payment's death."""
    async with open_stall(tmp_path) as stall:
        payment = await start(stall.books)
        await stall.books.close(payment, Ending.AS_IT_IS)
        stall.chain.transfer(payment.nonce, a_log(payment))
        await stall.recovery("other").put_to_rest()
        before = stall.books.trace()
        stall.chain.fault = TimedOut("the node does not answer")
        for _ in range(stall.heads.MISSED_MAX):
            await look(stall, DEAD_S + GRACE_S)

        assert stall.books.trace() == before
        assert stall.observer.attention[-1] == "chain_unreachable"
        assert stall.heads.away == "the node does not answer"


async def test_a_chain_that_fails_half_way_changes_nothing(tmp_path: Path) -> None:
    """The head is known, the logs are not: no verdict."""
    async with open_stall(tmp_path) as stall:
        payment = await unknown(stall.books)
        await look(stall, DEAD_S - 1)

        async def lost(*_: Any, **__: Any) -> Any:
            raise AnswerLost("odd answer")

        for question in ("transfers_of", "nonces_used"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(stall.chain, question, lost)
                await look(stall, DEAD_S, 11)
            assert (await stall.books.payment(payment)).state is State.UNKNOWN
        assert stall.observer.attention == ["chain_unreachable"] * 2


async def test_a_network_nobody_can_ask_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is reported or watched where there is no chain never ends: it must not fill every round."""
    monkeypatch.setattr(recovery_module, "BATCH", 1)
    elsewhere = an_endpoint(PRICE, replace(USDC, network="eip155:8453", chain_id=8453))
    async with open_stall(tmp_path) as stall:
        for number, end in ((1, delivered), (2, passed_on)):
            asked = verified(elsewhere, call=f"call_{number}", nonce=number)
            await end(stall.books, asked)
        here = [
            await delivered(stall.books, verified(call="call_3", nonce=3)),
            await passed_on(stall.books, verified(call="call_4", nonce=4)),
        ]
        for number, payment in enumerate(here, 3):
            await stall.books.close(payment, Ending.AS_IT_IS)
            stall.chain.transfer(payment.nonce, a_log(payment, number))
        await look(stall)

        assert [(await stall.books.payment(payment)).proof for payment in here] == [Proof.CHAIN] * 2


async def test_what_is_too_much_for_once_follows_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as something comes of it; what waits for its blocks is not asked about again and again."""
    monkeypatch.setattr(recovery_module, "BATCH", 2)
    async with open_stall(tmp_path) as stall:
        calls = [verified(call=f"call_{number}", nonce=number) for number in range(1, 8)]
        payments = [await delivered(stall.books, call) for call in calls]
        for number, payment in enumerate(payments[:5], 1):
            stall.chain.transfer(payment.nonce, a_log(payment, number))
        await look(stall)

        proofs = [(await stall.books.payment(payment)).proof for payment in payments]
        assert proofs == [Proof.CHAIN] * 5 + [Proof.WORD] * 2
        assert stall.count("_open_questions") == {"_open_questions": 3 + 4}


# Without a chain, the same facilitator's clean word.


async def ask_again(stall: Stall, after_s: int = ASK_AGAIN_S) -> None:
    stall.clock.pass_s(after_s)
    await stall.recovery(watch=False).look()


async def test_the_same_facilitator_is_asked_again_and_believed(tmp_path: Path) -> None:
    """A clean yes, later: paid and not delivered, so it is the buyer's credit."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.settles = [TimedOut("no answer")]
        await stall.buy()
        await ask_again(stall)

        assert await stall.state() is State.CREDITED
        assert stall.books.balances() == CREDIT
        assert stall.facilitator.settled[0] == stall.facilitator.settled[1], "the very same question"
        await ask_again(stall)
        assert len(stall.facilitator.settled) == 2


@pytest.mark.parametrize(
    "reply",
    [
        TimedOut("no answer"),
        SettleReply(False, "", NETWORK, None, None, reasons.INSUFFICIENT_FUNDS),
        SettleReply(False, "", NETWORK, None, None, reasons.NONCE_USED),
        SettleReply(True, "", NETWORK, None, 50_000),
        SettleReply(True, a_transaction(1), "eip155:1", None, 50_000),
        SettleReply(True, a_transaction(1), NETWORK, bytes(20), 50_000),
        SettleReply(True, a_transaction(1), NETWORK, None, 1),
    ],
)
async def test_anything_but_a_clean_yes_leaves_it_unknown(
    tmp_path: Path, reply: SettleReply | Exception
) -> None:
    """A no to the second question says nothing about the first."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.settles = [TimedOut("no answer"), reply]
        await stall.buy()
        await ask_again(stall)

        assert len(stall.facilitator.settled) == 2
        assert await stall.state() is State.UNKNOWN
        assert stall.books.balances() == OPEN


async def test_a_facilitator_is_asked_again_now_and_then(tmp_path: Path) -> None:
    """Not sooner than a minute after the last time."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.settles = [TimedOut("no answer")] * 9
        await stall.buy()
        recovery = stall.recovery(watch=False)
        for after_s, asked in ((0, 1), (ASK_AGAIN_S - 1, 1), (1, 2), (1, 2), (ASK_AGAIN_S, 3)):
            stall.clock.pass_s(after_s)
            await recovery.look()
            assert len(stall.facilitator.settled) == asked


async def test_a_clock_that_was_set_back_keeps_nobody_from_asking(tmp_path: Path) -> None:
    """How long ago it was asked cannot be told then, and an hour is more than a payment lives."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.settles = [TimedOut("no answer")] * 9
        await stall.buy()
        recovery = stall.recovery(watch=False)
        for set_back_us, asked in ((0, 1), (1, 2), (1, 2), (3_600_000_000, 3), (3_600_000_000, 3)):
            stall.clock.set_back_us = set_back_us
            await recovery.look()
            assert len(stall.facilitator.settled) == asked


async def test_one_that_does_not_answer_keeps_no_other_waiting(tmp_path: Path) -> None:
    """Each would outlast the time in which the next one can still be asked for."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.settles = [TimedOut("no answer")] * 2
        for nonce in (1, 2):
            await stall.buy(nonce, target=b"/research?%d" % nonce)
        stall.facilitator.gate.clear()
        stall.clock.pass_s(ASK_AGAIN_S)
        recovery = stall.recovery(watch=False)
        await recovery.look()
        assert len(stall.facilitator.settled) == 4, "and a sidecar that starts serves meanwhile"
        stall.facilitator.gate.set()
        await recovery.look()

        assert await stall.state() is State.CREDITED


async def test_a_process_that_was_away_asks_once_before_it_gives_up(tmp_path: Path) -> None:
    """Started again long after, it hears the word of whoever was asked, and needs no person."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.settles = [TimedOut("no answer")]
        await stall.buy()
        await ask_again(stall, 3_600)

        assert await stall.state() is State.CREDITED
        assert stall.books.balances() == CREDIT


async def test_another_facilitator_is_never_asked_instead(tmp_path: Path) -> None:
    """Whoever was not asked before knows nothing, and would settle anew."""
    other = "https://other.example"
    async with open_stall(tmp_path, chain=False, facilitator=other) as stall:
        stall.facilitator.name = other
        payment = await unknown(stall.books)
        await ask_again(stall)

        assert (payment.facilitator, stall.facilitator.settled) == (FACILITATOR, [])
        assert (await stall.books.payment(payment)).state is State.UNKNOWN


async def test_a_word_that_names_anothers_transaction_is_no_evidence(tmp_path: Path) -> None:
    """One transaction, one payment: a facilitator cannot settle two with it, however late."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.settles = [TimedOut("no answer")]
        await stall.buy(nonce=1)
        await stall.buy(nonce=2, target=b"/research?other")
        first = honest(stall.facilitator.settled[0], transaction=a_transaction(2))
        stall.facilitator.settles = [first]
        before = len(stall.observer.of(PaymentSettled))
        await ask_again(stall)

        assert await stall.state() is State.UNKNOWN
        assert len(stall.observer.of(PaymentSettled)) == before


async def test_without_any_evidence_it_goes_to_a_person(tmp_path: Path) -> None:
    """A minute after its death nobody can tell any more."""
    async with open_stall(tmp_path, chain=False) as stall:
        stall.facilitator.settles = [TimedOut("no answer")] * 9
        await stall.buy()
        await ask_again(stall, 180 + ASK_AGAIN_S)
        assert await stall.state() is State.UNKNOWN
        await ask_again(stall, 1)

        assert await stall.state() is State.SUSPENDED
        assert stall.books.balances() == {"suspense": P, "deposit": P, "held": P}
        assert stall.observer.attention[-1] == "settlement_undecidable"
        again = await stall.buy()
        assert (again.status, again.document()["code"]) == (503, "settlement_unknown"), "however old it is"


async def test_where_there_is_a_chain_nobody_is_asked_for_money_again(tmp_path: Path) -> None:
    """Evidence is read, never bought by a second settlement."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.settles = [TimedOut("no answer")]
        await stall.buy()
        stall.clock.pass_s(ASK_AGAIN_S)
        for block in (11, 12):
            await look(stall, NOW_S + ASK_AGAIN_S, block)

        assert len(stall.facilitator.settled) == 1


# The task.


async def test_a_round_that_fails_is_not_the_last(tmp_path: Path) -> None:
    """A full disk or a defect ends one round and is told; the next one does its work."""
    async with open_stall(tmp_path) as stall:
        payment = await unknown(stall.books)
        await stall.books.close(payment, Ending.AS_IT_IS)
        stall.chain.transfer(payment.nonce, a_log(payment))
        stall.storage.faults["_open_questions"] = [StorageUnavailable("the disk is full"), KeyError("odd")]
        task = asyncio.create_task(stall.recovery().run())
        await until(lambda: bool(stall.observer.of(PaymentSeen)))
        task.cancel()
        await asyncio.wait((task,))

        assert stall.observer.attention == ["recovery_delayed", "recovery_failed"]
        assert (await stall.books.payment(payment)).state is State.CREDITED


async def test_a_storage_that_is_gone_ends_the_task(tmp_path: Path) -> None:
    """There is nothing left that this process could do."""
    async with open_stall(tmp_path) as stall:
        stall.storage.faults["_open_questions"] = [StorageGone("finished")]
        task = asyncio.create_task(stall.recovery().run())
        await turns()
        await asyncio.wait_for(task, 30)

        assert stall.observer.attention == []


async def test_evidence_waits_for_a_call_that_runs_again(tmp_path: Path) -> None:
    """A transfer found for a payment that has entered again meanwhile is looked at when that call is over."""
    async with open_stall(tmp_path) as stall:
        stall.facilitator.settles = [AnswerLost("status 502")]
        payment = await passed_on(stall.books)
        await stall.books.close(payment, Ending.AS_IT_IS)
        recovery = stall.recovery()

        async def enter_meanwhile(*_: Any, **__: Any) -> Any:
            await stall.books.admitted(verified(call="call_2"))
            return {(payment.payer, payment.nonce): (a_log(payment),)}

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stall.chain, "transfers_of", enter_meanwhile)
            await recovery.look()
        assert (await stall.books.payment(payment)).state is State.OPEN
        again = await stall.books.payment(payment)
        await stall.books.release(again)
        await stall.books.close(again, Ending.AS_IT_IS)
        stall.chain.transfer(payment.nonce, a_log(payment))
        await look(stall)

        assert (await stall.books.payment(payment)).state is State.CREDITED
        assert stall.books.balances() == {**ARRIVED, "buyer": P}


# Delivered before it was paid.


async def owed(books: Books) -> Payment:
    return await books.owed()


async def doubtful(books: Books) -> Payment:
    return await books.collected(Unknown("answer_lost"))


async def in_debt(books: Books) -> Payment:
    return await books.collected(Failed(reasons.INSUFFICIENT_FUNDS))


async def overdue(stall: Stall, start: Start) -> Payment:
    """Begin, and let time pass until the authorization is not good any more by our clock."""
    payment = await start(stall.books)
    stall.clock.pass_s(DEAD_S - NOW_S)
    return payment


@pytest.mark.parametrize(("start", "fee"), [(owed, NOTHING), (doubtful, FEE), (in_debt, FEE)])
async def test_what_was_delivered_is_paid_by_its_transfer(
    tmp_path: Path, start: Start, fee: dict[str, int]
) -> None:
    """Whoever broadcast it, before it was asked for or after it was given up: it is paid, and no credit."""
    async with open_stall(tmp_path) as stall:
        payment = await overdue(stall, start)
        stall.chain.transfer(payment.nonce, a_log(payment))
        await look(stall)

        assert await stall.state() is State.DELIVERED
        assert stall.books.balances() == {**ARRIVED, "revenue": P, **fee}
        assert [each.source for each in stall.observer.of(PaymentSettled)] == ["chain"]


@pytest.mark.parametrize("start", [owed, doubtful])
async def test_what_was_delivered_and_is_dead_is_a_debt(tmp_path: Path, start: Start) -> None:
    """The authorization was never used and cannot be: a person is told, once."""
    async with open_stall(tmp_path) as stall:
        await overdue(stall, start)
        await look(stall, DEAD_S)
        await look(stall, DEAD_S, 11)

        assert await stall.state() is State.DEFAULTED
        assert stall.books.balances() == {"bad_debt": P, "revenue": P}
        assert stall.observer.attention == ["payment_defaulted"]
        assert [each.result for each in stall.observer.of(PaymentSettled)] == ["failed"]


@pytest.mark.parametrize("start", [owed, doubtful])
async def test_what_was_delivered_and_then_taken_back_is_a_debt(tmp_path: Path, start: Start) -> None:
    """The nonce is used and nothing came of it: cancelled by its payer, who owes for the call."""
    async with open_stall(tmp_path) as stall:
        payment = await overdue(stall, start)
        stall.chain.used[payment.nonce] = 9
        await look(stall, DEAD_S)
        assert stall.observer.attention == []

        await look(stall, DEAD_S + GRACE_S, 11)
        assert await stall.state() is State.DEFAULTED
        assert stall.observer.attention == ["settlement_undecidable"]
        assert stall.books.balances() == {"bad_debt": P, "revenue": P}


async def test_what_is_owed_is_not_looked_for_while_it_can_be_asked_for(tmp_path: Path) -> None:
    """The chain is asked only about what nobody will be asked for any more."""
    async with open_stall(tmp_path) as stall:
        payment = await owed(stall.books)
        stall.chain.transfer(payment.nonce, a_log(payment))
        await look(stall)

        assert await stall.state() is State.OWED
        assert stall.count("transfers_of") == {"transfers_of": 0}


@pytest.mark.parametrize(("start", "asked"), [(owed, 0), (doubtful, 1)])
async def test_without_a_chain_what_was_delivered_is_a_debt_in_the_end(
    tmp_path: Path, start: Start, asked: int
) -> None:
    """Only who was asked is asked again; past its time nothing can tell, and a person is told."""
    async with open_stall(tmp_path, chain=False) as stall:
        payment = await start(stall.books)
        stall.facilitator.settles = [AnswerLost("reset")]
        stall.clock.pass_s(payment.valid_before - NOW_S + 1)
        recovery = stall.recovery(watch=False)
        await recovery.look()
        assert (await stall.state(), len(stall.facilitator.settled)) == (payment.state, asked)

        stall.clock.pass_s(ASK_AGAIN_S)
        await recovery.look()
        assert await stall.state() is State.DEFAULTED
        assert stall.observer.attention[-1] == "settlement_undecidable"


async def test_without_a_chain_a_clean_word_pays_for_what_was_delivered(tmp_path: Path) -> None:
    """The same facilitator says that it settled: paid, and no credit comes of it."""
    async with open_stall(tmp_path, chain=False) as stall:
        await doubtful(stall.books)
        stall.clock.pass_s(ASK_AGAIN_S)
        await stall.recovery(watch=False).look()

        assert await stall.state() is State.DELIVERED
        assert stall.books.balances() == SOLD


async def test_a_debt_is_watched_until_it_is_dead(tmp_path: Path) -> None:
    """Then nothing can pay it but its payer's credit."""
    async with open_stall(tmp_path) as stall:
        await in_debt(stall.books)
        await look(stall, DEAD_S)
        found = await stall.stored()

        assert (found.state, found.watched) == (State.DEFAULTED, False)
        assert stall.books.balances() == {"bad_debt": P, "revenue": P}
