"""Identifiers: a purchase is paid for once, however often its buyer signs for it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ledger.money import nano
from sidecar.domain.admission import Repeated
from sidecar.domain.call import Admitted, Flow, Verified
from sidecar.domain.closing import Ending
from sidecar.domain.identifiers import BINDS_US, FORGOTTEN_AT_ONCE
from sidecar.domain.outcomes import Failed, NotSent, Paid, Unknown
from sidecar.domain.payments import State
from sidecar.domain.records import Payment
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.resolving import dead_unit, undecidable_unit
from tests.sidecar.builders import (
    NOW_US,
    OTHER_WALLET,
    Books,
    P,
    a_transaction,
    an_endpoint,
    verified,
)

NAME = "purchase_0000001"
CLOSED = Refusal(Code.FACILITATOR_UNAVAILABLE, retry_after_s=2)
RUNNING = Refusal(Code.CALL_IN_PROGRESS, call="call_1", retry_after_s=2)
UNKNOWN = Refusal(Code.SETTLEMENT_UNKNOWN, call="call_1", retry_after_s=2)

Story = Callable[[Books], Awaitable[object]]


def buying(nonce: int = 1, **named: Any) -> Verified:
    """Ask for one and the same thing under one name, with a signature of its own."""
    return verified(**{"call": f"call_{nonce}", "nonce": nonce, "identifier": NAME, **named})


async def running(books: Books) -> None:
    await books.admitted(buying())


async def sending(books: Books) -> None:
    await books.sending(await books.admitted(buying()))


async def settled(books: Books) -> None:
    await books.settled(buying())


async def unknown(books: Books) -> None:
    await books.unknown(buying())


async def suspended(books: Books) -> None:
    payment = await books.unknown(buying())
    await books.run(undecidable_unit, payment.claim_key, NOW_US)


async def delivered(books: Books) -> None:
    await books.close(await books.settled(buying()), Ending.DELIVERED)


async def released(books: Books) -> None:
    payment = await books.release(await books.admitted(buying()))
    await books.close(payment, Ending.AS_IT_IS)


async def failed(books: Books) -> None:
    payment = await books.asked(Failed("insufficient_funds"), buying())
    await books.close(payment, Ending.AS_IT_IS)


async def dead(books: Books) -> None:
    payment = await books.unknown(buying())
    await books.run(dead_unit, payment.claim_key, NOW_US)


async def credited(books: Books) -> None:
    await books.credited(buying())


@pytest.mark.parametrize(
    ("story", "told"),
    [
        (running, RUNNING),
        (sending, RUNNING),
        (settled, RUNNING),
        (unknown, UNKNOWN),
        (suspended, UNKNOWN),
        (delivered, None),
    ],
)
@pytest.mark.parametrize("closed", [None, CLOSED])
async def test_a_fresh_signature_is_told_how_its_purchase_stands(
    books: Books, story: Story, told: Refusal | None, closed: Refusal | None
) -> None:
    """It is neither claimed nor booked; also when nothing new may begin."""
    await story(books)
    before = books.trace()

    answer = await books.admit(buying(2), closed=closed)
    again = await books.admit(buying(), closed=closed)
    if told is not None:
        assert (answer, again) == (told, told)
    else:
        assert isinstance(answer, Repeated)
        assert (answer, answer.payment.call) == (again, "call_1")
        assert answer.payment.transaction == a_transaction()
    assert books.trace() == before


@pytest.mark.parametrize("outcome", [None, NotSent(), Unknown("answer_lost")])
async def test_a_purchase_delivered_before_it_is_paid_is_not_paid_again(
    books: Books, outcome: NotSent | Unknown | None
) -> None:
    """A fresh signature for it gets its answer: the money of the first one is still to come."""
    payment = await books.collecting(await books.owed(buying()))
    if outcome is not None:
        await books.result(payment, outcome)

    assert await books.admit(buying(2)) == Repeated(await books.payment(payment))


async def test_a_purchase_that_was_not_paid_is_taken_over(books: Books) -> None:
    """Its payer owes for it, so the fresh payment is settled before anything else."""
    await books.collected(Failed("insufficient_funds"), buying())
    admitted = await books.admit(buying(2))

    assert isinstance(admitted, Admitted)
    assert (admitted.flow, admitted.earlier) == (Flow.UPFRONT, "call_1")


@pytest.mark.parametrize("story", [released, failed, dead])
async def test_a_purchase_that_cost_nothing_is_taken_over(books: Books, story: Story) -> None:
    """The fresh payment enters under the name, which is its own from then on, also for the first one."""
    await story(books)
    payment = await books.admitted(buying(2))

    in_progress = Refusal(Code.CALL_IN_PROGRESS, call="call_2", retry_after_s=2)
    assert (payment.state, payment.call) == (State.OPEN, "call_2")
    assert await books.admit(buying(3)) == in_progress
    if story is released:
        assert await books.admit(buying(call="call_9")) == in_progress
    await books.result(await books.sending(payment), Paid(a_transaction(2)))
    await books.close(payment, Ending.DELIVERED)
    answer = await books.admit(buying(4))
    assert answer == Repeated(await books.payment(payment))
    if story is released:
        assert await books.admit(buying(call="call_9")) == answer
    assert books.balances()["revenue"] == P


async def test_a_payment_that_enters_again_keeps_its_name(books: Books) -> None:
    """Released by its first call, it takes its own place."""
    await released(books)
    await books.admitted(buying(call="call_5"))

    assert await books.admit(buying(2)) == Refusal(Code.CALL_IN_PROGRESS, call="call_5", retry_after_s=2)


async def test_what_was_paid_and_not_delivered_is_served_from_its_credit(books: Books) -> None:
    """The fresh authorization is never sent, and an answer that is kept from the first try is found."""
    await credited(books)
    admitted = await books.admit(buying(2), closed=CLOSED)

    assert isinstance(admitted, Admitted)
    assert (admitted.payment.state, admitted.payment.on_credit) == (State.SPENDING, True)
    assert admitted.earlier == "call_1"
    await books.close(admitted.payment, Ending.DELIVERED)
    assert await books.admit(buying(3)) == Repeated(await books.payment(admitted.payment))
    assert books.balances()["revenue"] == P


async def test_credit_that_was_spent_on_something_else_is_paid_again(books: Books) -> None:
    """Its first payment bought another call: this one buys what it did not."""
    await credited(books)
    other = await books.admitted(buying(2, body=b"other", identifier=""))
    await books.close(other, Ending.DELIVERED)
    payment = await books.admitted(buying(3))

    assert (payment.state, payment.on_credit) == (State.OPEN, False)


@pytest.mark.parametrize("story", [running, unknown, delivered, released, failed, credited])
async def test_a_name_is_for_one_request(books: Books, story: Story) -> None:
    """Another request under it is refused, whatever became of the first one."""
    await story(books)
    before = books.trace()

    conflict = Refusal(Code.PAYMENT_IDENTIFIER_CONFLICT, call="call_1")
    assert await books.admit(buying(2, body=b"other")) == conflict
    assert books.trace() == before


async def test_a_name_is_its_payers_own(books: Books) -> None:
    """Nobody takes another's name, or learns anything by it."""
    await running(books)
    theirs = await books.admitted(buying(2, wallet=OTHER_WALLET, body=b"other"))

    assert theirs.state is State.OPEN
    assert await books.admit(buying(3)) == RUNNING


