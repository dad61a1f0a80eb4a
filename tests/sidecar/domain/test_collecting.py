"""Collecting: what is owed is named and answered in batches, and what cannot wait is known."""

import pytest

from ledger.money import nano
from sidecar.domain.collecting import NEAR_S, Answered, answers_unit, naming_unit, pressing
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid, Unknown
from sidecar.domain.payments import Proof, State
from tests.sidecar.builders import NOW_US, Books, P, a_transaction, an_endpoint, verified
from tests.sidecar.shop import FACILITATOR, FEE
from tests.sidecar.x402.signing import NOW_S

FEE_OWED = {"fee:facilitator": 10**6, "facilitator_payable": 10**6}


async def test_only_what_is_still_owed_is_named(books: Books) -> None:
    """Paid meanwhile by whoever broadcast it, it is left alone; the others belong to this run."""
    first = await books.owed()
    second = await books.owed(verified(call="call_2", nonce=2))
    assert await books.arrived(first)
    named = await books.run(
        naming_unit, {first.claim_key: FACILITATOR, second.claim_key: FACILITATOR}, "run_2", NOW_US
    )

    (payment,) = named
    assert (payment.call, payment.state, payment.facilitator) == ("call_2", State.COLLECTING, FACILITATOR)
    assert (payment.owner, payment.watched) == ("run_2", True)
    assert payment == await books.payment(second)
    assert (await books.payment(first)).state is State.DELIVERED


@pytest.mark.parametrize(
    ("outcome", "state", "money", "word"),
    [
        (Paid(a_transaction()), State.DELIVERED, {"reported": P, **FEE_OWED}, "settled"),
        (Failed("insufficient_funds"), State.DEFAULTED, {"bad_debt": P}, "failed"),
        (NotSent(), State.OWED, {"authorized": P}, "pending"),
        (Unknown("answer_lost"), State.DOUBTFUL, {"authorized": P}, "unknown"),
    ],
)
async def test_an_answer_moves_what_was_delivered(
    books: Books, outcome: Outcome, state: State, money: dict[str, int], word: str
) -> None:
    """Revenue stays booked; what changes is who owes for it."""
    payment = await books.collecting(await books.owed())
    answer = Answered(payment.claim_key, outcome, FEE, 200_000)
    (recorded,) = await books.run(answers_unit, [answer], NOW_US)

    assert (recorded.payment.state, recorded.outcome) == (state, outcome)
    assert books.balances() == {"revenue": P, **money}
    call = books.call()
    assert (call["settlement"], call["captured_nano"], call["settle_us"]) == (word, P, 200_000)


async def test_a_price_between_two_units_is_a_debt_as_it_was_signed(books: Books) -> None:
    """What rounding up added is owed too."""
    await books.collected(Failed("insufficient_funds"), verified(an_endpoint(nano(1_500))))

    assert books.balances() == {"bad_debt": 2_000, "revenue": 1_500, "rounding": 500}


async def test_an_answer_after_evidence_changes_nothing(books: Books) -> None:
    """A payment that was left to evidence is left to it."""
    payment = await books.collected(Unknown("answer_lost"))
    answer = Answered(payment.claim_key, Paid(a_transaction()), FEE, 1)
    (recorded,) = await books.run(answers_unit, [answer], NOW_US)

    assert isinstance(recorded.outcome, Unknown)
    assert (recorded.payment.state, recorded.payment.proof) == (State.DOUBTFUL, Proof.NONE)


@pytest.mark.parametrize(
    ("opened", "left_s", "presses"),
    [(P, 300, False), (2 * P - 1, 300, False), (2 * P, 300, True), (P, NEAR_S, False), (P, NEAR_S - 1, True)],
)
async def test_what_cannot_wait_is_known(books: Books, opened: int, left_s: int, presses: bool) -> None:
    """Half of the exposure is open, or the authorization ends soon."""
    payment = await books.owed()
    now_s = NOW_S + 180 - left_s

    assert pressing(payment, nano(opened), nano(4 * P), now_s) is presses
