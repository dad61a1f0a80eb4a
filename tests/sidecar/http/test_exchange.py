"""One buyer's side of a call: what it is sent, when it counts as gone, and that none of it raises."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.domain.refusals import Code, Refusal
from sidecar.http import exchange as module
from sidecar.http.exchange import BuyerExchange, BuyerLeft
from sidecar.http.paid_body import PaidBody
from sidecar.ports import Kept
from sidecar.x402.documents import SettleReply
from tests.sidecar.builders import PAYER, a_transaction
from tests.sidecar.fakes import Buyer, turns, until
from tests.sidecar.shop import NETWORK

RECEIPT = SettleReply(True, a_transaction(1), NETWORK, PAYER, 50_000)
TEXT = [(b"content-type", b"text/plain"), (b"connection", b"close"), (b"sidecar-cost", b"1")]


def of(buyer: Buyer, **changes: Any) -> BuyerExchange:
    given = {"write_idle_s": 60, "cross_origin": False} | changes
    return BuyerExchange(buyer.receive, buyer.send, "call_1", **given)


async def read(exchange: BuyerExchange) -> None:
    """Read the request away, as every paid call does before it is answered."""
    body = await exchange.read_body(10)
    assert isinstance(body, PaidBody)
    body.close()


async def over(exchange: BuyerExchange) -> None:
    """End what an exchange still watches."""
    exchange.cut()
    await turns(3)


# The request's body.


@pytest.mark.parametrize(("limit", "fits"), [(6, True), (5, False)])
async def test_a_body_is_read_to_its_limit(limit: int, fits: bool) -> None:
    """One byte more is refused, and not read any further."""
    buyer = Buyer(pieces=(b"abc", b"", b"def"))
    found = await of(buyer).read_body(limit)

    if fits:
        assert isinstance(found, PaidBody)
        assert found.content() == b"abcdef"
        found.close()
    else:
        assert found == Refusal(Code.BODY_TOO_LARGE)


async def test_a_buyer_who_leaves_in_the_middle_has_sent_nothing() -> None:
    """Half a request is no request."""
    buyer = Buyer(pieces=(b"abc",), whole=False)
    exchange = of(buyer)
    reading = asyncio.create_task(exchange.read_body(100))
    await turns()
    buyer.leave()

    with pytest.raises(BuyerLeft):
        await reading


async def test_a_body_that_trickles_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for a whole body is bounded; the buyer is told, as for any request that is late."""
    monkeypatch.setattr(module, "BODY_TOTAL_S", 0)
    buyer = Buyer(pieces=(b"abc",), whole=False)

    assert await of(buyer).read_body(100) == Refusal(Code.REQUEST_MALFORMED, reason="request_timeout")


async def test_an_early_answer_does_not_eat_the_request(tmp_path: object) -> None:
    """An agent may answer while the request still comes: watching for the buyer takes none of it."""
    buyer = Buyer(pieces=(b"a", b"b", b"c"))
    exchange = of(buyer)
    body = await exchange.body()
    assert isinstance(body, AsyncIterator)
    assert await anext(body) == b"a"
    assert await exchange.start(200, TEXT, None)
    await turns()

    assert [piece async for piece in body] == [b"b", b"c"]
    buyer.leave()
    await turns()
    assert not await exchange.send(b"late")


# The answer.


async def test_an_answer_is_sent_as_it_comes() -> None:
    """Head, pieces, end; the agent's fields that may pass, and the call's id."""
    buyer = Buyer()
    exchange = of(buyer)
    await read(exchange)
    assert await exchange.start(206, TEXT, None)
    assert await exchange.send(b"one ")
    assert await exchange.send(b"two")
    assert not buyer.ended
    assert await exchange.finish()

    assert (buyer.status, buyer.body, buyer.ended) == (206, b"one two", True)
    assert buyer.headers == [(b"content-type", b"text/plain"), (b"sidecar-call-id", b"call_1")]
    assert (exchange.status, exchange.outcome) == (206, "failed"), "nobody has paid for it"
    await turns(3)


