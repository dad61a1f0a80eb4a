"""Resolving: later evidence moves the money of a payment to where it belongs, once."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pricing.cost import CostLine
from sidecar.domain.closing import Ending
from sidecar.domain.fees import Fees, of_settlement
from sidecar.domain.outcomes import Failed, NotSent, Unknown
from sidecar.domain.payments import Proof, State
from sidecar.domain.records import Payment
from sidecar.domain.resolving import (
    arrived_unit,
    confirmed_by_word_unit,
    dead_unit,
    repaid_unit,
    undecidable_unit,
    undecided_unit,
)
from tests.sidecar.builders import NOW_US, Books, P, a_log, a_transaction, verified
from tests.sidecar.shop import FACILITATOR, FEE

Prepare = Callable[[Books], Coroutine[Any, Any, Payment]]

HELD = {"authorized": P, "deposit": P, "held": P}
FEE_OWED = {"fee:facilitator": 10**6, "facilitator_payable": 10**6}
ON_CHAIN = {"onchain": P, "token": 50_000, "fx": 50_000}
UNKNOWN_FEE = of_settlement(Fees({}), FACILITATOR)


async def delivered(books: Books) -> Payment:
    payment = await books.settled()
    await books.close(payment, Ending.DELIVERED)
    return await books.payment(payment)


async def credited(books: Books) -> Payment:
    payment = await books.settled()
    await books.close(payment, Ending.UNDELIVERED)
    return await books.payment(payment)


async def failed(books: Books) -> Payment:
    return await books.asked(Failed("insufficient_funds"))


async def doubtful(books: Books) -> Payment:
    return await books.collected(Unknown("answer_lost"))


async def defaulted(books: Books) -> Payment:
    return await books.collected(Failed("insufficient_funds"))


async def expired(books: Books) -> Payment:
    """Delivered, and dead before anybody was asked."""
    return await dead(books, await books.owed())


async def repaid(books: Books) -> Payment:
    """A debt that a later call's credit has paid."""
    debt = await defaulted(books)
    other = await books.settled(verified(nonce=2, call="call_2"), number=2)
    await books.close(other, Ending.UNDELIVERED)
    await books.run(repaid_unit, debt, NOW_US)
    return await books.payment(debt)


async def not_sent(books: Books) -> Payment:
    return await books.asked(NotSent())


async def released(books: Books) -> Payment:
    return await books.release(await books.admitted())


async def on_credit(books: Books) -> Payment:
    """A call served from credit: its own authorization was never sent."""
    await credited(books)
    payment = await books.admitted(verified(nonce=2, call="call_2"))
    await books.close(payment, Ending.DELIVERED)
    return await books.payment(payment)


async def confirm(books: Books, payment: Payment, number: int = 1, fee: CostLine | None = FEE) -> bool:
    return await books.run(confirmed_by_word_unit, payment.claim_key, a_transaction(number), fee, NOW_US)


async def dead(books: Books, payment: Payment) -> Payment:
    return await books.run(dead_unit, payment.claim_key, NOW_US)


async def undecidable(books: Books, payment: Payment) -> Payment:
    return await books.run(undecidable_unit, payment.claim_key, NOW_US)


