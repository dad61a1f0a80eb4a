"""Settling: the intent is on disk before anybody is asked, and what comes back moves the money once."""

import pytest

from ledger.accounts import Account, AccountClass, Side
from ledger.money import USD, nano
from ledger.transfers import Journal, Transfer
from sidecar.domain.closing import Ending, abandon_unit
from sidecar.domain.fees import Fees, of_settlement
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid, Unknown
from sidecar.domain.payments import Proof, State
from sidecar.domain.records import Closing
from sidecar.domain.settling import Recorded, record, renamed_unit, stored
from tests.sidecar.builders import NOW_US, Books, P, a_log, a_transaction, verified
from tests.sidecar.shop import FACILITATOR

HELD = {"authorized": P, "deposit": P, "held": P}
FEE_OWED = {"fee:facilitator": 10**6, "facilitator_payable": 10**6}


async def test_sending_names_whom_is_asked_and_moves_no_money(books: Books) -> None:
    """Before the question leaves, the file says whom it goes to; from then on the payment is watched."""
    payment = await books.sending(await books.admitted())

    assert (payment.state, payment.facilitator, payment.watched) == (State.SENDING, FACILITATOR, True)
    assert await books.payment(payment) == payment
    assert books.balances() == HELD


@pytest.mark.parametrize(
    ("outcome", "state", "settlement", "balances"),
    [
        (
            Paid(a_transaction()),
            State.SETTLED,
            "settled",
            {"reported": P, "deposit": P, "held": P, **FEE_OWED},
        ),
        (Failed("insufficient_funds"), State.FAILED, "failed", {}),
        (NotSent(), State.RELEASED, "none", {}),
        (Unknown("answer_lost"), State.UNKNOWN, "unknown", HELD),
        (Unknown("facilitator_did_not_settle", a_transaction()), State.UNKNOWN, "unknown", HELD),
    ],
)
async def test_each_outcome_moves_the_money_its_way(
    books: Books, outcome: Outcome, state: State, settlement: str, balances: dict[str, int]
) -> None:
    """Settled is reported by word, with its fee; failed and not sent return it; unknown leaves it."""
    payment = await books.asked(outcome)

    row = books.call()
    assert (payment.state, row["settlement"], row["settle_us"]) == (state, settlement, 200_000)
    assert payment.watched is True
    assert books.balances() == balances
    await books.close(payment, Ending.DELIVERED if state is State.SETTLED else Ending.AS_IT_IS)


async def test_a_settlement_keeps_its_transaction_and_its_proof(books: Books) -> None:
    """By word: the transaction named stands on payment and call, and on chain nothing is believed yet."""
    payment = await books.settled()

    assert (payment.transaction, payment.proof) == (a_transaction(), Proof.WORD)
    assert books.call()["transaction_hash"] == a_transaction()


async def test_an_unknown_settlement_keeps_the_hint_it_gave(books: Books) -> None:
    """A transaction named without success is kept, and proves nothing."""
    payment = await books.asked(Unknown("facilitator_did_not_settle", a_transaction(5)))

    assert (payment.transaction, payment.proof) == (a_transaction(5), Proof.NONE)
    assert payment.reason == "facilitator_did_not_settle"


async def test_a_fee_nobody_knows_is_a_line_and_not_zero(books: Books) -> None:
    """A facilitator whose fee is not configured leaves a line without amount, and books nothing."""
    fee = of_settlement(Fees({}), FACILITATOR)
    payment = await books.asked(Paid(a_transaction()), fee=fee)

    assert books.lines() == [("fee", "facilitator", None, "unknown")]
    assert books.balances() == {"reported": P, "deposit": P, "held": P}
    await books.close(payment, Ending.DELIVERED)


async def test_a_free_settlement_is_a_known_zero(books: Books) -> None:
    """A configured fee of zero is a measured line; a journal has no room for nothing."""
    fee = of_settlement(Fees({FACILITATOR: nano(0)}), FACILITATOR)
    await books.asked(Paid(a_transaction()), fee=fee)

    assert books.lines() == [("fee", "facilitator", 0, "measured")]
    assert books.balances() == {"reported": P, "deposit": P, "held": P}


async def test_another_name_keeps_the_money_held(books: Books) -> None:
    """Nothing left for the one named first: the file names the other before it is asked; no money moves."""
    payment = await books.sending(await books.admitted())
    renamed = await books.run(renamed_unit, payment.claim_key, "https://other.example", NOW_US + 1)

    assert renamed == payment._replace(facilitator="https://other.example", changed_us=NOW_US + 1)
    assert await books.payment(payment) == renamed
    assert books.balances() == HELD


async def test_an_abandoned_call_keeps_the_name_that_was_asked(books: Books) -> None:
    """Evidence is sought from the one the call left behind."""
    payment = await books.sending(await books.admitted())
    await books.run(abandon_unit, payment.claim_key, "call_1", Closing("failed", 503, 9), NOW_US)
    renamed = await books.run(renamed_unit, payment.claim_key, "https://other.example", NOW_US)

    assert (renamed.state, renamed.facilitator) == (State.UNKNOWN, FACILITATOR)
    assert await books.payment(payment) == renamed


@pytest.mark.parametrize("outcome", [Failed("insufficient_funds"), NotSent(), Unknown("answer_lost")])
async def test_what_did_not_settle_costs_no_fee(books: Books, outcome: Outcome) -> None:
    """The fee is for a settlement."""
    await books.asked(outcome)

    assert books.lines() == []