async def test_a_paid_answer_that_failed_is_not_counted_as_served() -> None:
    """An agent may say 200 and fail; the receipt says that it was paid, and so is the buyer's credit."""
    buyer = Buyer()
    exchange = of(buyer)
    await exchange.start(200, TEXT, RECEIPT, failed=True)

    assert buyer.header(b"payment-response") is not None
    assert exchange.outcome == "failed"
    await over(exchange)


async def test_a_paid_answer_carries_its_receipt() -> None:
    """No shared cache may keep it."""
    buyer = Buyer()
    exchange = of(buyer)
    await exchange.start(200, TEXT, RECEIPT)

    assert buyer.header(b"cache-control") == b"private"
    assert buyer.header(b"vary") == b"PAYMENT-SIGNATURE, X-PAYMENT"
    assert buyer.header(b"payment-response") is not None
    assert exchange.outcome == "served"
    await over(exchange)


async def test_an_answer_that_is_owed_for_is_sold_without_a_receipt() -> None:
    """It is its buyer's alone and counts as served; nothing says that it was paid."""
    buyer, again = Buyer(), Buyer()
    exchange, repeat = of(buyer), of(again)
    await exchange.start(200, TEXT, None, owed=True)
    await repeat.replay(Kept(200, tuple(TEXT), b"kept"), None, "call_0")

    for each in (buyer, again):
        assert each.header(b"cache-control") == b"private"
        assert each.header(b"payment-response") is None
    assert (exchange.outcome, repeat.outcome) == ("served", "served")
    assert again.body == b"kept"
    await over(exchange)


@pytest.mark.parametrize("body", [b"kept", b""])
async def test_a_kept_answer_is_the_answer_it_was(body: bytes) -> None:
    """Its fields, its bytes, its receipt, and the id of the call that bought it."""
    fields = (*TEXT, (b"content-length", b"%d" % len(body)))
    first, again = Buyer(), Buyer()
    exchange = of(first)
    await read(exchange)
    await exchange.start(203, fields, RECEIPT)
    if body:
        await exchange.send(body)
    await exchange.finish()
    exchange = of(again)
    exchange.call = "call_2"
    await read(exchange)
    await exchange.replay(Kept(203, fields, body), RECEIPT, "call_1")

    assert (again.status, again.headers, again.body, again.ended) == (203, first.headers, body, True)
    assert (exchange.call, exchange.outcome) == ("call_1", "served")
    await turns(3)


async def test_a_kept_answer_to_nobody_is_quiet() -> None:
    """A buyer who left before it came, or between its head and its body."""
    for strict in (False, True):
        buyer = Buyer(strict=strict)
        exchange = of(buyer)
        await read(exchange)
        buyer.leave()
        await exchange.replay(Kept(200, (), b"kept"), RECEIPT)
        assert buyer.body == b""
        await over(exchange)


async def test_one_request_has_one_answer() -> None:
    """A second head is not sent, and a refusal after a head cuts the answer."""
    buyer = Buyer()
    exchange = of(buyer)
    await exchange.start(200, TEXT, RECEIPT)
    assert not await exchange.start(500, TEXT, None)
    await exchange.refuse(Refusal(Code.STORAGE_UNAVAILABLE))

    assert (buyer.status, buyer.body, buyer.ended) == (200, b"", False)
    assert not await exchange.send(b"more")
    assert not await exchange.finish()
    assert exchange.outcome == "failed"
    await turns(3)


async def test_a_second_refusal_is_not_sent() -> None:
    """The first one was the answer."""
    buyer = Buyer()
    exchange = of(buyer)
    await exchange.refuse(Refusal(Code.SETTLEMENT_UNKNOWN, call="call_0", retry_after_s=2))
    await exchange.refuse(Refusal(Code.SETTLEMENT_FAILED))

    assert (buyer.status, buyer.document()["code"]) == (503, "settlement_unknown")
    assert (buyer.document()["call"], buyer.header(b"sidecar-call-id")) == ("call_0", b"call_0")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("when", ["before the head", "before a piece", "before the end"])