@pytest.mark.parametrize(
    ("prepare", "state", "balances"),
    [
        (Books.settled, State.SETTLED, {**ON_CHAIN, "deposit": P, "held": P, **FEE_OWED}),
        (delivered, State.DELIVERED, {**ON_CHAIN, "revenue": P, **FEE_OWED}),
        (credited, State.CREDITED, {**ON_CHAIN, "buyer": P, **FEE_OWED}),
        (Books.unknown, State.CREDITED, {**ON_CHAIN, "buyer": P, **FEE_OWED}),
        (failed, State.CREDITED, {**ON_CHAIN, "buyer": P, **FEE_OWED}),
        (not_sent, State.CREDITED, {**ON_CHAIN, "buyer": P}),
        (released, State.CREDITED, {**ON_CHAIN, "buyer": P}),
        (on_credit, State.DELIVERED, {**ON_CHAIN, "reported": P, "revenue": P, "buyer": P, **FEE_OWED}),
        (Books.owed, State.DELIVERED, {**ON_CHAIN, "revenue": P}),
        (doubtful, State.DELIVERED, {**ON_CHAIN, "revenue": P, **FEE_OWED}),
        (defaulted, State.DELIVERED, {**ON_CHAIN, "revenue": P, **FEE_OWED}),
        (expired, State.DELIVERED, {**ON_CHAIN, "revenue": P}),
        (
            repaid,
            State.DELIVERED,
            {**ON_CHAIN, "reported": P, "revenue": P, "buyer": P, **{k: 2 * v for k, v in FEE_OWED.items()}},
        ),
    ],
)
async def test_a_transfer_that_is_final_moves_the_money_on_chain(
    books: Books, prepare: Prepare, state: State, balances: dict[str, int]
) -> None:
    """Settled by word: seen. Delivered: paid. Unknown, not charged, never sent: credit. Twice is once.

    Whoever was asked to settle is owed its fee.
    """
    payment = await prepare(books)
    assert await books.arrived(payment, a_log(payment, 3, log_index=2))

    seen = await books.payment(payment)
    assert (seen.state, seen.proof, seen.transaction) == (state, Proof.CHAIN, a_transaction(3))
    assert seen.watched is False
    assert books.balances() == balances
    assert books.call(payment.call)["settlement"] == "settled"
    assert books.select("SELECT transaction_hash, log_index, amount FROM receipts") == [
        (a_transaction(3), 2, 50_000)
    ]
    before = books.trace()
    assert await books.arrived(payment, a_log(payment, 3, log_index=2))
    assert books.trace() == before
    await books.close(payment, Ending.DELIVERED if state is State.SETTLED else Ending.AS_IT_IS)


async def test_a_transfer_pays_one_payment(books: Books) -> None:
    """The log that has paid for a first payment is no evidence for a second of the same amount."""
    first = await books.settled()
    second = await books.unknown(verified(nonce=2, call="call_2"))
    assert await books.arrived(first, a_log(first, 1))
    before = books.trace()

    assert not await books.arrived(second, a_log(second, 1))
    assert books.trace() == before
    assert await books.arrived(second, a_log(second, 1, log_index=1))
    assert books.balances()["onchain"] == 2 * P


@pytest.mark.parametrize("sent", [False, True])
async def test_evidence_waits_for_a_payment_that_entered_again(books: Books, sent: bool) -> None:
    """A released payment may enter again while the chain is asked: its call goes first, then it is credit."""
    await released(books)
    again = await books.admitted(verified(call="call_2"))
    if sent:
        again = await books.sending(again)
    before = books.trace()
    assert await books.arrived(again)
    assert books.trace() == before

    if sent:
        await books.result(again, Failed("insufficient_funds"))
    else:
        await books.release(again, "invalid_exact_evm_nonce_already_used", final=True)
    await books.close(again, Ending.AS_IT_IS)
    assert await books.arrived(again)
    assert books.balances() == {**ON_CHAIN, "buyer": P, **(FEE_OWED if sent else {})}
    assert (books.call("call_1")["credited_nano"], books.call("call_2")["credited_nano"]) == (0, P)


async def test_what_was_spent_again_is_seen_on_the_call_it_was_paid_for(books: Books) -> None:
    """The money of an undelivered call, spent by a repeat, is no settlement of the repeat's."""
    await credited(books)
    again = await books.admitted(verified(call="call_2"))
    assert await books.arrived(again)
    assert (await books.payment(again)).proof is Proof.WORD

    await books.close(again, Ending.DELIVERED)
    assert await books.arrived(again, a_log(again, 3))
    assert books.balances() == {**ON_CHAIN, "revenue": P, **FEE_OWED}
    assert [books.call(call)["transaction_hash"] for call in ("call_1", "call_2")] == [a_transaction(), ""]
    assert [books.call(call)["settlement"] for call in ("call_1", "call_2")] == ["settled", "settled"]


async def test_a_late_transfer_of_what_credit_paid_for_is_more_credit(books: Books) -> None:
    """The call keeps what it earned, and the money that came is there for the next one."""
    payment = await on_credit(books)
    assert await books.arrived(payment, a_log(payment, 3))

    row = books.call("call_2")
    assert (row["captured_nano"], row["credited_nano"], row["outcome"]) == (P, P, "served")
    third = await books.admitted(verified(nonce=3, call="call_3"))
    assert third.state is State.SPENDING
    await books.close(third, Ending.DELIVERED)


