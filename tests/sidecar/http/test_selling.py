"""Selling: a bad payment costs no I/O, a good one buys one call, a repeat is never told to pay anew."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from x402.http.utils import decode_payment_required_header

from ledger.money import nano
from pricing.price import ComputedPrice, FixedPrice, Quantity
from sidecar.configuration.schemas import judge
from sidecar.domain.call import Flow
from sidecar.domain.days import DayLimits, rest_s
from sidecar.domain.events import Answered
from sidecar.domain.expecting import NEEDED
from sidecar.domain.pacing import Rate
from sidecar.domain.payments import State
from sidecar.domain.requests import Wrong
from sidecar.domain.sales import Rules
from sidecar.http import uploads
from sidecar.http.paid_body import SPOOL_BYTES
from sidecar.ports import TimedOut
from sidecar.x402 import reasons
from sidecar.x402.identifier import Demand
from tests.sidecar.builders import (
    NOW_US,
    PAYER,
    P,
    a_payment_document,
    a_payment_header,
    a_sale,
    an_endpoint,
    an_offer,
    some_terms,
)
from tests.sidecar.fakes import Buyer, Says, turns
from tests.sidecar.stall import (
    ANSWER,
    BODY_BYTES_MAX,
    PAYMENT_BYTES_MAX,
    RETRY,
    SOLD,
    open_stall,
)
from tests.sidecar.x402.signing import NOW_S, STRANGER, WALLET, header

NOT_A_BYTE_OF_IO: Final = ["start", "body"]
PAYMENT_SIGNATURE: Final = b"payment-signature"
NAME: Final = "purchase_0000001"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([(PAYMENT_SIGNATURE, b"")], "payment_malformed"),
        ([(PAYMENT_SIGNATURE, b"garbage")], "payment_malformed"),
        ([(PAYMENT_SIGNATURE, b"e30=")], "payment_malformed"),
        ([(PAYMENT_SIGNATURE, a_payment_header()[:-4])], "payment_malformed"),
        ([(PAYMENT_SIGNATURE, a_payment_header())] * 2, "payment_malformed"),
        ([(PAYMENT_SIGNATURE, a_payment_header()), (b"x-payment", b"e30=")], "payment_malformed"),
        ([(b"x-payment", b"garbage")], "payment_malformed"),
        ([(b"x-payment", b"e30=")] * 2, "payment_malformed"),
        ([(PAYMENT_SIGNATURE, b"A" * (PAYMENT_BYTES_MAX + 1))], "payment_too_large"),
    ],
)
async def test_a_payment_that_cannot_be_read_costs_nothing(
    tmp_path: Path, sent: Sequence[tuple[bytes, bytes]], code: str
) -> None:
    """400 and not a byte of I/O; the body is not read either."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.answer(headers=sent, buyer=Buyer(pieces=(b"unread",)))

        assert stall.trace == NOT_A_BYTE_OF_IO
        assert buyer._to_send == [b"unread"]
        assert (buyer.status, buyer.document()["code"], buyer.document()["action"]) == (400, code, "fix")


def accepted(**changes: Any) -> bytes:
    """Sign an honest payment, then say something else in what is not signed."""
    document = a_payment_document()
    return header(document | {"accepted": document["accepted"] | changes})