async def test_nothing_raises_when_the_buyer_is_gone(when: str, strict: bool) -> None:
    """A server may drop what is sent or raise OSError: either way it is only told."""
    buyer = Buyer(strict=strict)
    exchange = of(buyer)
    await read(exchange)
    if when == "before the head":
        buyer.leave()
    await exchange.start(200, TEXT, RECEIPT)
    if when == "before a piece":
        buyer.leave()
    await turns()
    sent = await exchange.send(b"piece")
    if when == "before the end":
        buyer.leave()
        finished = await exchange.finish()
        assert (sent, finished) == (True, not strict)
    else:
        assert not sent
        assert not await exchange.finish()
    await over(exchange)


@pytest.mark.parametrize("strict", [True, False])
async def test_a_refusal_to_nobody_is_quiet(strict: bool) -> None:
    """There is nobody left to tell."""
    buyer = Buyer(strict=strict)
    buyer.leave()
    exchange = of(buyer)
    await exchange.refuse(Refusal(Code.DRAINING))

    assert (buyer.status, exchange.status) == (0, 503)


@pytest.mark.parametrize("what", ["piece", "end", "head", "refusal"])
async def test_a_buyer_who_takes_nothing_counts_as_gone(what: str) -> None:
    """Whatever is handed over has its time; nobody waits for ever."""
    buyer = Buyer()

    async def never(message: Any) -> None:
        if what == "head" or message["type"] != "http.response.start":
            await asyncio.Event().wait()

    exchange = BuyerExchange(buyer.receive, never, "call_1", write_idle_s=0, cross_origin=False)
    if what == "refusal":
        await exchange.refuse(Refusal(Code.DRAINING))
        return
    started = await exchange.start(200, TEXT, RECEIPT)
    if what == "piece":
        assert (started, await exchange.send(b"piece")) == (True, False)
    elif what == "end":
        assert (started, await exchange.finish()) == (True, False)
    assert not await exchange.send(b"more")
    await turns(3)


async def test_a_buyer_who_leaves_is_noticed_between_two_pieces() -> None:
    """Nothing needs to be sent to find out."""
    buyer = Buyer()
    exchange = of(buyer)
    await read(exchange)
    await exchange.start(200, TEXT, RECEIPT)
    assert await exchange.send(b"one")
    buyer.leave()
    gone = exchange._gone
    assert gone is not None
    await until(gone.done)

    assert not await exchange.send(b"two")
    assert buyer.body == b"one"


# What is added for browsers, and what is left out.


@pytest.mark.parametrize("cross_origin", [True, False])
async def test_a_browser_may_read_a_refusal(cross_origin: bool) -> None:
    """Whoever said where it comes from is let read the answer and its payment fields."""
    buyer = Buyer()
    await of(buyer, cross_origin=cross_origin).refuse(Refusal(Code.ROUTE_UNKNOWN))

    assert (buyer.header(b"access-control-allow-origin") == b"*") == cross_origin
    exposed = buyer.header(b"access-control-expose-headers") or b""
    assert (b"PAYMENT-REQUIRED" in exposed) == cross_origin


@pytest.mark.parametrize(("status", "length"), [(200, b"2"), (204, None)])
async def test_our_own_answers_are_whole(status: int, length: bytes | None) -> None:
    """A length with every body, none with 204 (RFC 9110 section 8.6)."""
    buyer = Buyer()
    exchange = of(buyer)
    await exchange.answer(status, [(b"content-type", b"text/plain")], b"" if length is None else b"ok")

    assert (buyer.status, buyer.header(b"content-length")) == (status, length)
    assert (buyer.header(b"sidecar-call-id"), buyer.ended) == (b"call_1", True)
    assert exchange.outcome == "own"


async def test_a_refusal_is_a_whole_document() -> None:
    """RFC 9457, never kept by a cache, with the call it is about."""
    buyer = Buyer()
    exchange = of(buyer)
    await exchange.refuse(Refusal(Code.OVERLOADED, retry_after_s=2, policy="limits.open_calls"))

    assert buyer.header(b"content-type") == b"application/problem+json"
    assert buyer.header(b"cache-control") == b"no-store"
    assert buyer.header(b"retry-after") == b"2"
    assert buyer.document()["call"] == "call_1"
    assert "limits" not in json.dumps(buyer.document())
    assert exchange.status_of(Refusal(Code.OVERLOADED)) == 503
