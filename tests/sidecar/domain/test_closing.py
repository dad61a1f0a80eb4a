"""Closing: the last commit of a call posts, credits or returns its money, once, and books its costs."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ledger.money import nano
from pricing.cost import Basis, Kind
from sidecar.domain.closing import Ending, abandon_unit, close_orphan_unit, release_and_close_unit
from sidecar.domain.metering import unmetered
from sidecar.domain.outcomes import Failed
from sidecar.domain.payments import State
from sidecar.domain.records import Closing, Payment
from tests.sidecar.builders import NOW_US, Books, P, an_endpoint, verified
from tests.sidecar.shop import PLATFORM_FEE, TOOL, line

MODEL = line(units=12_000_000)
UNPRICED = line(name="new-model", units=None)
FREE = line(Kind.TOOL, "cache", 0, Basis.REPORTED, provider="")
DECLARED = line(Kind.FEE, "proxy", 700, Basis.REPORTED, provider="")
FEE_OWED = {"fee:facilitator": 10**6, "facilitator_payable": 10**6}
FAILED = Closing("failed", 0, 0, (unmetered(),))


async def test_a_delivered_call_is_revenue(books: Books) -> None:
    """The hold is posted; costs, facilitator's fee and platform's share stand beside it."""
    payment = await books.settled()
    await books.close(payment, Ending.DELIVERED, MODEL, TOOL, platform_fee=PLATFORM_FEE)

    assert (await books.payment(payment)).state is State.DELIVERED
    assert books.balances() == {
        "reported": P,
        "revenue": P,
        "cost:model": 12_000_000,
        "cost:tool": 3_600_000,
        "provider_payable": 12_000_000,
        "tool_payable": 3_600_000,
        "fee:platform": 500_000,
        "platform_payable": 500_000,
        **FEE_OWED,
    }
    row = books.call()
    assert (row["outcome"], row["captured_nano"], row["credited_nano"]) == ("served", P, 0)


async def test_an_undelivered_call_is_the_buyers_credit(books: Books) -> None:
    """Paid and not delivered: all that was signed is credit, and the work was a retry's."""
    payment = await books.settled(verified(an_endpoint(nano(1_500))))
    await books.close(payment, Ending.UNDELIVERED, MODEL)

    assert (await books.payment(payment)).state is State.CREDITED
    assert books.balances() == {
        "reported": 2_000,
        "buyer": 2_000,
        "cost:retry": 12_000_000,
        "provider_payable": 12_000_000,
        **FEE_OWED,
    }
    assert books.lines()[1:] == [("retry", "gpt-4o", 12_000_000, "measured")]
    assert (books.call()["captured_nano"], books.call()["credited_nano"]) == (0, 2_000)


async def test_a_call_delivered_before_it_is_paid_is_revenue_that_is_owed(books: Books) -> None:
    """The hold is posted, the authorization stays open, and a reader is told that money is to come."""
    payment = await books.owe(await books.admitted(), MODEL)

    assert (payment.state, payment.facilitator) == (State.OWED, "")
    assert books.balances() == {
        "authorized": P,
        "revenue": P,
        "cost:model": 12_000_000,
        "provider_payable": 12_000_000,
    }
    row = books.call()
    assert (row["outcome"], row["captured_nano"], row["settlement"]) == ("served", P, "pending")
    assert (await books.day()).spent_nano == P


async def test_a_call_not_delivered_before_it_is_paid_is_not_charged(books: Books) -> None:
    """Nobody was asked: the money is released with the close, and the work was a retry's."""
    payment = await books.admitted()
    await books.close(payment, Ending.UNDELIVERED, MODEL)

    released = await books.payment(payment)
    assert (released.state, released.reason, released.watched) == (State.RELEASED, "undelivered", True)
    assert books.balances() == {"cost:retry": 12_000_000, "provider_payable": 12_000_000}
    assert (await books.day()).uncharged_nano == 12_000_000


async def test_a_delivered_call_abandoned_while_it_asks_is_in_doubt(books: Books) -> None:
    """It stays served and booked; only evidence decides who owes for it."""
    payment = await books.collecting(await books.owed())
    rested = await books.run(abandon_unit, payment.claim_key, payment.call, FAILED, NOW_US)

    assert (rested.state, rested.reason) == (State.DOUBTFUL, "abandoned")
    assert books.balances() == {"authorized": P, "revenue": P}
    assert (books.call()["outcome"], books.call()["settlement"]) == ("served", "unknown")


