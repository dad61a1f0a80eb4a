"""Weighing: a chain is asked once about many payments, and each gets what it would have got alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.commits import UNIT_MAX
from sidecar.domain.call import Endpoint, Verified
from sidecar.domain.closing import Ending
from sidecar.domain.events import PaymentSeen, PaymentSettled
from sidecar.domain.evidence import GRACE_S
from sidecar.domain.outcomes import Failed, Unknown
from sidecar.domain.payments import Proof
from sidecar.domain.records import Payment
from sidecar.ports import AnswerLost, NothingSent, StorageUnavailable, TimedOut
from sidecar.weighing import ASKED_MAX, SILENT_MAX, Watched, Weighing
from sidecar.x402 import reasons
from tests.sidecar.builders import PRICE, USDC, Books, a_log, an_endpoint, verified
from tests.sidecar.shop import NETWORK
from tests.sidecar.stall import Stall, open_stall
from tests.sidecar.x402.signing import NOW_S

DEAD_S: Final = NOW_S + 181
"""One second after the payments of these tests could be used."""
OTHER_ASSET: Final = an_endpoint(PRICE, replace(USDC, asset=bytes([9]) * 20, asset_text="0x" + "09" * 20))


def weighing_of(stall: Stall, block: int = 10, at_s: int = NOW_S) -> Weighing:
    stall.heads.saw(block, at_s)
    return Weighing(stall.services, {NETWORK: Watched(stall.chain, stall.heads)})


def a_call(number: int, endpoint: Endpoint | None = None) -> Verified:
    return verified(endpoint, call=f"call_{number}", nonce=number, body=b"%d" % number)


async def delivered(books: Books, number: int, endpoint: Endpoint | None = None) -> Payment:
    """Sell a call that a facilitator says is paid."""
    payment = await books.settled(a_call(number, endpoint), number)
    await books.close(payment, Ending.DELIVERED)
    return await books.payment(payment)


async def mined(stall: Stall, count: int) -> list[Payment]:
    """Sell so many calls, and let all their transfers be on chain."""
    payments = [await delivered(stall.books, number) for number in range(1, count + 1)]
    for number, payment in enumerate(payments, 1):
        stall.chain.transfer(payment.nonce, a_log(payment, number))
    return payments


async def proofs(stall: Stall, payments: Sequence[Payment]) -> list[Proof]:
    return [(await stall.books.payment(payment)).proof for payment in payments]


async def test_many_payments_are_few_questions_and_few_commits(tmp_path: Path) -> None:
    """They are asked about together; no question grows with the load, and no call waits long for a commit."""
    async with open_stall(tmp_path) as stall:
        payments = await mined(stall, ASKED_MAX + 1)
        assert await weighing_of(stall).weigh(payments) == len(payments)

        units = -(-ASKED_MAX // UNIT_MAX) + 1
        assert stall.count("transfers_of", "nonces_used", "proven_unit") == {
            "transfers_of": 2, "nonces_used": 0, "proven_unit": units,
        }  # fmt: skip
        assert set(await proofs(stall, payments)) == {Proof.CHAIN}
        assert len(stall.observer.of(PaymentSeen)) == len(payments)


async def test_each_token_is_asked_about_its_own(tmp_path: Path) -> None:
    """An authorization is known to the token it was signed for, and to no other."""
    async with open_stall(tmp_path) as stall:
        payments = await mined(stall, 2)
        payments.append(await delivered(stall.books, 3, OTHER_ASSET))
        stall.chain.transfer(payments[-1].nonce, a_log(payments[-1], 3))
        await weighing_of(stall).weigh(payments)

        assert stall.count("transfers_of") == {"transfers_of": 2}
        assert await proofs(stall, payments) == [Proof.CHAIN] * 3


@pytest.mark.parametrize("trip", [AnswerLost("odd"), TimedOut("no answer"), NothingSent("no connection")])
@pytest.mark.parametrize("odd", [0, 3, 6])
async def test_what_a_node_trips_over_costs_no_other(tmp_path: Path, odd: int, trip: Exception) -> None:
    """One receipt that cannot be read, or takes too long, is told, and all the others are seen."""
    async with open_stall(tmp_path) as stall:
        payments = await mined(stall, 7)
        stall.chain.trips_over, stall.chain.trip = {(payments[odd].payer, payments[odd].nonce)}, trip
        weighing = weighing_of(stall)
        assert await weighing.weigh(payments) == 6

        expected = [Proof.WORD if number == odd else Proof.CHAIN for number in range(7)]
        assert await proofs(stall, payments) == expected
        assert stall.observer.attention == ["chain_unreachable"]
        stall.chain.trips_over = set()
        assert await weighing.weigh([payments[odd]]) == 1, "it is asked about again in the same block"


async def test_a_node_that_answers_nothing_is_left_alone(tmp_path: Path) -> None:
    """Nobody waits for each payment in turn, and the next round finds everything as it was."""
    async with open_stall(tmp_path) as stall:
        payments = await mined(stall, 2 * SILENT_MAX)
        weighing = weighing_of(stall)
        stall.chain.fault = TimedOut("no answer")
        assert await weighing.weigh(payments) == 0
        assert stall.count("transfers_of") == {"transfers_of": SILENT_MAX}
        assert len(stall.observer.attention) < SILENT_MAX

        stall.chain.fault = None
        assert await weighing.weigh(payments) == len(payments)


def test_the_one_of_a_hundred_is_found_before_the_node_is_given_up() -> None:
    """Halving down to one payment takes fewer silent questions than are borne."""
    assert 2 * ASKED_MAX.bit_length() < SILENT_MAX


async def test_what_the_books_trip_over_costs_no_other(tmp_path: Path) -> None:
    """Evidence that one payment's books refuse is set aside, and told."""
    async with open_stall(tmp_path) as stall:
        payments = await mined(stall, 3)
        stall.storage.faults["proven_unit"] = [AssertionError("refused"), AssertionError("refused again")]
        assert await weighing_of(stall).weigh(payments) == 2

        assert sorted(await proofs(stall, payments)) == [Proof.CHAIN, Proof.CHAIN, Proof.WORD]
        assert stall.observer.attention == ["recovery_failed"] * 2