async def test_credit_stands_on_the_call_it_was_paid_for(books: Books) -> None:
    """Money found for an unknown settlement is credit on its call, whose outcome stays what it was."""
    payment = await books.unknown()
    await books.close(payment, Ending.AS_IT_IS)
    await books.arrived(payment)

    row = books.call()
    assert (row["credited_nano"], row["captured_nano"], row["outcome"]) == (
        P,
        0,
        "refused:settlement_unknown",
    )


@pytest.mark.parametrize(("fee", "line"), [(FEE, 10**6), (UNKNOWN_FEE, None)])
async def test_a_settlement_found_late_owes_its_fee(books: Books, fee: CostLine, line: int | None) -> None:
    """Whoever settled is owed its fee, known or not, when it turns out that it did."""
    payment = await books.unknown()
    await books.run(arrived_unit, payment.claim_key, a_log(payment), fee, NOW_US)

    assert [row[2] for row in books.lines()] == [line]
    assert books.balances().get("facilitator_payable") == line


async def test_a_clean_word_later_is_credit_by_word(books: Books) -> None:
    """Asked again, the facilitator says it settled: the money is reported, and the buyer's credit."""
    payment = await books.unknown()
    assert await confirm(books, payment)

    now = await books.payment(payment)
    assert (now.state, now.proof, now.transaction) == (State.CREDITED, Proof.WORD, a_transaction())
    assert books.balances() == {"reported": P, "buyer": P, **FEE_OWED}
    before = books.trace()
    assert not await confirm(books, payment, 2)
    assert books.trace() == before
    assert await books.arrived(payment)
    assert books.balances() == {**ON_CHAIN, "buyer": P, **FEE_OWED}


async def test_a_word_that_names_anothers_transaction_confirms_nothing(books: Books) -> None:
    """The transaction of one payment does not turn another into credit: it stays unknown (X2)."""
    await books.settled(number=1)
    second = await books.unknown(verified(nonce=2, call="call_2"))
    before = books.trace()

    assert not await confirm(books, second, 1)
    assert books.trace() == before


@pytest.mark.parametrize(
    ("prepare", "state", "proof", "balances"),
    [
        (Books.unknown, State.FAILED, Proof.NONE, {}),
        (failed, State.FAILED, Proof.NONE, {}),
        (released, State.RELEASED, Proof.NONE, {}),
        (on_credit, State.DELIVERED, Proof.NONE, {"reported": P, "revenue": P, **FEE_OWED}),
        (Books.owed, State.DEFAULTED, Proof.NONE, {"bad_debt": P, "revenue": P}),
        (doubtful, State.DEFAULTED, Proof.NONE, {"bad_debt": P, "revenue": P}),
        (defaulted, State.DEFAULTED, Proof.NONE, {"bad_debt": P, "revenue": P}),
        (delivered, State.DELIVERED, Proof.DISPROVED, {"suspense": P, "revenue": P, **FEE_OWED}),
        (credited, State.CREDITED, Proof.DISPROVED, {"suspense": P, "buyer": P, **FEE_OWED}),
        (
            Books.settled,
            State.SETTLED,
            Proof.DISPROVED,
            {"suspense": P, "deposit": P, "held": P, **FEE_OWED},
        ),
    ],
)
async def test_a_dead_authorization_ends_what_waits_for_it(
    books: Books, prepare: Prepare, state: State, proof: Proof, balances: dict[str, int]
) -> None:
    """Unknown: nothing was taken. Delivered: a debt. Reported: a lie, for a person. Else not watched."""
    payment = await prepare(books)
    assert await dead(books, payment) == await books.payment(payment)

    now = await books.payment(payment)
    assert (now.state, now.proof, now.watched) == (state, proof, False)
    assert books.balances() == balances
    before = books.trace()
    await dead(books, payment)
    assert books.trace() == before
    await books.close(payment, Ending.DELIVERED if state is State.SETTLED else Ending.AS_IT_IS)


async def test_what_failed_by_death_says_so(books: Books) -> None:
    """The buyer whose authorization died unused may sign again: the failure has a reason."""
    payment = await dead(books, await books.unknown())

    assert payment.reason == "authorization_expired"
    assert books.call()["settlement"] == "failed"


async def test_what_nothing_can_decide_waits_in_suspense(books: Books) -> None:
    """The money is no longer authorized, the deposit stays, and a second look changes nothing."""
    payment = await undecidable(books, await books.unknown())

    assert (payment.state, payment.watched) == (State.SUSPENDED, False)
    assert books.balances() == {"suspense": P, "deposit": P, "held": P}
    before = books.trace()
    assert await undecidable(books, payment) == payment
    assert books.trace() == before