async def test_a_transaction_settles_one_payment(books: Books) -> None:
    """A second payment that names the transaction of a first is unknown until the chain tells (X2)."""
    await books.settled(number=1)
    second = await books.sending(await books.admitted(verified(nonce=2, call="call_2")))
    recorded = await books.result(second, Paid(a_transaction(1)))

    assert recorded.outcome == Unknown("duplicate_settlement")
    assert (recorded.payment.state, recorded.payment.transaction) == (State.UNKNOWN, "")
    assert books.balances() == {
        "reported": P,
        "authorized": P,
        "deposit": 2 * P,
        "held": 2 * P,
        **FEE_OWED,
    }
    assert await books.arrived(recorded.payment, a_log(second, 2))
    assert (await books.payment(second)).state is State.CREDITED


async def test_a_hint_without_proof_takes_no_transaction(books: Books) -> None:
    """An unknown settlement that named a transaction does not keep another from being settled by it."""
    await books.asked(Unknown("facilitator_did_not_settle", a_transaction(1)))
    second = await books.settled(verified(nonce=2, call="call_2", body=b"other"), number=1)

    assert (second.state, second.transaction) == (State.SETTLED, a_transaction(1))


@pytest.mark.parametrize("outcome", [Paid(a_transaction()), Failed("insufficient_funds"), NotSent()])
async def test_an_answer_after_the_call_was_abandoned_leaves_it_to_evidence(
    books: Books, outcome: Outcome
) -> None:
    """Unknown is left only by evidence: a late answer moves no money, and the chain still decides."""
    payment = await books.sending(await books.admitted())
    await books.run(abandon_unit, payment.claim_key, "call_1", Closing("failed", 503, 9), NOW_US)
    recorded = await books.result(payment, outcome)

    assert recorded == Recorded(await books.payment(payment), Unknown("abandoned"))
    assert recorded.payment.state is State.UNKNOWN
    assert books.balances() == HELD
    assert await books.arrived(payment)
    assert books.balances()["buyer"] == P


@pytest.mark.parametrize("delivered", [False, True])
async def test_an_answer_after_the_credit_was_spent_settles_nothing_twice(
    books: Books, delivered: bool
) -> None:
    """Abandoned, found on chain, and spent by its own repeat: the late word changes neither."""
    payment = await books.sending(await books.admitted())
    await books.run(abandon_unit, payment.claim_key, "call_1", Closing("failed", 503, 9), NOW_US)
    await books.arrived(payment)
    again = await books.admitted(verified(call="call_2"))
    assert again.state is State.SPENDING
    if delivered:
        await books.close(again, Ending.DELIVERED)
    before = books.trace()
    recorded = await books.result(payment, Paid(a_transaction()))

    assert recorded.outcome == Unknown("abandoned", a_transaction())
    assert books.trace() == before
    await books.close(again, Ending.DELIVERED)


async def test_credit_that_was_held_comes_back(books: Books) -> None:
    """What had paid before stays paid; what was only signed is let go, and watched."""
    await books.credited()
    again = await books.release(await books.admitted(verified(call="call_2")))
    assert (again.state, again.proof, again.watched) == (State.CREDITED, Proof.WORD, True)

    fresh = await books.release(await books.admitted(verified(nonce=2, call="call_3")), watch=False)
    assert (fresh.state, fresh.proof, fresh.watched) == (State.RELEASED, Proof.NONE, True)
    assert books.balances() == {"reported": P, "buyer": P, **FEE_OWED}
    for payment in (again, fresh):
        await books.close(payment, Ending.AS_IT_IS)


@pytest.mark.parametrize(
    ("final", "watch", "state"),
    [
        (False, True, State.RELEASED),
        (False, False, State.RELEASED),
        (True, False, State.FAILED),
        (True, True, State.FAILED),
    ],
)
async def test_a_release_returns_the_money(books: Books, final: bool, watch: bool, state: State) -> None:
    """Nobody was asked: nothing is held any more, and a late transfer counts where it may come."""
    payment = await books.release(await books.admitted(), "why", final=final, watch=watch)

    assert (payment.state, payment.reason, payment.watched) == (state, "why", watch)
    assert books.balances() == {}
    await books.close(payment, Ending.AS_IT_IS)


async def test_what_was_watched_stays_watched(books: Books) -> None:
    """A payload that others once saw is watched also when a later try ends before it is shown."""
    await books.release(await books.admitted(), watch=True)
    payment = await books.admitted(verified(call="call_2"))

    assert (await books.release(payment, watch=False)).watched is True


async def test_steps_in_an_order_nobody_can_take_undo_themselves(books: Books) -> None:
    """A programmer's error is an assertion, and nothing of its unit is on disk."""
    payment = await books.admitted()
    before = books.trace()
    with pytest.raises(AssertionError, match="cannot be renamed"):
        await books.run(renamed_unit, payment.claim_key, FACILITATOR, NOW_US)
    with pytest.raises(AssertionError, match="cannot be confirmed"):
        await books.result(payment, Paid(a_transaction()))
    await books.sending(payment)
    with pytest.raises(AssertionError, match="cannot be released"):
        await books.release(payment)
    with pytest.raises(AssertionError, match="that was admitted is stored"):
        await books.run(stored, b"nobody's")
    assert books.trace()["journals"] == before["journals"]


async def test_a_journal_the_book_refuses_is_a_programmers_error(books: Books) -> None:
    """No event of the sidecar may be refused by the book: the unit is undone with a sentence."""
    cash = Account(("cash",), USD, AccountClass.ASSET, Side.DEBIT)
    journal = Journal("j", "test", (Transfer("j/0", debit=cash, credit=cash, amount=nano(1)),), NOW_US)

    with pytest.raises(AssertionError, match="the book refused j"):
        await books.run(record, journal)