@pytest.mark.parametrize(
    ("prepare", "rest"),
    [
        (Books.unknown, {"authorized": P, "deposit": P, "held": P}),
        (lambda books: books.asked(Failed("insufficient_funds")), {}),
    ],
)
async def test_what_was_not_charged_costs_all_the_same(
    books: Books, prepare: Callable[[Books], Coroutine[Any, Any, Payment]], rest: dict[str, int]
) -> None:
    """Closing leaves the money where the settlement left it, and books the work as a retry's."""
    await books.close(await prepare(books), Ending.AS_IT_IS, MODEL)

    owed = {"cost:retry": 12_000_000, "provider_payable": 12_000_000}
    assert books.balances() == {**rest, **owed}


async def test_an_unknown_cost_is_a_row_and_no_money(books: Books) -> None:
    """Unknown is NULL with its basis, a known zero is zero, and neither is an entry."""
    await books.close(await books.settled(), Ending.DELIVERED, UNPRICED, FREE)

    assert books.lines()[1:] == [("model", "new-model", None, "unknown"), ("tool", "cache", 0, "reported")]
    assert books.balances() == {"reported": P, "revenue": P, **FEE_OWED}


async def test_a_declared_fee_stays_a_fee(books: Books) -> None:
    """A fee the agent declares is one whether the answer was delivered or not."""
    await books.close(await books.settled(), Ending.UNDELIVERED, DECLARED)

    assert books.lines()[1:] == [("fee", "proxy", 700, "reported")]
    assert books.accounts()["fee:declared:proxy"] == 700


@pytest.mark.parametrize("ending", [Ending.DELIVERED, Ending.UNDELIVERED])
@pytest.mark.parametrize("again", list(Ending))
async def test_closing_twice_changes_nothing(books: Books, ending: Ending, again: Ending) -> None:
    """A close that is repeated, even with another ending, leaves every row as it was."""
    payment = await books.settled()
    await books.close(payment, ending, MODEL, platform_fee=PLATFORM_FEE)
    before = books.trace()

    await books.close(payment, again, TOOL, platform_fee=PLATFORM_FEE, outcome="served")
    assert books.trace() == before


async def test_a_close_counts_what_the_chain_proved_meanwhile(books: Books) -> None:
    """The caller's copy names the call; the money is that of the stored payment."""
    payment = await books.settled()
    await books.arrived(payment)
    await books.close(payment, Ending.DELIVERED)

    assert books.balances() == {"onchain": P, "token": 50_000, "fx": 50_000, "revenue": P, **FEE_OWED}


async def test_a_slow_close_books_to_its_own_call(books: Books) -> None:
    """A released payment may pay for another call before the first is closed: costs stay apart."""
    first = await books.admitted()
    await books.release(first, "upstream_500")
    second = await books.settled(verified(call="call_2"))
    await books.close(first, Ending.AS_IT_IS, MODEL, outcome="failed")
    await books.close(second, Ending.DELIVERED, TOOL)

    assert books.lines("call_1") == [("retry", "gpt-4o", 12_000_000, "measured")]
    assert books.lines("call_2")[1:] == [("tool", "web_search", 3_600_000, "reported")]
    assert (books.call("call_1")["captured_nano"], books.call("call_2")["captured_nano"]) == (0, P)
    assert books.balances()["revenue"] == P


async def test_release_and_close_are_one_commit(books: Books) -> None:
    """Declined before anybody was asked: money back, call closed, costs booked."""
    payment = await books.admitted()
    closing = Closing("refused:upstream_timeout", 504, 9, (unmetered(),))
    await books.run(
        release_and_close_unit, payment, "upstream_timeout", closing, NOW_US, final=False, watch=True
    )

    row = books.call()
    assert (row["outcome"], row["status"], row["latency_us"]) == ("refused:upstream_timeout", 504, 9)
    assert books.lines() == [("retry", "unmetered", None, "unknown")]
    assert (await books.payment(payment)).state is State.RELEASED
    assert books.balances() == {}