@pytest.mark.parametrize(
    ("payment", "reason"),
    [
        (a_payment_header(value="49999"), reasons.VALUE_MISMATCH),
        (a_payment_header(value="50001"), reasons.VALUE_MISMATCH),
        (a_payment_header(to="0x" + "11" * 20), reasons.RECIPIENT_MISMATCH),
        (a_payment_header(validBefore=str(NOW_S - 1)), reasons.VALID_BEFORE),
        (a_payment_header(validBefore=str(NOW_S + 119)), reasons.VALID_BEFORE),
        (a_payment_header(validBefore=str(NOW_S + 361)), reasons.VALID_BEFORE),
        (a_payment_header(validAfter=str(NOW_S + 1)), reasons.VALID_AFTER),
        (a_payment_header(wallet=STRANGER, **{"from": WALLET.address}), reasons.SIGNATURE),
        (a_payment_header(domain={"chainId": 8453}), reasons.SIGNATURE),
        (a_payment_header(domain={"verifyingContract": "0x" + "11" * 20}), reasons.SIGNATURE),
        (a_payment_header(domain={"name": "Fake"}), reasons.SIGNATURE),
        (accepted(network="eip155:1"), None),
        (accepted(asset="0x" + "11" * 20), None),
        (accepted(amount="1"), None),
        (accepted(payTo="0x" + "11" * 20), None),
    ],
)
async def test_a_payment_that_is_not_ours_or_not_good_costs_nothing(
    tmp_path: Path, payment: bytes, reason: str | None
) -> None:
    """402 with the spec's reason and fresh terms, before the body; one signed by its payer is looked up."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.answer(headers=[(PAYMENT_SIGNATURE, payment)], buyer=Buyer(pieces=(b"unread",)))

        looked_up = [] if reason == reasons.SIGNATURE else ["known_unit"]
        assert stall.trace == [*looked_up, *NOT_A_BYTE_OF_IO]
        assert buyer._to_send == [b"unread"]
        assert (buyer.status, buyer.document()["code"]) == (402, "payment_invalid")
        assert reason in {None, buyer.document()["reason"]}
        required: Any = decode_payment_required_header((buyer.header(b"payment-required") or b"").decode())
        assert required.error == buyer.document()["reason"]


async def test_a_buyer_who_is_not_let_in_claims_nothing(tmp_path: Path) -> None:
    """403, and the operator's rule is not told."""
    async with open_stall(tmp_path, endpoint=an_endpoint(deny=frozenset({PAYER}))) as stall:
        buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"], buyer.document()["action"]) == (
            403, "buyer_denied", "stop",
        )  # fmt: skip
        assert "routes" not in str(buyer.document())
        assert stall.trace == NOT_A_BYTE_OF_IO


@pytest.mark.parametrize(("size", "status"), [(BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)])
async def test_a_paid_body_has_a_limit(tmp_path: Path, size: int, status: int) -> None:
    """One byte more is refused before anything is claimed."""
    async with open_stall(tmp_path) as stall:
        half = bytes(size // 2)
        buyer = await stall.buy(buyer=Buyer(pieces=(half, bytes(size - len(half)))))

        assert buyer.status == status
        assert stall.upstream.bodies == ([bytes(size)] if status == 200 else [])
        if status == 413:
            assert buyer.document()["code"] == "body_too_large"
            assert stall.trace == NOT_A_BYTE_OF_IO


async def test_a_buyer_who_leaves_with_half_a_body_claims_nothing(tmp_path: Path) -> None:
    """There is nobody to answer, and nothing to book."""
    async with open_stall(tmp_path) as stall:
        _, task = stall.ask(headers=[stall.payment()], buyer=(buyer := Buyer(whole=False)))
        await turns()
        buyer.leave()
        await task

        assert (stall.trace, buyer.status) == ([], 0)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [("POST", b"/research", b"other"), ("POST", b"/research?x=1", b"{}")],
)
async def test_a_payment_pays_for_one_request(
    tmp_path: Path, method: str, target: bytes, body: bytes
) -> None:
    """With another body or query it is a payment that paid for something else."""
    async with open_stall(tmp_path) as stall:
        await stall.buy()
        buyer = await stall.answer(method, target, [stall.payment()], buyer=Buyer(pieces=(body,)))

        assert (buyer.status, buyer.document()["code"]) == (409, "payment_reused")
        assert (buyer.document()["action"], buyer.document()["call"]) == ("stop", "call_2")
        assert stall.count("upstream", "settle") == {"upstream": 1, "settle": 1}


