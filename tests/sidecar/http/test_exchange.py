"""One buyer's side of a call: its body in, one answer out, and nothing raised when it is gone."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from x402.http.utils import decode_payment_required_header, decode_payment_response_header
from x402.schemas import PaymentRequired

from sidecar.domain.refusals import Code, Refusal
from sidecar.http import exchange as exchange_module
from sidecar.http.exchange import BuyerExchange, BuyerLeft, PaidBody
from sidecar.x402.challenge import prepare
from sidecar.x402.documents import Resource, SettleReply
from tests.sidecar.builders import PAYER, a_transaction, an_offer
from tests.sidecar.fakes import Buyer
from tests.sidecar.shop import NETWORK
from tests.sidecar.stall import PUBLIC_URL

RECEIPT = SettleReply(True, a_transaction(1), NETWORK, PAYER, 50_000)
PLAIN = ((b"content-type", b"text/plain"), (b"content-length", b"4"))
DRAINING = Refusal(Code.DRAINING, retry_after_s=2)
UNPAID = Refusal(Code.PAYMENT_REQUIRED)


def exchange_of(buyer: Buyer, *, write_idle_s: Any = 60, cross_origin: bool = False) -> BuyerExchange:
    exchange = BuyerExchange(
        buyer.receive, buyer.send, "call_7", write_idle_s=write_idle_s, cross_origin=cross_origin
    )
    exchange.challenge = prepare([an_offer().requirements], Resource(PUBLIC_URL))
    exchange.path = b"/research"
    return exchange


@pytest.fixture(autouse=True)
async def nothing_left_running() -> AsyncIterator[None]:
    """Whatever an exchange started to watch its buyer has ended with it."""
    before = asyncio.all_tasks()
    yield
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()


# The request body.


async def test_a_body_is_read_whole_and_hashed() -> None:
    """However it was cut into pieces, it is one body with one digest."""
    body = await exchange_of(Buyer(pieces=[b"ab", b"", b"c"])).read_body(3)

    assert isinstance(body, PaidBody)
    assert (body.size, body.content(), body.digest) == (3, b"abc", hashlib.sha256(b"abc").digest())
    assert body.content() == b"abc", "it may be sent again"
    body.close()


async def test_no_body_is_none() -> None:
    """An empty body has no content to send, and the digest of nothing."""
    body = await exchange_of(Buyer(pieces=[b""])).read_body(3)

    assert isinstance(body, PaidBody)
    assert (body.size, body.content(), body.digest) == (0, None, hashlib.sha256(b"").digest())
    body.close()


async def test_a_body_above_its_limit_is_not_read_on() -> None:
    """The first byte too many ends the reading; what still comes is the server's to drop."""
    buyer = Buyer(pieces=[b"ab", b"cd", b"ef"])

    assert await exchange_of(buyer).read_body(3) == Refusal(Code.BODY_TOO_LARGE)
    assert (await buyer.receive())["body"] == b"ef"


async def test_a_large_body_does_not_stay_in_memory() -> None:
    """Over 64 KiB it is read back in pieces, from its start, each time it is asked for."""
    pieces = [bytes([number]) * 50_000 for number in range(4)]
    body = await exchange_of(Buyer(pieces=pieces)).read_body(10**6)

    assert isinstance(body, PaidBody)
    for _ in range(2):
        content = body.content()
        assert isinstance(content, AsyncIterator)
        read = [piece async for piece in content]
        assert b"".join(read) == b"".join(pieces)
        assert max(len(piece) for piece in read) <= 64 * 1024
    body.close()


@pytest.mark.parametrize("pieces", [[], [b"ab"]], ids=["at once", "halfway"])
async def test_a_buyer_who_leaves_has_asked_for_nothing(pieces: list[bytes]) -> None:
    """A body that never comes whole is no request: nobody could check what it pays for."""
    with pytest.raises(BuyerLeft):
        await exchange_of(LeavingBuyer(pieces=pieces)).read_body(100)


class LeavingBuyer(Buyer):
    """Promises more than it sends, and is gone."""

    async def receive(self) -> dict[str, Any]:
        if self._to_send:
            return {"type": "http.request", "body": self._to_send.pop(0), "more_body": True}
        return {"type": "http.disconnect"}