@pytest.mark.parametrize(
    ("prepare", "state", "balances"),
    [
        (Books.admitted, State.RELEASED, {}),
        (Books.settled, State.CREDITED, {"reported": P, "buyer": P, **FEE_OWED}),
        (Books.unknown, State.UNKNOWN, {"authorized": P, "deposit": P, "held": P}),
        (lambda books: books.asked(Failed("insufficient_funds")), State.FAILED, {}),
    ],
)
async def test_an_abandoned_call_is_put_to_rest_by_what_is_on_disk(
    books: Books,
    prepare: Callable[[Books], Coroutine[Any, Any, Payment]],
    state: State,
    balances: dict[str, int],
) -> None:
    """Not asked: returned. Settled: credit. Whatever else was recorded stays; and twice equals once."""
    payment = await prepare(books)
    rested = await books.run(abandon_unit, payment.claim_key, payment.call, FAILED, NOW_US)

    assert (rested.state, await books.payment(payment)) == (state, rested)
    assert books.call()["outcome"] == "failed"
    assert books.balances() == balances
    before = books.trace()
    assert await books.run(abandon_unit, payment.claim_key, payment.call, FAILED, NOW_US) == rested
    assert books.trace() == before


async def test_a_call_abandoned_while_it_asks_is_unknown(books: Books) -> None:
    """Somebody was asked and no answer is on disk: only evidence decides."""
    payment = await books.sending(await books.admitted())
    rested = await books.run(abandon_unit, payment.claim_key, "call_1", FAILED, NOW_US)

    assert (rested.state, rested.reason, books.call()["settlement"]) == (
        State.UNKNOWN,
        "abandoned",
        "unknown",
    )
    assert books.balances() == {"authorized": P, "deposit": P, "held": P}


async def test_abandoning_a_call_closes_it_though_its_payment_moved_on(books: Books) -> None:
    """The payment pays for another call by now: that one is left alone, the first one is closed."""
    first = await books.admitted()
    await books.release(first)
    second = await books.admitted(verified(call="call_2"))
    await books.run(abandon_unit, first.claim_key, "call_1", FAILED, NOW_US)

    assert (books.call("call_1")["outcome"], books.call("call_2")["outcome"]) == ("failed", "")
    assert books.lines("call_1") == [("retry", "unmetered", None, "unknown")]
    assert await books.payment(first) == second
    assert books.balances() == {"authorized": P, "deposit": P, "held": P}


async def test_a_call_on_credit_is_revenue_out_of_the_credit(books: Books) -> None:
    """The price leaves the buyer's credit, what is over stays; nothing is rounded or reported again."""
    await books.credited(verified(an_endpoint(nano(1_500))))
    cheap = verified(an_endpoint(nano(1_200)), nonce=2, call="call_2")
    await books.close(await books.admitted(cheap), Ending.DELIVERED, MODEL)

    assert books.balances() == {
        "reported": 2_000,
        "buyer": 800,
        "revenue": 1_200,
        "cost:model": 12_000_000,
        "provider_payable": 12_000_000,
        **FEE_OWED,
    }
    row = books.call("call_2")
    assert (row["captured_nano"], row["credited_nano"], row["settlement"]) == (1_200, 0, "settled")


@pytest.mark.parametrize(("nonce", "state"), [(1, State.CREDITED), (2, State.RELEASED)])
@pytest.mark.parametrize("crashed", [False, True])
async def test_a_call_on_credit_that_is_not_delivered_gives_it_back(
    books: Books, nonce: int, state: State, crashed: bool
) -> None:
    """Also when nobody runs it any more; its work is a retry's, owed to whom it was."""
    await books.credited()
    payment = await books.admitted(verified(nonce=nonce, call="call_2"))
    if crashed:
        closing = Closing("failed", 0, 0, (MODEL,))
        await books.run(abandon_unit, payment.claim_key, "call_2", closing, NOW_US)
    else:
        await books.close(payment, Ending.UNDELIVERED, MODEL)

    assert (await books.payment(payment)).state is state
    retry = {"cost:retry": 12_000_000, "provider_payable": 12_000_000}
    assert books.balances() == {"reported": P, "buyer": P, **FEE_OWED, **retry}
    assert (books.call("call_2")["captured_nano"], books.call("call_2")["credited_nano"]) == (0, 0)


async def test_an_orphan_is_closed_once(books: Books) -> None:
    """A call whose money had been decided before its run ended is closed with its costs."""
    payment = await books.unknown()
    closing = Closing("failed", 0, 0, (MODEL,))
    for _ in range(2):
        await books.run(close_orphan_unit, payment.call, payment.endpoint, closing, NOW_US)

    assert books.call()["outcome"] == "failed"
    assert books.lines() == [("retry", "gpt-4o", 12_000_000, "measured")]
    assert books.balances()["cost:retry"] == 12_000_000