async def test_without_a_name_each_signature_is_a_purchase(books: Books) -> None:
    """As it ever was; and another name is another purchase."""
    await delivered(books)

    assert isinstance(await books.admit(buying(2, identifier="")), Admitted)
    assert isinstance(await books.admit(buying(3, identifier="purchase_0000002")), Admitted)
    assert isinstance(await books.admit(buying(4, identifier=NAME.upper())), Admitted)


async def test_another_name_does_not_pay_again_for_what_may_be_paid(books: Books) -> None:
    """While the settlement of a request is unknown, its buyer's next payment for it is pointed to it."""
    await unknown(books)
    before = books.trace()

    assert await books.admit(buying(2, identifier="purchase_0000002")) == UNKNOWN
    assert await books.admit(buying(3, identifier="")) == UNKNOWN
    assert books.trace() == before


async def test_a_refused_payment_leaves_the_name_as_it_was(books: Books) -> None:
    """Beyond its exposure it takes nothing over."""
    await released(books)
    before = books.trace()

    refused = await books.admit(buying(2), exposure=nano(P - 1))
    assert isinstance(refused, Refusal)
    assert refused.code is Code.EXPOSURE_EXCEEDED
    assert books.trace() == before


@pytest.mark.parametrize("story", [None, released, failed])
async def test_of_64_fresh_signatures_at_once_one_is_admitted(books: Books, story: Story | None) -> None:
    """For a new purchase as for one that is taken over; the others are pointed to its call."""
    if story is not None:
        await story(books)
    fresh = [buying(nonce) for nonce in range(10, 74)]
    answers = await asyncio.gather(*(books.admit(each) for each in fresh))

    (admitted,) = [answer for answer in answers if isinstance(answer, Admitted)]
    pointed = Refusal(Code.CALL_IN_PROGRESS, call=admitted.payment.call, retry_after_s=2)
    assert Counter(answer == pointed for answer in answers) == {True: 63, False: 1}
    assert books.balances() == {"authorized": P, "deposit": P, "held": P}