async def test_a_body_that_trickles_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a body has its time, however steadily it comes."""
    monkeypatch.setattr(exchange_module, "BODY_TOTAL_S", 0.02)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    exchange = BuyerExchange(receive, Buyer().send, "call_7", write_idle_s=60, cross_origin=False)
    with pytest.raises(BuyerLeft):
        await exchange.read_body(100)


# The agent's answer.


async def test_a_paid_answer_carries_its_receipt() -> None:
    """The agent's status and fields, the call, and a receipt that the official client reads."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    assert await exchange.start(201, PLAIN, RECEIPT)
    assert await exchange.send(b"do")
    assert await exchange.send(b"ne")
    assert await exchange.finish()

    assert (buyer.status, buyer.body, buyer.ended) == (201, b"done", True)
    assert (exchange.status, exchange.outcome) == (201, "served")
    assert buyer.header(b"content-length") == b"4"
    assert buyer.header(b"sidecar-call-id") == b"call_7"
    assert buyer.header(b"cache-control") == b"private"
    receipt = decode_payment_response_header((buyer.header(b"payment-response") or b"").decode())
    assert (receipt.success, receipt.transaction, receipt.amount) == (True, a_transaction(1), "50000")


async def test_an_unpaid_answer_is_the_agents_alone() -> None:
    """No receipt and no caching rule of ours; how it ended is not a sale."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    await exchange.start(500, PLAIN, None)
    await exchange.send(b"oops")
    await exchange.finish()

    assert (exchange.status, exchange.outcome) == (500, "failed")
    assert buyer.headers == [*PLAIN, (b"sidecar-call-id", b"call_7")]


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("receipt", [RECEIPT, None])
async def test_a_status_without_a_body_has_no_length(status: int, receipt: SettleReply | None) -> None:
    """A 304 may name the length of what it does not carry; passed on, a client would wait for it."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    await exchange.start(status, PLAIN, receipt)
    await exchange.finish()

    assert (buyer.status, buyer.ended, buyer.header(b"content-length")) == (status, True, None)


async def test_an_answer_begins_once() -> None:
    """Once something was answered, nothing else begins."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    await exchange.refuse(DRAINING)
    assert await exchange.start(200, PLAIN, RECEIPT) is False

    assert (buyer.status, exchange.outcome) == (503, "refused:draining")


async def test_a_cut_answer_has_no_end() -> None:
    """The server closes such a connection, so the buyer can tell that it is not whole."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    await exchange.start(200, PLAIN, RECEIPT)
    await exchange.send(b"do")
    exchange.cut()

    assert (await exchange.send(b"ne"), await exchange.finish()) == (False, False)
    assert (buyer.body, buyer.ended, exchange.outcome) == (b"do", False, "failed")


# A buyer who is gone, or does not read.

Step = Callable[[BuyerExchange], Awaitable[object]]


async def deliver(exchange: BuyerExchange) -> None:
    await exchange.start(200, PLAIN, RECEIPT)
    await asyncio.sleep(0)
    assert (await exchange.send(b"done"), await exchange.finish()) == (False, False)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "step",
    [
        deliver,
        lambda exchange: exchange.refuse(DRAINING),
        lambda exchange: exchange.answer(200, [], b"{}"),
    ],
    ids=["answer", "refusal", "own"],
)
async def test_a_buyer_gone_before_the_answer_raises_nothing(step: Step, strict: bool) -> None:
    """Servers tell an app in two ways that nobody listens; both are quiet here."""
    buyer = Buyer(strict=strict)
    buyer.leave()
    await step(exchange_of(buyer))

    assert (buyer.status, buyer.body) == (0, b"")


@pytest.mark.parametrize("strict", [True, False])
async def test_a_buyer_gone_between_two_pieces_is_noticed(strict: bool) -> None:
    """The next piece is not sent into the void."""
    buyer = Buyer(strict=strict, pieces=[b"{}"])
    exchange = exchange_of(buyer)
    await exchange.start(200, PLAIN, RECEIPT)
    assert await exchange.send(b"do")
    buyer.leave()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert (await exchange.send(b"ne"), await exchange.finish()) == (False, False)
    assert buyer.body == b"do"


async def test_a_body_that_still_comes_is_not_a_leaving() -> None:
    """An answer may begin before the request was read to its end; only a disconnect tells of a leaving."""
    buyer = Buyer(pieces=[b"a", b"b", b"c"])
    exchange = exchange_of(buyer)
    await exchange.start(200, PLAIN, RECEIPT)
    for piece in (b"d", b"o", b"n", b"e"):
        assert await exchange.send(piece)
    assert await exchange.finish()

    assert (buyer.body, buyer.ended) == (b"done", True)


@pytest.mark.parametrize("after", [b"", b"do"], ids=["the first piece", "a later piece"])
async def test_a_buyer_who_does_not_read_counts_as_gone(after: bytes) -> None:
    """A piece that is not taken in time is the last one tried."""
    buyer = Buyer()
    exchange = exchange_of(buyer, write_idle_s=0.02)
    await exchange.start(200, PLAIN, RECEIPT)
    if after:
        assert await exchange.send(after)
    buyer.reads.clear()
    assert await exchange.send(b"ne") is False
    buyer.reads.set()

    assert (await exchange.send(b"ne"), await exchange.finish()) == (False, False)
    assert (buyer.body, buyer.ended) == (after, False)