async def test_a_storage_that_takes_nothing_ends_the_round(tmp_path: Path) -> None:
    """It is asked for once, and the next round finds everything as it was."""
    async with open_stall(tmp_path) as stall:
        payments = await mined(stall, 3)
        stall.storage.faults["proven_unit"] = [StorageUnavailable("the disk is full")]
        weighing = weighing_of(stall)
        with pytest.raises(StorageUnavailable):
            await weighing.weigh(payments)

        assert await weighing.weigh(payments) == 3


async def test_what_waits_is_asked_about_once_a_block(tmp_path: Path) -> None:
    """A final block says the same thing however often it is asked."""
    async with open_stall(tmp_path) as stall:
        payments = [await delivered(stall.books, number) for number in (1, 2)]
        weighing = weighing_of(stall)
        for block, asked in ((10, 1), (10, 1), (11, 2)):
            stall.heads.saw(block, NOW_S)
            assert await weighing.weigh(payments) == 0
            assert stall.count("transfers_of") == {"transfers_of": asked}


async def test_what_changed_is_asked_about_again(tmp_path: Path) -> None:
    """The same block may prove something else of a payment that has gone on since."""
    async with open_stall(tmp_path) as stall:
        (payment,) = [await delivered(stall.books, 1)]
        weighing = weighing_of(stall)
        await weighing.weigh([payment])
        await weighing.weigh([payment._replace(changed_us=payment.changed_us + 1)])

        assert stall.count("transfers_of") == {"transfers_of": 2}


# Together or alone, it comes to the same.

Start = Callable[[Books, int], Awaitable[Payment]]


async def unknown(books: Books, number: int) -> Payment:
    payment = await books.unknown(a_call(number))
    await books.close(payment, Ending.AS_IT_IS)
    return await books.payment(payment)


async def passed_on(books: Books, number: int) -> Payment:
    payment = await books.release(await books.admitted(a_call(number)))
    await books.close(payment, Ending.AS_IT_IS)
    return await books.payment(payment)


async def owed(books: Books, number: int) -> Payment:
    return await books.owed(a_call(number))


async def doubtful(books: Books, number: int) -> Payment:
    return await books.collected(Unknown("answer_lost"), a_call(number))


async def in_debt(books: Books, number: int) -> Payment:
    refused = Failed(reasons.INSUFFICIENT_FUNDS)
    return await books.collected(refused, a_call(number))


STARTS: Final[list[Start]] = [delivered, unknown, passed_on, owed, doubtful, in_debt]
EVIDENCE: Final = ["nothing", "exact", "another value", "before it", "cancelled", "the same transaction"]
Case = tuple[Start, str]


async def come_to(cases: Sequence[Case], at_s: int, together: int) -> object:
    """Return what the books say when so many payments are weighed at once."""
    with TemporaryDirectory() as folder:
        async with open_stall(Path(folder)) as stall:
            payments = []
            for number, (start, evidence) in enumerate(cases, 1):
                payment = await start(stall.books, number)
                payments.append(payment)
                match evidence:
                    case "exact":
                        stall.chain.transfer(payment.nonce, a_log(payment, number))
                    case "another value":
                        stall.chain.transfer(payment.nonce, a_log(payment, number, value=1))
                    case "before it":
                        stall.chain.transfer(payment.nonce, a_log(payment, number, block=payment.from_block))
                    case "cancelled":
                        stall.chain.used[payment.nonce] = 9
                    case "the same transaction":
                        logs = a_log(payment, 100), a_log(payment, 100, log_index=1)
                        stall.chain.transfer(payment.nonce, *logs)
            weighing = weighing_of(stall, at_s=at_s)
            for first in range(0, len(payments), together):
                await weighing.weigh(payments[first : first + together])
            rows = stall.books.select(
                "SELECT call_id, state, proof, watched, transaction_hash, reason "
                "FROM payments ORDER BY call_id"
            )
            told = sorted(each.call for each in stall.observer.of(PaymentSettled))
            return rows, stall.books.balances(), sorted(stall.observer.attention), told


@settings(max_examples=25, deadline=None)
@given(
    cases=st.lists(st.tuples(st.sampled_from(STARTS), st.sampled_from(EVIDENCE)), min_size=1, max_size=7),
    at_s=st.sampled_from([NOW_S, DEAD_S, DEAD_S + GRACE_S]),
)
async def test_together_comes_to_what_each_comes_to_alone(cases: list[Case], at_s: int) -> None:
    """Whatever is weighed beside a payment changes nothing for it."""
    assert await come_to(cases, at_s, together=1) == await come_to(cases, at_s, together=ASKED_MAX)