async def test_a_sibling_route_is_not_bought_by_anothers_payment(tmp_path: Path) -> None:
    """The signed amount is another route's: refused, and nothing is claimed."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.answer("GET", b"/models/gpt", [stall.payment()])

        assert (buyer.status, buyer.document()["code"]) == (402, "payment_invalid")
        assert stall.trace == ["known_unit", *NOT_A_BYTE_OF_IO]


@pytest.mark.parametrize(("later", "status"), [("too old", 410), ("another price", 200)])
async def test_a_repeat_is_never_told_to_pay_anew(tmp_path: Path, later: str, status: int) -> None:
    """A payment that would buy nothing any more is told how its call stands: unknown, or what it bought."""
    async with open_stall(tmp_path) as stall:
        unknown, served = stall.payment(1), stall.payment(2)
        bought = await stall.answer(headers=[served])
        stall.facilitator.settles = [TimedOut("no answer")]
        first = await stall.answer(headers=[unknown])
        assert (bought.status, first.status) == (200, 503)
        if later == "too old":
            stall.clock.pass_s(100_000)
        else:
            stall.endpoint = an_endpoint(nano(2 * P))
            stall.buyers = stall._buyers({})
        again, spent = await stall.answer(headers=[unknown]), await stall.answer(headers=[served])
        other = await stall.answer(headers=[unknown], target=b"/research?other")

        assert (again.status, again.document()["code"]) == (503, "settlement_unknown")
        assert again.header(b"sidecar-call-id") == first.header(b"sidecar-call-id") == b"call_2"
        assert (spent.status, spent.header(b"sidecar-call-id")) == (status, b"call_1")
        assert spent.header(b"payment-response") == bought.header(b"payment-response")
        assert (other.status, other.document()["code"]) == (409, "payment_reused")
        assert stall.count("upstream", "settle") == {"upstream": 2, "settle": 2}


async def test_a_copy_meets_the_call_that_runs(tmp_path: Path) -> None:
    """503 and the running call's id; it is not a second call."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.gate.clear()
        _, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        copy = await stall.buy()

        assert (copy.status, copy.document()["code"]) == (503, "call_in_progress")
        assert (copy.header(b"sidecar-call-id"), copy.header(b"retry-after")) == (b"call_1", b"2")
        stall.upstream.gate.set()
        await task


async def test_a_payment_that_came_of_age_with_its_body_is_refused(tmp_path: Path) -> None:
    """It must still be good for the work when the work starts, however slowly the body came."""
    async with open_stall(tmp_path) as stall:
        buyer = Buyer(pieces=(b"slow", b"ly"))
        receive = buyer.receive

        async def slow() -> Any:
            stall.clock.pass_s(31)
            return await receive()

        buyer.receive = slow  # type: ignore[method-assign]  # the same buyer, in a slower world
        await stall.buy(buyer=buyer)

        assert (buyer.status, buyer.document()["reason"]) == (402, reasons.VALID_BEFORE)
        assert stall.trace == ["known_unit", *NOT_A_BYTE_OF_IO]


async def test_open_calls_are_bounded_before_any_claim(tmp_path: Path) -> None:
    """503 while they run, also those whose body still comes; unpaid calls are answered all the same."""
    async with open_stall(tmp_path, open_calls=2) as stall:
        stall.upstream.gate.clear()
        _, first = stall.ask(headers=[stall.payment(1)])
        slow = Buyer(whole=False)
        _, second = stall.ask(headers=[stall.payment(2)], buyer=slow)
        await stall.upstream.asked.wait()
        third = await stall.buy(nonce=3)

        assert (third.status, third.document()["code"]) == (503, "overloaded")
        assert third.header(b"retry-after") == b"2"
        assert stall.count("admit_unit") == {"admit_unit": 1}
        assert (await stall.answer()).status == 402
        slow.leave()
        stall.upstream.gate.set()
        await asyncio.gather(first, second)
        assert (await stall.buy(nonce=3)).status == 200


async def test_draining_takes_no_new_paid_call_and_waits_for_the_open_ones(tmp_path: Path) -> None:
    """Unpaid and free calls run on; idle is when the last paid call has closed."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.gate.clear()
        running, task = stall.ask(headers=[stall.payment(1)])
        await stall.upstream.asked.wait()
        stall.buyers.drain()
        idle = asyncio.create_task(stall.buyers.idle())
        refused = await stall.buy(nonce=2)

        assert (refused.status, refused.document()["code"]) == (503, "draining")
        assert (refused.document()["action"], refused.header(b"retry-after")) == ("retry", b"2")
        assert (await stall.answer()).status == 402
        assert stall.count("admit_unit") == {"admit_unit": 1}
        assert not idle.done()
        stall.upstream.gate.set()
        await task
        await idle
        assert running.status == 200
        assert stall.trace[-1] == "close_unit"
        assert (await stall.answer("GET", b"/free/docs")).status == 200
        assert stall.books.balances() == SOLD


async def test_a_call_the_server_gives_up_on_ends_as_in_a_crash(tmp_path: Path) -> None:
    """The buyer is told to ask again, nothing is charged, and the next run lets the payment enter again."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.gate.clear()
        cut, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await stall.buyers.idle()

        assert (cut.status, cut.document()["code"]) == (503, "call_in_progress")
        assert cut.header(b"retry-after") == b"2"
        assert cut.header(b"sidecar-call-id") == b"call_1"
        assert await stall.state() is State.OPEN
        stall.upstream.gate.set()
        await stall.recovery("run_2").put_to_rest()
        assert await stall.state() is State.RELEASED
        assert (await stall.buy()).status == 200