async def test_of_64_fresh_signatures_at_once_one_spends_the_credit(books: Books) -> None:
    """What the first payment left as credit serves one of them, and no money is authorized beside it."""
    await credited(books)
    answers = await asyncio.gather(*(books.admit(buying(nonce)) for nonce in range(10, 74)))

    (admitted,) = [answer for answer in answers if isinstance(answer, Admitted)]
    assert admitted.payment.on_credit
    assert "authorized" not in books.balances()


async def test_a_name_is_the_same_at_any_price(books: Books) -> None:
    """A seller who changed the price meanwhile does not sell the same thing twice."""
    await delivered(books)

    answer = await books.admit(verified(an_endpoint(nano(2 * P)), call="call_2", nonce=2, identifier=NAME))
    assert isinstance(answer, Repeated)


async def many(books: Books, count: int) -> list[Payment]:
    """Make purchases, each released, under names of their own."""
    found = []
    for number in range(count):
        asked = buying(10 + number, body=b"%d" % number, identifier=f"purchase_{number:07d}")
        found.append(await books.release(await books.admitted(asked)))
    return found


def names(books: Books) -> list[str]:
    return [name for (name,) in books.select("SELECT identifier FROM identifiers ORDER BY identifier")]


async def test_names_are_forgotten_in_their_time(books: Books) -> None:
    """Each new name removes two that are older than a month, but never one whose payment is open."""
    await many(books, 5)
    await books.unknown(buying(2, identifier="purchase_9999999"))
    await books.run(_age, NOW_US - BINDS_US)
    await books.admitted(buying(3, body=b"a", identifier="a" * 16))
    assert len(names(books)) == 7

    await books.run(_age, NOW_US - BINDS_US - 1)
    await books.admitted(buying(4, body=b"b", identifier="b" * 16))
    assert len(names(books)) == 8 - FORGOTTEN_AT_ONCE
    for number in range(5, 9):
        await books.admitted(buying(number, body=b"%d" % number, identifier=f"{number}" * 16))
    assert [name for name in names(books) if name.startswith("purchase")] == ["purchase_9999999"]


def _age(tx: Any, bound_us: int) -> None:
    tx.connection.execute(
        "UPDATE identifiers SET bound_us = ? WHERE identifier LIKE 'purchase_%'", (bound_us,)
    )
