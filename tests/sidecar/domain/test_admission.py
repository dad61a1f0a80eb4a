"""Admission: a payment pays for one call, and a refused one leaves nothing behind."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.money import nano
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain.admission import Bounds, Repeated, admit_unit
from sidecar.domain.call import Admitted, Endpoint, Flow, Verified
from sidecar.domain.closing import Ending
from sidecar.domain.days import DAY_US, DayLimits, PayerDay, rest_s
from sidecar.domain.outcomes import Failed, NotSent, Paid, Unknown
from sidecar.domain.payments import Proof, State
from sidecar.domain.records import Payment
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.resolving import dead_unit, undecidable_unit
from tests.sidecar.builders import (
    AMPLE,
    NOW_US,
    OTHER_WALLET,
    PAYER,
    RUN,
    USDC,
    Books,
    P,
    a_log,
    a_transaction,
    an_endpoint,
    verified,
)
from tests.sidecar.shop import line
from tests.sidecar.x402.signing import NOW_S, OFFER

BUYER = "0x" + PAYER.hex()
AGAIN: dict[str, Any] = {"call": "call_2"}
CREDIT = {"reported": P, "buyer": P, "fee:facilitator": 10**6, "facilitator_payable": 10**6}
NOBODY = Refusal(Code.FACILITATOR_UNAVAILABLE, retry_after_s=2)


async def test_an_admitted_payment_is_claimed_booked_and_held(books: Books) -> None:
    """The claim keeps what was signed, the call is open, and the money is the buyer's deposit, held."""
    asked = verified()
    admitted = await books.admit(asked, from_block=7)

    assert isinstance(admitted, Admitted)
    assert admitted.authorized.open == nano(P)
    assert await books.payment(admitted.payment) == admitted.payment
    assert admitted.payment == Payment(
        claim_key=asked.evidence.claim_key,
        payment_digest=asked.evidence.payment_digest,
        request_digest=asked.context.request_digest,
        call="call_1",
        state=State.OPEN,
        entries=1,
        chain_id=84532,
        network="eip155:84532",
        asset=USDC.asset,
        asset_decimals=6,
        payer=PAYER,
        pay_to=USDC.pay_to,
        amount=50_000,
        valid_after=0,
        valid_before=NOW_S + 180,
        nonce=(1).to_bytes(32, "big"),
        signature=asked.payment.signature,
        endpoint="POST /research",
        price_version=1,
        price_nano=50_000_000,
        amount_nano=50_000_000,
        owner=RUN,
        from_block=7,
        admitted_us=NOW_US,
        changed_us=NOW_US,
        proof=Proof.NONE,
    )
    assert books.balances() == {"authorized": P, "deposit": P, "held": P}


async def test_the_call_is_stored_with_whom_it_is_attributed_to(books: Books) -> None:
    """What reports group by stands on the call from the first commit."""
    endpoint = an_endpoint(agent="a", workflow="w", workspace="s", price_version=4)
    asked = verified(endpoint)
    context = replace(asked.context, run="r", session="e")
    await books.admitted(replace(asked, context=context))

    row = books.call()
    wanted = ("agent", "workflow", "workspace", "run", "session", "price_version", "price_nano", "held_nano")
    assert [row[name] for name in wanted] == ["a", "w", "s", f"{BUYER}/r", f"{BUYER}/e", 4, P, P]
    assert (row["outcome"], row["settlement"], row["buyer"]) == ("", "none", BUYER)