async def test_an_end_that_is_not_taken_is_no_end() -> None:
    """The last message is waited for like every other."""
    buyer = Buyer()
    exchange = exchange_of(buyer, write_idle_s=0.02)
    await exchange.start(200, PLAIN, RECEIPT)
    buyer.reads.clear()

    assert await exchange.finish() is False


# Our own answers.


async def test_a_402_is_read_by_the_official_client() -> None:
    """Header and body name the call's URL, the offer and why; no cache keeps it."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    await exchange.refuse(Refusal(Code.PAYMENT_INVALID, reason="invalid_network"))

    assert (buyer.status, exchange.status, exchange.outcome) == (402, 402, "refused:payment_invalid")
    required = decode_payment_required_header((buyer.header(b"payment-required") or b"").decode())
    assert isinstance(required, PaymentRequired)
    assert required.resource is not None
    assert (required.resource.url, required.error) == (PUBLIC_URL + "/research", "invalid_network")
    assert [each.amount for each in required.accepts] == ["50000"]
    body = buyer.document()
    assert (buyer.header(b"content-type"), body["x402Version"]) == (b"application/json", 1)
    assert (body["code"], body["reason"], body["error"]) == (
        "payment_invalid", "invalid_network", "invalid_network",
    )  # fmt: skip
    assert isinstance(body["accepts"], list)
    assert buyer.header(b"cache-control") == b"no-store"


async def test_a_refusal_is_about_the_call_it_names() -> None:
    """A repeat carries the original's id, in the field and in the document."""
    buyer = Buyer()
    await exchange_of(buyer).refuse(Refusal(Code.CALL_IN_PROGRESS, call="call_1", retry_after_s=2))

    assert buyer.header(b"content-type") == b"application/problem+json"
    assert buyer.header(b"sidecar-call-id") == b"call_1"
    assert (buyer.document()["call"], buyer.header(b"retry-after")) == ("call_1", b"2")
    assert buyer.header(b"payment-required") is None


async def test_a_failed_settlement_comes_with_its_receipt() -> None:
    """The receipt says no, and a new offer is beside it."""
    buyer = Buyer()
    receipt = SettleReply(False, "", NETWORK, PAYER, None, "insufficient_funds")
    await exchange_of(buyer).refuse(Refusal(Code.SETTLEMENT_FAILED, reason="insufficient_funds"), receipt)

    read = decode_payment_response_header((buyer.header(b"payment-response") or b"").decode())
    assert (read.success, read.error_reason) == (False, "insufficient_funds")
    assert buyer.header(b"payment-required") is not None


async def test_a_refusal_after_the_answer_began_cuts_it() -> None:
    """There is no second status: what was begun stays without its end."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    await exchange.start(200, PLAIN, RECEIPT)
    await exchange.refuse(DRAINING)

    assert (buyer.status, buyer.ended, exchange.outcome) == (200, False, "failed")
    assert await exchange.send(b"done") is False


async def test_a_second_refusal_is_not_sent() -> None:
    """The first one stands."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    await exchange.refuse(DRAINING)
    await exchange.refuse(UNPAID)

    assert (buyer.status, buyer.document()["code"]) == (503, "draining")


@pytest.mark.parametrize("cross_origin", [True, False])
async def test_a_browser_of_another_origin_may_read_a_refusal(cross_origin: bool) -> None:
    """It could not pay for what it is not allowed to see; others get no such field."""
    buyer = Buyer()
    await exchange_of(buyer, cross_origin=cross_origin).refuse(UNPAID)

    exposed = buyer.header(b"access-control-expose-headers")
    assert buyer.header(b"access-control-allow-origin") == (b"*" if cross_origin else None)
    assert exposed == (b"PAYMENT-REQUIRED, PAYMENT-RESPONSE, Sidecar-Call-Id" if cross_origin else None)


@pytest.mark.parametrize(("status", "length"), [(200, b"2"), (204, None)])
async def test_our_own_documents_carry_their_length_and_the_call(status: int, length: bytes | None) -> None:
    """A 204 has no length (RFC 9110 section 8.6)."""
    buyer = Buyer()
    exchange = exchange_of(buyer)
    await exchange.answer(status, [(b"content-type", b"application/json")], b"{}" if length else b"")

    assert (buyer.status, buyer.ended, exchange.outcome) == (status, True, "own")
    assert buyer.header(b"content-length") == length
    assert buyer.header(b"sidecar-call-id") == b"call_7"


def test_the_status_of_a_refusal_is_the_tables() -> None:
    """The paid path books what the buyer is told."""
    exchange = exchange_of(Buyer())

    assert exchange.status_of(DRAINING) == 503
    assert exchange.status_of(UNPAID) == 402