async def test_a_body_that_ends_in_the_drain_claims_nothing(tmp_path: Path) -> None:
    """Who was still sending when the drain began is sent elsewhere: idle stays idle."""
    async with open_stall(tmp_path) as stall:
        buyer = Buyer(pieces=(b"a", b"b"))
        resume, receive = asyncio.Event(), buyer.receive

        async def paused() -> Any:
            message = await receive()
            await resume.wait()
            return message

        buyer.receive = paused  # type: ignore[method-assign]  # the same buyer, after a pause
        _, task = stall.ask(headers=[stall.payment()], buyer=buyer)
        await turns()
        stall.buyers.drain()
        await stall.buyers.idle()
        resume.set()
        await task

        assert (buyer.status, buyer.document()["code"]) == (503, "draining")
        assert stall.trace == NOT_A_BYTE_OF_IO


async def test_two_wallets_do_not_meet(tmp_path: Path) -> None:
    """The same nonce of another wallet is another payment, with accounts of its own."""
    async with open_stall(tmp_path) as stall:
        first = await stall.buy()
        second = await stall.answer(headers=[stall.payment(wallet=STRANGER)])

        assert (first.status, second.status) == (200, 503), "the fake names one transaction for both"
        deposits = {name: units for name, units in stall.books.accounts().items() if "deposit" in name}
        assert sorted(deposits.values()) == [0, P]


async def test_a_spent_day_is_told_with_its_end(tmp_path: Path) -> None:
    """Come back tomorrow, and not a word of the setting, which only the operator sees."""
    async with open_stall(tmp_path, days=DayLimits(spend=nano(P))) as stall:
        assert (await stall.buy()).status == 200
        refused = await stall.buy(nonce=2)

        assert (refused.status, refused.document()["code"]) == (503, "budget_spent")
        assert refused.header(b"retry-after") == b"%d" % rest_s(stall.clock.now_us())
        assert b"exposure" not in refused.body
        assert stall.observer.of(Answered)[-1].policy == "exposure.per_day"
        assert len(stall.upstream.requests) == 1


async def test_unpaid_work_is_bounded(tmp_path: Path) -> None:
    """A wallet whose calls cost us and were not paid gets no more of them that day."""
    async with open_stall(tmp_path, days=DayLimits(uncharged=nano(0))) as stall:
        stall.upstream.script = [replace(ANSWER, status=500), ANSWER]
        assert (await stall.buy()).status == 500
        assert stall.books.balances() == RETRY

        refused = await stall.buy(nonce=2)
        assert (refused.status, refused.document()["code"]) == (429, "uncharged_limit")
        assert refused.header(b"retry-after") == b"%d" % rest_s(stall.clock.now_us())
        assert stall.observer.of(Answered)[-1].policy == "limits.uncharged_cost"


async def test_one_payment_does_not_buy_failures_without_end(tmp_path: Path) -> None:
    """What failed after it was paid is credit, pays for the next try, and is credit again: bounded too."""
    endpoint = an_endpoint(flow=Flow.UPFRONT)
    async with open_stall(tmp_path, endpoint=endpoint, days=DayLimits(uncharged=nano(0))) as stall:
        stall.upstream.otherwise = Says(500, ((b"sidecar-cost", b'0.03;kind=tool;name="search"'),))
        answers = [await stall.buy(nonce) for nonce in (1, 2, 3)]

        assert [each.status for each in answers] == [500, 500, 429]
        assert answers[-1].document()["code"] == "uncharged_limit"
        assert stall.books.balances()["buyer"] == P