@pytest.mark.parametrize(
    ("price", "held", "surplus"),
    [(1_500, 2_000, 500), (1, 1_000, 999), (2_000, 2_000, 0), (50_000_001, 50_001_000, 999)],
)
async def test_what_rounding_up_adds_has_its_own_account(
    books: Books, price: int, held: int, surplus: int
) -> None:
    """A price finer than the asset's unit is signed rounded up, and only the price is revenue."""
    payment = await books.settled(verified(an_endpoint(nano(price))))

    assert (payment.price_nano, payment.amount_nano, payment.amount) == (price, held, held // 1000)
    assert books.balances() == {"reported": held, "fee:facilitator": 10**6, "deposit": held, "held": held} | {
        "facilitator_payable": 10**6
    }
    await books.close(payment, Ending.DELIVERED)
    after = books.balances()
    assert (after["revenue"], after.get("rounding", 0), after["reported"]) == (price, surplus, held)


def another_payload() -> Verified:
    """The same wallet signs another message with the nonce of the first."""
    return verified(**AGAIN, valid_before_s=NOW_S + 181)


@pytest.mark.parametrize(
    ("again", "refusal"),
    [
        (verified(**AGAIN), Refusal(Code.CALL_IN_PROGRESS, call="call_1", retry_after_s=2)),
        (verified(**AGAIN, body=b"other"), Refusal(Code.PAYMENT_REUSED)),
        (another_payload(), Refusal(Code.PAYMENT_REUSED)),
    ],
)
async def test_a_copy_is_told_about_the_call_it_copies(
    books: Books, again: Verified, refusal: Refusal
) -> None:
    """The same payload for the same request is a repeat; anything else with that nonce is reuse (X1, X3)."""
    payment = await books.admitted()

    assert await books.admit(again) == refusal
    await books.sending(payment)
    assert await books.admit(again) == refusal
    await books.result(payment, Paid(a_transaction()))
    assert await books.admit(again) == refusal
    assert books.select("SELECT id FROM calls") == [("call_1",)]
    assert books.balances()["deposit"] == P


async def test_what_was_delivered_is_answered_again_and_booked_once(books: Books) -> None:
    """The same payload for the same request finds the payment it is; for another request it is reuse."""
    payment = await books.settled()
    await books.close(payment, Ending.DELIVERED)
    before = books.trace()

    assert await books.admit(verified(**AGAIN)) == Repeated(await books.payment(payment))
    assert await books.admit(verified(**AGAIN, body=b"other")) == Refusal(Code.PAYMENT_REUSED)
    assert await books.admit(another_payload()) == Refusal(Code.PAYMENT_REUSED)
    assert books.trace() == before


@pytest.mark.parametrize("nonce", [1, 2])
async def test_credit_pays_for_the_next_call_whatever_payment_comes_with_it(books: Books, nonce: int) -> None:
    """The signature proves the wallet: the price is held out of its credit, and nothing is authorized."""
    earlier = await books.credited()
    admitted = await books.admit(verified(**AGAIN, nonce=nonce), closed=NOBODY)

    assert isinstance(admitted, Admitted)
    payment = admitted.payment
    assert (payment.state, payment.on_credit, payment.call) == (State.SPENDING, True, "call_2")
    assert admitted.authorized.open == nano(0)
    assert books.balances() == {**CREDIT, "held": P}
    if nonce == 1:
        kept = (earlier.proof, earlier.transaction, earlier.facilitator, 2)
        assert (payment.proof, payment.transaction, payment.facilitator, payment.entries) == kept
        assert (admitted.earlier, payment.watched) == ("call_1", earlier.watched)
    else:
        assert (payment.proof, payment.facilitator) == (Proof.NONE, "")
        assert (admitted.earlier, payment.watched) == ("", True)
    assert await books.admit(verified(call="call_3", nonce=nonce)) == Refusal(
        Code.CALL_IN_PROGRESS, call="call_2", retry_after_s=2
    )
    await books.close(payment, Ending.DELIVERED)
    spent = {name: units for name, units in CREDIT.items() if name != "buyer"}
    assert books.balances() == {**spent, "revenue": P}


@pytest.mark.parametrize(("price", "state"), [(P, State.SPENDING), (P + 1, State.OPEN)])
async def test_credit_that_does_not_cover_the_price_is_left_alone(
    books: Books, price: int, state: State
) -> None:
    """A call is paid from credit whole or not at all."""
    await books.credited()
    payment = await books.admitted(verified(an_endpoint(nano(price)), **AGAIN, nonce=2))

    assert (payment.state, payment.on_credit) == (state, state is State.SPENDING)
    assert books.balances()["buyer"] == P


async def test_credit_is_the_wallets_own(books: Books) -> None:
    """Nobody spends what another is owed."""
    await books.credited()
    payment = await books.admitted(verified(**AGAIN, nonce=2, wallet=OTHER_WALLET))

    assert payment.state is State.OPEN


async def test_a_payment_whose_credit_is_spent_pays_for_nothing_more(books: Books) -> None:
    """The money of a payment that was not delivered is spent once, whatever it was spent with."""
    await books.credited()
    await books.close(await books.admitted(verified(**AGAIN, nonce=2)), Ending.DELIVERED)

    again = await books.admit(verified(call="call_3"))
    assert again == Refusal(Code.PAYMENT_REUSED, call="call_1")
    assert books.balances()["revenue"] == P


async def test_of_200_payments_at_once_as_many_spend_as_the_credit_covers(books: Books) -> None:
    """Each sees what the others have held: credit for three calls pays for three."""
    paid = [await books.settled(verified(call=f"call_{n}", nonce=n), n) for n in (1, 2, 3)]
    for payment in paid:
        await books.close(payment, Ending.UNDELIVERED)
    payments = [verified(call=f"call_{n}", nonce=n) for n in range(10, 210)]
    answers = await asyncio.gather(*(books.admit(each) for each in payments))

    states = [answer.payment.state for answer in answers if isinstance(answer, Admitted)]
    assert Counter(states) == {State.SPENDING: 3, State.OPEN: 197}
    assert books.balances()["authorized"] == 197 * P


async def test_a_new_payment_does_not_pay_again_for_what_may_be_paid(books: Books) -> None:
    """While a settlement is unknown its buyer's next payment for the same request is pointed to it (X8)."""
    await books.unknown()
    before = books.trace()

    pointed = await books.admit(verified(**AGAIN, nonce=2))
    assert pointed == Refusal(Code.SETTLEMENT_UNKNOWN, call="call_1", retry_after_s=2)
    assert books.trace() == before
    assert isinstance(await books.admit(verified(**AGAIN, nonce=2, body=b"other")), Admitted)
    assert isinstance(await books.admit(verified(call="call_3", nonce=3, wallet=OTHER_WALLET)), Admitted)


async def test_a_released_payment_waits_for_what_may_be_paid(books: Books) -> None:
    """It is the same for a payment that has entered before."""
    await books.release(await books.admitted())
    await books.unknown(verified(**AGAIN, nonce=2))

    again = await books.admit(verified(call="call_3"))
    assert again == Refusal(Code.SETTLEMENT_UNKNOWN, call="call_2", retry_after_s=2)


async def test_an_unknown_settlement_is_never_answered_with_a_new_demand(books: Books) -> None:
    """Unknown, and what nothing can decide, say so: a buyer who pays again pays twice (X8)."""
    unknown = Refusal(Code.SETTLEMENT_UNKNOWN, call="call_1", retry_after_s=2)
    payment = await books.unknown()
    assert await books.admit(verified(**AGAIN)) == unknown

    await books.run(undecidable_unit, payment.claim_key, NOW_US)
    assert (await books.payment(payment)).state is State.SUSPENDED
    assert await books.admit(verified(**AGAIN)) == unknown


async def test_while_it_is_closed_nothing_begins_and_a_repeat_is_answered_as_ever(books: Books) -> None:
    """What was here before is told how it stands; what is new, or was released, waits without a trace."""
    closed = Refusal(Code.FACILITATOR_UNAVAILABLE, retry_after_s=2)
    assert await books.admit(closed=closed) == closed
    assert books.select("SELECT id FROM calls") == []

    await books.release(await books.admitted())
    assert await books.admit(verified(**AGAIN), closed=closed) == closed
    await books.result(await books.sending(await books.admitted(verified(**AGAIN))), Unknown("answer_lost"))
    unknown = Refusal(Code.SETTLEMENT_UNKNOWN, call="call_2", retry_after_s=2)
    assert await books.admit(verified(call="call_3"), closed=closed) == unknown


async def test_credit_opens_no_door_but_a_facilitators(books: Books) -> None:
    """Its call needs nobody to settle it, and everything else."""
    await books.credited()
    closed = Refusal(Code.OVERLOADED, retry_after_s=2)

    assert await books.admit(verified(**AGAIN, nonce=2), closed=closed) == closed


async def test_a_failed_settlement_is_answered_with_its_reason(books: Books) -> None:
    """What was refused once is refused again in the facilitator's words."""
    await books.asked(Failed("insufficient_funds"))

    refusal = Refusal(Code.SETTLEMENT_FAILED, reason="insufficient_funds", call="call_1")
    assert await books.admit(verified(**AGAIN)) == refusal
    assert books.balances() == {}


async def test_a_payment_refused_for_good_does_not_enter_again(books: Books) -> None:
    """A final refusal before anybody was asked is answered like a failed settlement."""
    await books.release(await books.admitted(), "invalid_exact_evm_nonce_already_used", final=True)

    assert await books.admit(verified(**AGAIN)) == Refusal(
        Code.SETTLEMENT_FAILED, reason="invalid_exact_evm_nonce_already_used", call="call_1"
    )


@pytest.mark.parametrize("reentries", [0, 1, 3])
async def test_a_released_payment_enters_again_a_few_times(books: Books, reentries: int) -> None:
    """Each entry is a call of its own with clean books; past the limit the payment is used up."""
    for number in range(1, reentries + 2):
        payment = await books.admitted(verified(call=f"call_{number}"), reentries=reentries)
        assert (payment.call, payment.entries, payment.reason) == (f"call_{number}", number, "")
        assert books.balances() == {"authorized": P, "deposit": P, "held": P}
        await books.release(payment)
        await books.close(payment, Ending.AS_IT_IS)
        assert books.balances() == {}

    last = await books.admit(verified(call="call_9"), reentries=reentries)
    assert last == Refusal(Code.PAYMENT_REUSED, call=f"call_{reentries + 1}")
    assert books.select("SELECT count(*) FROM calls") == [(reentries + 1,)]


async def test_a_payment_that_was_never_sent_enters_again_with_a_clean_intent(books: Books) -> None:
    """Nothing of the first try stands on the second, but that it is watched and since which block."""
    await books.asked(NotSent())

    payment = await books.admitted(verified(**AGAIN), from_block=50, owner="run_2")
    assert (payment.state, payment.facilitator, payment.transaction) == (State.OPEN, "", "")
    assert (payment.watched, payment.from_block, payment.owner) == (True, 7, "run_2")


@pytest.mark.parametrize("on_credit", [False, True])
async def test_a_payload_that_nobody_saw_is_watched_once_credit_pays_for_it(
    books: Books, on_credit: bool
) -> None:
    """It is claimed and never sent, so only the chain can tell of a transfer by it."""
    await books.release(await books.admitted(from_block=0), watch=False)
    if on_credit:
        await books.credited(verified(**AGAIN, nonce=2))

    payment = await books.admitted(verified(call="call_3"), from_block=50)
    assert (payment.on_credit, payment.watched, payment.from_block) == (on_credit, on_credit, 50)


async def test_a_reentry_is_bound_to_its_request(books: Books) -> None:
    """A payment released by one request does not pay for another."""
    await books.release(await books.admitted())

    assert await books.admit(verified(**AGAIN, body=b"other")) == Refusal(Code.PAYMENT_REUSED)


async def test_beyond_its_exposure_a_payer_is_refused_without_a_trace(books: Books) -> None:
    """A refused admit leaves every row of every table as it was, and what was refused may come again."""
    first = await books.admitted(exposure=nano(P))
    before = books.trace()

    refused = await books.admit(verified(**AGAIN, nonce=2), exposure=nano(2 * P - 1))
    assert refused == Refusal(Code.EXPOSURE_EXCEEDED, policy="exposure.per_payer", retry_after_s=30)
    assert books.trace() == before

    await books.release(first)
    assert isinstance(await books.admit(verified(**AGAIN, nonce=2), exposure=nano(P)), Admitted)


async def test_a_refused_reentry_leaves_the_payment_released(books: Books) -> None:
    """The exposure also bounds what enters again, and the refusal costs no entry."""
    await books.release(await books.admitted())
    before = books.trace()

    assert isinstance(await books.admit(verified(**AGAIN), exposure=nano(P - 1)), Refusal)
    assert books.trace() == before


async def test_what_an_unknown_settlement_authorized_still_counts(books: Books) -> None:
    """Only a final outcome frees exposure: sending does not, and neither does not knowing."""
    payment = await books.unknown()

    other = verified(**AGAIN, nonce=2, body=b"other")
    refused = await books.admit(other, exposure=nano(2 * P - 1))
    assert isinstance(refused, Refusal)
    assert refused.code is Code.EXPOSURE_EXCEEDED
    await books.run(dead_unit, payment.claim_key, NOW_US)
    assert isinstance(await books.admit(other, exposure=nano(P)), Admitted)


async def test_of_200_copies_at_once_one_is_admitted(books: Books) -> None:
    """One payment runs one call, however many copies arrive together (X1)."""
    copies = [verified(call=f"call_{n}") for n in range(200)]
    answers = await asyncio.gather(*(books.admit(copy) for copy in copies))

    (admitted,) = [answer for answer in answers if isinstance(answer, Admitted)]
    refusal = Refusal(Code.CALL_IN_PROGRESS, call=admitted.payment.call, retry_after_s=2)
    assert Counter(map(type, answers)) == {Admitted: 1, Refusal: 199}
    assert [answer for answer in answers if answer != admitted] == [refusal] * 199
    assert books.balances() == {"authorized": P, "deposit": P, "held": P}


async def test_of_50_payments_at_once_as_many_enter_as_the_exposure_admits(books: Books) -> None:
    """Each sees the whole of what the payer has open, also while others enter (X4)."""
    payments = [verified(call=f"call_{n}", nonce=n) for n in range(50)]
    exposure = nano(7 * P + P - 1)
    answers = await asyncio.gather(*(books.admit(each, exposure=exposure) for each in payments))

    admitted = [answer for answer in answers if isinstance(answer, Admitted)]
    assert [answer.authorized.open.units for answer in admitted] == [P * n for n in range(1, 8)]
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {Code.EXPOSURE_EXCEEDED}
    assert books.balances() == {"authorized": 7 * P, "deposit": 7 * P, "held": 7 * P}


async def test_one_nonce_on_two_tokens_is_two_payments(books: Books) -> None:
    """What can be used once is the nonce of a payer on one token of one chain."""
    other = replace(USDC, asset=bytes(19) + b"\1", asset_text="0x" + "00" * 19 + "01")
    await books.admitted()

    assert isinstance(await books.admit(verified(an_endpoint(nano(P), other), **AGAIN)), Admitted)
    assert books.accounts()[f"authorized:eip155%3A84532:{BUYER}"] == 2 * P
    assert OFFER.network == "eip155:84532"


BUDGET_SPENT = Refusal(Code.BUDGET_SPENT, policy="exposure.per_day", retry_after_s=rest_s(NOW_US))
UNCHARGED = Refusal(Code.UNCHARGED_LIMIT, policy="limits.uncharged_cost", retry_after_s=rest_s(NOW_US))


async def test_of_200_payments_at_once_as_many_enter_as_the_day_admits(books: Books) -> None:
    """Each sees what the others have spent of the day, also while they run: exactly seven enter."""
    payments = [verified(call=f"call_{n}", nonce=n) for n in range(200)]
    limits = DayLimits(spend=nano(7 * P + P - 1))
    answers = await asyncio.gather(*(books.admit(each, days=limits) for each in payments))

    assert Counter(map(type, answers)) == {Admitted: 7, Refusal: 193}
    assert [answer for answer in answers if isinstance(answer, Refusal)] == [BUDGET_SPENT] * 193
    assert await books.day() == PayerDay(7 * P, 0)
    assert books.balances() == {"authorized": 7 * P, "deposit": 7 * P, "held": 7 * P}


async def test_a_day_is_spent_by_what_runs_or_was_delivered(books: Books) -> None:
    """What was not charged may be spent again, a repeat is answered, and tomorrow is another day."""
    limits = DayLimits(spend=nano(P))
    payment = await books.admitted(days=limits)
    other = verified(nonce=2, call="call_2")
    before = books.trace()
    assert await books.admit(other, days=limits) == BUDGET_SPENT
    assert books.trace() == before

    await books.release(payment)
    await books.close(payment, Ending.AS_IT_IS)
    settled = await books.sending(await books.admitted(other, days=limits))
    settled = (await books.result(settled, Paid(a_transaction()))).payment
    await books.close(settled, Ending.DELIVERED)
    assert await books.day() == PayerDay(P, 0)

    assert isinstance(await books.admit(other, days=limits), Repeated)
    third = verified(nonce=3, call="call_3")
    assert await books.admit(third, days=limits) == BUDGET_SPENT
    tomorrow = replace(third, context=replace(third.context, at_us=NOW_US + DAY_US))
    assert isinstance(await books.admit(tomorrow, days=limits), Admitted)


async def test_who_cost_too_much_unpaid_is_served_what_is_paid_first(books: Books) -> None:
    """Beyond the day's uncharged cost only upfront calls, calls on credit and other buyers get in."""
    limits = DayLimits(uncharged=nano(100))
    for number, cost in ((1, 100), (2, 1)):
        payment = await books.admitted(verified(nonce=number, call=f"call_{number}"), days=limits)
        await books.release(payment)
        await books.close(payment, Ending.AS_IT_IS, line(units=cost))
    assert await books.day() == PayerDay(0, 101)

    assert await books.admit(verified(nonce=3, call="call_3"), days=limits) == UNCHARGED
    theirs = verified(nonce=3, call="call_4", wallet=OTHER_WALLET)
    assert isinstance(await books.admit(theirs, days=limits), Admitted)
    upfront = verified(an_endpoint(flow=Flow.UPFRONT), nonce=4, call="call_5")
    paid = await books.sending(await books.admitted(upfront, days=limits))
    await books.close((await books.result(paid, Paid(a_transaction()))).payment, Ending.UNDELIVERED)
    on_credit = await books.admit(verified(nonce=5, call="call_6"), days=limits)
    assert isinstance(on_credit, Admitted)
    assert on_credit.payment.on_credit


async def test_an_admission_that_is_undone_leaves_the_day_as_it_was(books: Books) -> None:
    """The day is written in the admitting transaction: what undoes the one undoes the other."""
    assert isinstance(await books.admit(exposure=nano(P - 1)), Refusal)
    assert await books.day() == PayerDay()

    def broken(tx: RecordsSqliteTx) -> None:
        admit_unit(tx, verified(), Bounds(AMPLE, 3, RUN), 7, NOW_US)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await books.storage.run(broken)
    assert await books.day() == PayerDay()


DEFERRED = an_endpoint(flow=Flow.DEFERRED)


async def paid_before(books: Books) -> None:
    """Let the payer have paid for a call, finally."""
    payment = await books.settled(verified(call="call_0", nonce=9), number=9)
    await books.close(payment, Ending.DELIVERED)
    assert await books.arrived(payment, a_log(payment, 9))


async def flow_of(books: Books, asked: Verified, *, watched: bool = True) -> Flow:
    admitted = await books.admit(asked, watched=frozenset({"eip155:84532"} if watched else ()))
    assert isinstance(admitted, Admitted)
    return admitted.flow


async def test_a_payer_that_has_paid_finally_may_owe(books: Books) -> None:
    """Its own payment, seen on chain; another's counts for nothing, and a word is not enough."""
    payment = await books.settled(verified(call="call_0", nonce=9), number=9)
    await books.close(payment, Ending.DELIVERED)
    assert await flow_of(books, verified(DEFERRED, nonce=1, **AGAIN)) is Flow.AUTHORIZATION

    assert await books.arrived(payment, a_log(payment, 9))
    assert await flow_of(books, verified(DEFERRED, nonce=2, call="call_3")) is Flow.DEFERRED
    stranger = verified(DEFERRED, nonce=3, call="call_4", wallet=OTHER_WALLET)
    assert await flow_of(books, stranger) is Flow.AUTHORIZATION


async def test_nobody_may_owe_where_no_chain_can_be_asked(books: Books) -> None:
    """Served as authorization: its funds could not be looked at."""
    await paid_before(books)

    assert await flow_of(books, verified(DEFERRED), watched=False) is Flow.AUTHORIZATION


@pytest.mark.parametrize("endpoint", [DEFERRED, an_endpoint()])
async def test_a_debtor_is_served_upfront_everywhere(books: Books, endpoint: Endpoint) -> None:
    """Until its debt is paid, also where calls are not deferred."""
    await paid_before(books)
    debt = await books.collected(Failed("insufficient_funds"))

    assert await flow_of(books, verified(endpoint, nonce=2, **AGAIN)) is Flow.UPFRONT
    assert await books.arrived(debt, a_log(debt, 1))
    assert await flow_of(books, verified(DEFERRED, nonce=3, call="call_3")) is Flow.DEFERRED


async def test_credit_pays_debts_before_calls(books: Books) -> None:
    """In the transaction that admits; what is left pays for the call, if it covers it."""
    await books.collected(Failed("insufficient_funds"))
    await books.credited(verified(nonce=2, call="call_2"), number=2)
    await books.credited(verified(nonce=3, call="call_3"), number=3)
    admitted = await books.admit(verified(nonce=4, call="call_4"))

    assert isinstance(admitted, Admitted)
    assert (admitted.payment.on_credit, admitted.flow) == (True, Flow.AUTHORIZATION)
    assert await books.admit(verified(call="call_5")) == Repeated(
        await books.payment(verified().evidence.claim_key)
    )
    balances = books.balances()
    assert (balances["buyer"], balances["held"], balances["revenue"]) == (P, P, P)
    assert "bad_debt" not in balances
    await books.close(admitted.payment, Ending.DELIVERED)


async def test_a_refused_admission_pays_no_debt(books: Books) -> None:
    """It leaves nothing behind: over the exposure, the credit is as it was."""
    await books.collected(Failed("insufficient_funds"))
    await books.credited(verified(nonce=2, call="call_2"), number=2)
    before = books.trace()

    refused = await books.admit(verified(nonce=3, call="call_3"), exposure=nano(P - 1))
    assert isinstance(refused, Refusal)
    assert refused.code is Code.EXPOSURE_EXCEEDED
    assert books.trace() == before


@pytest.mark.parametrize("prepare", [Books.owed, lambda books: books.collected(Unknown("answer_lost"))])
async def test_what_was_delivered_unpaid_is_answered_again(
    books: Books, prepare: Callable[[Books], Awaitable[Payment]]
) -> None:
    """The same payload has its answer; a fresh payment for the same request is a call of its own."""
    payment = await prepare(books)

    assert await books.admit(verified(**AGAIN)) == Repeated(payment)
    assert await books.admit(verified(**AGAIN, body=b"other")) == Refusal(Code.PAYMENT_REUSED)
    assert isinstance(await books.admit(verified(nonce=2, **AGAIN)), Admitted)


async def test_a_debts_own_payment_is_told_why_it_failed(books: Books) -> None:
    """It cannot buy anything any more: refused after delivery is refused."""
    await books.collected(Failed("insufficient_funds"))

    assert await books.admit(verified(**AGAIN)) == Refusal(
        Code.SETTLEMENT_FAILED, reason="insufficient_funds", call="call_1"
    )


async def test_what_is_owed_uses_up_the_exposure(books: Books) -> None:
    """Delivered or not: until it is final it counts."""
    await books.owed()
    refused = await books.admit(verified(nonce=2, **AGAIN), exposure=nano(2 * P - 1))
    assert isinstance(refused, Refusal)
    assert refused.code is Code.EXPOSURE_EXCEEDED

    admitted = await books.admit(verified(nonce=2, **AGAIN), exposure=nano(2 * P))
    assert isinstance(admitted, Admitted)
    assert (admitted.authorized.open, admitted.authorized.ever) == (nano(2 * P), nano(2 * P))