@pytest.mark.parametrize(
    ("prepare", "balances"),
    [
        (released, {}),
        (failed, {}),
        (delivered, {"suspense": P, "revenue": P, **FEE_OWED}),
    ],
)
async def test_undecidable_is_dead_for_what_is_not_unknown(
    books: Books, prepare: Prepare, balances: dict[str, int]
) -> None:
    """What was not charged is no longer watched; what was reported is for a person."""
    await undecidable(books, await prepare(books))

    assert books.balances() == balances


@pytest.mark.parametrize("prepare", [Books.owed, doubtful])
async def test_undecidable_is_a_debt_for_what_was_delivered(books: Books, prepare: Prepare) -> None:
    """Used by its payer for something else, it will never pay for this; revenue stays."""
    payment = await undecidable(books, await prepare(books))

    assert (payment.state, payment.reason) == (State.DEFAULTED, "settlement_undecidable")
    assert payment.watched is False
    assert books.balances() == {"bad_debt": P, "revenue": P}
    assert books.call()["settlement"] == "failed"


@pytest.mark.parametrize("unit", [dead, undecidable])
async def test_whoever_is_asked_has_the_first_word(
    books: Books, unit: Callable[[Books, Payment], Coroutine[Any, Any, Payment]]
) -> None:
    """Evidence that comes while a delivered call's money is asked for is there again afterwards."""
    payment = await books.collecting(await books.owed())
    before = books.trace()
    await unit(books, payment)
    assert await books.arrived(payment)
    assert books.trace() == before


async def test_a_clean_word_later_pays_for_what_was_delivered(books: Books) -> None:
    """No credit comes of it: the buyer has had its call."""
    payment = await doubtful(books)
    assert await confirm(books, payment)

    now = await books.payment(payment)
    assert (now.state, now.proof, now.transaction) == (State.DELIVERED, Proof.WORD, a_transaction())
    assert books.balances() == {"reported": P, "revenue": P, **FEE_OWED}
    assert (books.call()["settlement"], books.call()["credited_nano"]) == ("settled", 0)
    before = books.trace()
    assert not await confirm(books, payment, 2)
    assert books.trace() == before


@pytest.mark.parametrize("prepare", [Books.owed, defaulted, Books.settled])
async def test_a_word_confirms_only_what_is_not_known(books: Books, prepare: Prepare) -> None:
    """Not asked, refused or settled before: a word that comes then changes nothing."""
    payment = await prepare(books)
    before = books.trace()

    assert not await confirm(books, payment)
    assert books.trace() == before
    await books.close(payment, Ending.DELIVERED if payment.state is State.SETTLED else Ending.AS_IT_IS)


async def test_a_debt_is_paid_once(books: Books) -> None:
    """Credit pays what was signed; the call is settled, in no transaction."""
    payment = await repaid(books)

    assert (payment.state, payment.repaid_nano, payment.proof) == (State.DELIVERED, P, Proof.NONE)
    assert books.balances() == {"reported": P, "revenue": P, **FEE_OWED}
    row = books.call()
    assert (row["settlement"], row["transaction_hash"], row["captured_nano"]) == ("settled", "", P)
    with pytest.raises(AssertionError, match="that is delivered cannot be repaid"):
        await books.run(repaid_unit, payment, NOW_US)


@pytest.mark.parametrize("prepare", [Books.settled, delivered, credited, failed, defaulted, on_credit])
async def test_what_was_decided_meanwhile_stays_so(books: Books, prepare: Prepare) -> None:
    """That nobody could be asked disproves no word that came in the last moment."""
    payment = await prepare(books)
    before = books.balances()

    assert not await books.run(undecided_unit, payment.claim_key, NOW_US)
    assert (await books.payment(payment), books.balances()) == (payment, before)


async def test_what_nobody_can_be_asked_about_waits_for_a_person(books: Books) -> None:
    """Its money goes to suspense, once."""
    payment = await books.unknown()

    assert await books.run(undecided_unit, payment.claim_key, NOW_US)
    assert (await books.payment(payment)).state is State.SUSPENDED
    assert not await books.run(undecided_unit, payment.claim_key, NOW_US)