async def test_work_that_would_lose_money_is_refused_before_it_is_done(tmp_path: Path) -> None:
    """Five calls teach what one costs; the sixth is not done, and one that was sold is answered again."""
    endpoint = an_endpoint(margin_floor=Fraction(1, 10))
    async with open_stall(tmp_path, endpoint=endpoint) as stall:
        for number in range(NEEDED):
            assert stall.expected.cost(endpoint.name, stall.clock.now_us()) is None
            assert (await stall.buy(nonce=number + 1)).status == 200
            stall.expected.note(endpoint.name, "call_0", P * 9 // 10 + 1, stall.clock.now_us())
        before = len(stall.upstream.requests)

        refused = await stall.buy(nonce=9)
        assert (refused.status, refused.document()["code"]) == (403, "would_lose_money")
        assert b"margin" not in refused.body
        assert stall.observer.of(Answered)[-1].policy == "routes.margin_floor"
        assert (await stall.buy(nonce=1)).status == 200
        assert len(stall.upstream.requests) == before


async def test_a_purchase_that_is_signed_for_anew_is_the_same_one(tmp_path: Path) -> None:
    """The answer, the call and the receipt are the first payment's; the second is neither kept nor sent."""
    async with open_stall(tmp_path) as stall:
        first, again = [await stall.buy(nonce, identifier=NAME) for nonce in (1, 2)]
        other = await stall.buy(3, identifier=NAME, target=b"/research?other=1")
        stall.answers.kept.clear()
        late = await stall.buy(4, identifier=NAME)

        assert (first.status, again.status, again.body) == (200, 200, first.body)
        for name in (b"sidecar-call-id", b"payment-response"):
            assert again.header(name) == late.header(name) == first.header(name) is not None
        assert (other.status, other.document()["code"]) == (409, "payment_identifier_conflict")
        assert (late.status, late.document()["code"]) == (410, "answer_gone")
        assert (len(stall.upstream.requests), stall.count("settle")) == (1, {"settle": 1})
        assert stall.books.select("SELECT count(*) FROM payments") == [(1,)]
        assert stall.books.balances() == SOLD


async def test_repeating_a_payment_takes_nothing_of_its_payers_rate(tmp_path: Path) -> None:
    """Anybody can, once it is settled: whatever it is repeated for, its payer buys on at its pace."""
    endpoint = an_endpoint(rate_limit=Rate(2, 10**9))
    async with open_stall(tmp_path, endpoint=endpoint, per_buyer=Rate(2, 10**9)) as stall:
        assert (await stall.buy(nonce=1)).status == 200
        for target, status in [(b"/research", 200), (b"/research?other", 409)] * 3:
            assert (await stall.buy(nonce=1, target=target)).status == status

        assert (await stall.buy(nonce=2)).status == 200
        assert (await stall.buy(nonce=3)).document()["code"] == "rate_limited"


async def test_who_reads_a_payment_on_the_chain_has_not_its_name(tmp_path: Path) -> None:
    """What was signed is public once it is settled: alone it opens no answer of a purchase with a name."""
    async with open_stall(tmp_path) as stall:
        bought = await stall.buy(identifier=NAME)
        of_a_stranger = [await stall.buy(identifier=name) for name in ("", "purchase_0000002")]
        again = await stall.buy(identifier=NAME)

        assert (again.status, again.body) == (bought.status, bought.body) == (200, bought.body)
        for answer in of_a_stranger:
            assert (answer.status, answer.document()["code"]) == (409, "payment_reused")
        assert stall.books.balances() == SOLD


async def test_a_repeat_is_answered_where_names_are_required_by_now(tmp_path: Path) -> None:
    """It has paid: that it has no name, or not our new words, does not make it pay anew."""
    payments = [(1, ""), (2, NAME)]
    async with open_stall(tmp_path) as stall:
        for nonce, name in payments:
            assert (await stall.buy(nonce, identifier=name, target=b"/research?%d" % nonce)).status == 200
        sent = [stall.payment(nonce, identifier=name) for nonce, name in payments]
        new = stall.payment(3)

    async with open_stall(tmp_path, endpoint=an_endpoint(identifier=Demand.REQUIRED)) as stall:
        repeats = [
            await stall.answer(headers=[each], target=b"/research?%d" % number)
            for number, each in enumerate(sent, start=1)
        ]
        refused = await stall.answer(headers=[new])

        assert [each.document()["code"] for each in repeats] == ["answer_gone"] * 2
        assert (refused.status, refused.document()["code"]) == (400, "payment_identifier_required")
        assert refused.document()["action"] == "fix"


# What a route asks for when its price depends on the request, on the buyer, or on the day.

PAGES: Final = ComputedPrice(nano(P), (Quantity("query pages", nano(P), most=10, default=1),))
TOKENS: Final = ComputedPrice(nano(P), (Quantity("body /max_tokens", nano(P), per=1000, most=9_000),))
JSON: Final = (b"content-type", b"application/json")


def asked_for(buyer: Buyer) -> list[str]:
    """Return the amounts a 402 asks for, the same in its header and, where version 1 has it, its body."""
    required: Any = decode_payment_required_header((buyer.header(b"payment-required") or b"").decode())
    amounts = [each.amount for each in required.accepts]
    assert [each["maxAmountRequired"] for each in buyer.document()["accepts"]] == amounts
    return amounts


def paid(price_nano: int, **signed: Any) -> tuple[bytes, bytes]:
    return PAYMENT_SIGNATURE, a_payment_header(an_offer(nano(price_nano)), **signed)


def body(text: bytes) -> Buyer:
    return Buyer(pieces=(text,))


async def test_a_price_from_the_query_is_told_and_taken_without_the_body(tmp_path: Path) -> None:
    """The 402 costs no I/O, leaves the body unread, and what it asks for is what is booked."""
    async with open_stall(tmp_path, sale=a_sale(some_terms(PAGES))) as stall:
        unpaid = await stall.answer(target=b"/research?pages=3", buyer=(buyer := body(b"unread")))
        assert (unpaid.status, asked_for(unpaid)) == (402, ["200000"])
        assert stall.trace == NOT_A_BYTE_OF_IO
        assert buyer._to_send == [b"unread"]

        sold = await stall.answer(target=b"/research?pages=3", headers=[paid(4 * P)])
        assert sold.status == 200
        stored = await stall.stored("call_2")
        assert (stored.price_nano, stored.amount_nano, stored.price_version) == (4 * P, 4 * P, 1)


async def test_a_payment_for_less_work_does_not_buy_more(tmp_path: Path) -> None:
    """The price is that of the very request that is paid; the refusal asks for the right one."""
    async with open_stall(tmp_path, sale=a_sale(some_terms(PAGES))) as stall:
        buyer = await stall.answer(target=b"/research?pages=9", headers=[paid(2 * P)])

        assert (buyer.status, buyer.document()["code"], asked_for(buyer)) == (
            402,
            "payment_invalid",
            ["500000"],
        )
        assert stall.count("upstream", "admit_unit") == {"upstream": 0, "admit_unit": 0}

        await stall.answer(target=b"/research", headers=[paid(2 * P)])
        spent = await stall.answer(target=b"/research?pages=9", headers=[paid(2 * P)])
        assert (spent.status, spent.document()["code"]) == (409, "payment_reused")


async def test_a_price_from_the_body_reads_it_under_its_limit(tmp_path: Path) -> None:
    """Unpaid and paid alike; the agent gets the body as it came."""
    text = b'{"max_tokens": 1500, "temperature": 0.5}'
    async with open_stall(tmp_path, sale=a_sale(some_terms(TOKENS))) as stall:
        unpaid = await stall.answer(headers=[JSON], buyer=body(text))
        assert (unpaid.status, asked_for(unpaid)) == (402, ["125000"])
        assert stall.trace == NOT_A_BYTE_OF_IO

        sold = await stall.answer(headers=[JSON, paid(P * 5 // 2)], buyer=body(text))
        assert (sold.status, stall.upstream.bodies) == (200, [text])

        large = await stall.answer(headers=[JSON], buyer=body(bytes(BODY_BYTES_MAX + 1)))
        assert (large.status, large.document()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("payment", [[], [paid(P)]])
@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        (b"{}", "missing", "/max_tokens"),
        (b'{"max_tokens": -1}', "too_small", "/max_tokens"),
        (b'{"max_tokens": 9001}', "too_large", "/max_tokens"),
        (b'{"max_tokens": "1"}', "not_integer", "/max_tokens"),
        (b'{"max_tokens": 1, "max_tokens": 9000}', "not_json", ""),
        (b"max_tokens=1", "not_json", ""),
    ],
)
async def test_a_request_that_cannot_be_priced_is_told_where(
    tmp_path: Path, payment: list[tuple[bytes, bytes]], text: bytes, reason: str, place: str
) -> None:
    """400 with the place, whether paid or not; nothing is claimed."""
    async with open_stall(tmp_path, sale=a_sale(some_terms(TOKENS))) as stall:
        buyer = await stall.answer(headers=[JSON, *payment], buyer=body(text))

        told = buyer.document()
        assert (buyer.status, told["code"], told["action"]) == (400, "request_invalid", "fix")
        assert (told["reason"], told["in"], told["place"]) == (reason, "body", place)
        assert stall.count("upstream", "admit_unit") == {"upstream": 0, "admit_unit": 0}


async def test_bodies_read_for_their_price_are_bounded(tmp_path: Path) -> None:
    """Unpaid ones too: by open calls, and by what an address may ask."""
    sale = a_sale(some_terms(TOKENS))
    async with open_stall(tmp_path, sale=sale, open_calls=1, per_address=Rate(2, 10**6)) as stall:
        _, slow = stall.ask(headers=[JSON], buyer=(waiting := Buyer(whole=False)))
        await turns()
        second = await stall.answer(headers=[JSON], buyer=body(b"{}"))
        assert (second.status, second.document()["code"]) == (503, "overloaded")
        waiting.leave()
        await slow
        assert (await stall.answer(headers=[JSON], buyer=body(b'{"max_tokens": 1}'))).status == 402
        third = await stall.answer(headers=[JSON], buyer=body(b"{}"))
        assert (third.status, third.document()["code"]) == (429, "rate_limited")


async def test_a_body_that_trickles_keeps_nobody_from_buying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives its place to who comes, and is told to come again; a call that runs gives no way."""
    monkeypatch.setattr(uploads, "UNDISTURBED_S", 0)
    async with open_stall(tmp_path, open_calls=1) as stall:
        slow, reading = stall.ask(headers=[stall.payment(1)], buyer=Buyer(whole=False))
        await turns()
        stall.upstream.gate.clear()
        bought, serving = stall.ask(headers=[stall.payment(2)])
        await stall.upstream.asked.wait()

        await reading
        assert (slow.status, slow.document()["code"]) == (503, "overloaded")
        assert (await stall.buy(nonce=3)).document()["code"] == "overloaded"
        stall.upstream.gate.set()
        await serving
        assert bought.status == 200
        assert (await stall.buy(nonce=1)).status == 200


@pytest.mark.parametrize(
    ("rules", "text", "status", "code", "policy"),
    [
        (
            Rules(models=frozenset({"small"})),
            b'{"model": "large"}',
            403,
            "model_not_allowed",
            "routes.models",
        ),
        (Rules(ceiling=nano(P - 1)), b"{}", 403, "price_above_ceiling", "routes.price_ceiling"),
        (Rules(judge=lambda _: Wrong("/q", "required")), b"{}", 400, "request_invalid", "routes.request"),
    ],
)
@pytest.mark.parametrize("payment", [[], [paid(P)]])
async def test_what_is_not_sold_is_refused_before_payment(
    tmp_path: Path, payment: list[Any], rules: Rules, text: bytes, status: int, code: str, policy: str
) -> None:
    """Nobody is asked to pay for it, and nobody pays; the rule's name is the operator's alone."""
    async with open_stall(tmp_path, sale=a_sale(rules=rules)) as stall:
        buyer = await stall.answer(headers=[JSON, *payment], buyer=body(text))

        assert (buyer.status, buyer.document()["code"]) == (status, code)
        assert buyer.header(b"payment-required") is None
        assert stall.count("upstream", "admit_unit") == {"upstream": 0, "admit_unit": 0}
        (answered,) = stall.observer.of(Answered)
        assert (answered.outcome, answered.policy) == (f"refused:{code}", policy)
        assert policy.encode() not in buyer.body


@pytest.mark.parametrize("size", [10, SPOOL_BYTES * 4])
async def test_a_large_body_is_judged_like_a_small_one(tmp_path: Path, size: int) -> None:
    """Beside the others, and the agent gets all of it; one that does not fit is told where all the same."""
    judged = judge({"properties": {"q": {"maxLength": 4 * SPOOL_BYTES}, "n": {"type": "integer"}}}, tmp_path)
    text = b'{"q": "%b"}' % (b"x" * size)
    async with open_stall(tmp_path, sale=a_sale(rules=Rules(judge=judged))) as stall:
        assert (await stall.answer(headers=[JSON], buyer=body(text))).status == 402
        sold = await stall.answer(headers=[JSON, paid(P)], buyer=body(text))
        assert (sold.status, stall.upstream.bodies) == (200, [text])

        wrong = await stall.answer(headers=[JSON], buyer=body(text[:-1] + b', "n": ""}'))
        assert (wrong.status, wrong.document()["place"], wrong.document()["reason"]) == (400, "/n", "type")


async def test_a_repeat_of_what_is_not_sold_any_more_is_told_how_it_stands(tmp_path: Path) -> None:
    """A call that was paid under other rules is not lost to a 403."""
    async with open_stall(tmp_path) as stall:
        bought = await stall.answer(headers=[JSON, paid(P)], buyer=body(b"{}"))
        stall.buyers = stall._buyers({"sale": a_sale(rules=Rules(ceiling=nano(1)))})
        again = await stall.answer(headers=[JSON, paid(P)], buyer=body(b"{}"))
        new = await stall.answer(headers=[JSON, paid(P, nonce=2)], buyer=body(b"{}"))

        assert (again.status, again.header(b"sidecar-call-id")) == (200, b"call_1")
        assert again.header(b"payment-response") == bought.header(b"payment-response")
        assert (new.status, new.document()["code"]) == (403, "price_above_ceiling")


OWN: Final = 40_000_000


@pytest.mark.parametrize(
    ("hint", "amount"),
    [
        ([(b"sidecar-wallet", WALLET.address.encode())], "40000"),
        ([(b"sidecar-wallet", WALLET.address.lower().encode())], "40000"),
        ([(b"sidecar-wallet", STRANGER.address.encode())], "50000"),
        ([(b"sidecar-wallet", b"0x12")], "50000"),
        ([(b"sidecar-wallet", WALLET.address.encode())] * 2, "50000"),
        ([], "50000"),
    ],
)
async def test_a_buyer_that_names_its_wallet_sees_its_own_price(
    tmp_path: Path, hint: list[tuple[bytes, bytes]], amount: str
) -> None:
    """A hint that proves nothing, so an odd one is no hint; it never reaches the agent."""
    sale = a_sale(some_terms(own={PAYER: FixedPrice(nano(OWN))}))
    async with open_stall(tmp_path, sale=sale) as stall:
        assert asked_for(await stall.answer(headers=hint)) == [amount]

        sold = await stall.answer(headers=[*hint, paid(P)])
        assert sold.status == 200
        assert not [name for name, _ in stall.upstream.requests[0].headers if name == b"sidecar-wallet"]


@pytest.mark.parametrize(
    ("own", "signed", "status"),
    [(OWN, OWN, 200), (OWN, P, 200), (2 * P, 2 * P, 200), (2 * P, P, 402), (OWN, OWN - 1000, 402)],
)
async def test_a_buyer_is_charged_what_it_signed_for(
    tmp_path: Path, own: int, signed: int, status: int
) -> None:
    """Its own price or, unless that is lower than its own, the list's; a refusal shows its own."""
    sale = a_sale(some_terms(own={PAYER: FixedPrice(nano(own))}))
    async with open_stall(tmp_path, sale=sale) as stall:
        buyer = await stall.answer(headers=[paid(signed)])

        assert buyer.status == status
        if status == 200:
            stored = await stall.stored()
            assert (stored.price_nano, stored.amount_nano) == (signed, signed)
        else:
            assert asked_for(buyer) == [str(own // 1000)]


async def test_a_strangers_signature_does_not_open_a_buyers_price(tmp_path: Path) -> None:
    """The price belongs to who signs, whatever the hint says."""
    sale = a_sale(some_terms(own={PAYER: FixedPrice(nano(OWN))}))
    hint = (b"sidecar-wallet", WALLET.address.encode())
    async with open_stall(tmp_path, sale=sale) as stall:
        strange = await stall.answer(headers=[hint, paid(OWN, wallet=STRANGER)])
        forged = await stall.answer(headers=[paid(OWN, wallet=STRANGER, **{"from": WALLET.address})])

        assert (strange.status, asked_for(strange)) == (402, ["50000"])
        assert (forged.status, forged.document()["reason"]) == (402, reasons.SIGNATURE)
        assert stall.count("admit_unit") == {"admit_unit": 0}


async def test_a_replaced_price_is_taken_until_it_ends(tmp_path: Path) -> None:
    """The claim says which version was paid; afterwards the price in force is asked for."""
    was = some_terms(FixedPrice(nano(OWN)), version=1).replaced(NOW_US)
    async with open_stall(tmp_path, sale=a_sale(some_terms(version=2), was)) as stall:
        assert asked_for(await stall.answer()) == ["50000"]
        assert (await stall.answer(headers=[paid(OWN)])).status == 200
        stored = await stall.stored("call_2")
        assert (stored.price_version, stored.price_nano) == (1, OWN)

        stall.clock.pass_s(180)
        later = paid(OWN, nonce=2, validBefore=str(NOW_S + 400))
        refused = await stall.answer(headers=[later])
        assert (refused.status, asked_for(refused)) == (402, ["50000"])
