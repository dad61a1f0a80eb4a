"""The buyers' listener: every request is priced, free, ours or refused, and a refusal costs no I/O."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from x402.http.utils import decode_payment_required_header, decode_payment_response_header

from ledger.money import nano
from sidecar.domain.days import DayLimits, rest_s
from sidecar.domain.events import Answered
from sidecar.domain.expecting import NEEDED
from sidecar.domain.payments import State
from sidecar.http.headers import HOP_BY_HOP, PAYMENT
from sidecar.ports import AnswerLost, NothingSent, TimedOut
from sidecar.x402 import reasons
from tests.sidecar.builders import PAYER, P, a_payment_document, a_payment_header, an_endpoint
from tests.sidecar.fakes import Buyer, Says, turns
from tests.sidecar.shop import NETWORK
from tests.sidecar.stall import (
    ANSWER,
    BODY_BYTES_MAX,
    NOTHING,
    ORIGIN_SECRET,
    PAYMENT_BYTES_MAX,
    PUBLIC_URL,
    RETRY,
    SOLD,
    open_stall,
)
from tests.sidecar.x402.official import paid_by_the_official_client
from tests.sidecar.x402.signing import NOW_S, OFFER, STRANGER, WALLET, header

NOT_A_BYTE_OF_IO: Final = ["start", "body"]
PAYMENT_SIGNATURE: Final = b"payment-signature"


# Nobody pays.


@pytest.mark.parametrize(
    ("method", "target", "amount"),
    [
        ("POST", b"/research", "50000"),
        ("POST", b"/research?q=%2F..%2F", "50000"),
        ("GET", b"/models/gpt", "1001"),
        ("HEAD", b"/models/gpt", "1001"),
    ],
)
async def test_an_unpaid_call_is_told_the_price_and_costs_nothing(
    tmp_path: Path, method: str, target: bytes, amount: str
) -> None:
    """402 from prepared bytes: no storage, no agent, no facilitator, no chain, and the body is not read."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.answer(method, target, buyer=Buyer(pieces=(b"unread",)))

        assert stall.trace == NOT_A_BYTE_OF_IO
        assert buyer._to_send == [b"unread"]
        assert (buyer.status, buyer.document()["code"]) == (402, "payment_required")
        assert (buyer.document()["action"], buyer.document()["retryable"]) == ("pay", False)
        assert buyer.document()["x402Version"] == 1
        assert buyer.header(b"content-type") == b"application/json"
        assert buyer.header(b"cache-control") == b"no-store"
        assert buyer.header(b"sidecar-call-id") == b"call_1"
        required: Any = decode_payment_required_header((buyer.header(b"payment-required") or b"").decode())
        assert (required.x402_version, required.error) == (2, "payment_required")
        assert required.resource.url == PUBLIC_URL + target.split(b"?")[0].decode()
        (offered,) = required.accepts
        assert (offered.scheme, offered.network, offered.amount) == ("exact", NETWORK, amount)
        assert (offered.asset, offered.pay_to) == (OFFER.asset, OFFER.pay_to)


@pytest.mark.parametrize(
    ("method", "target", "asked", "status", "code"),
    [
        ("POST", b"/elsewhere", (), 404, "route_unknown"),
        ("POST", b"/research/", (), 404, "route_unknown"),
        ("POST", b"/Research", (), 404, "route_unknown"),
        ("GET", b"/models/", (), 404, "route_unknown"),
        ("OPTIONS", b"/research", (), 404, "route_unknown"),
        ("OPTIONS", b"/elsewhere", ((b"access-control-request-method", b"POST"),), 404, "route_unknown"),
        ("GET", b"/__402/elsewhere", (), 404, "route_unknown"),
        ("GET", b"/research", (), 405, "method_not_allowed"),
        ("DELETE", b"/models/gpt", (), 405, "method_not_allowed"),
        ("POST", b"/free/../research", (), 400, "target_ambiguous"),
        ("POST", b"/free/%2e%2e/research", (), 400, "target_ambiguous"),
        ("POST", b"//research", (), 400, "target_ambiguous"),
        ("POST", b"/research;a=1", (), 400, "target_ambiguous"),
        ("POST", b"/%72esearch", (), 400, "target_ambiguous"),
        ("POST", b"/research%00", (), 400, "target_ambiguous"),
        ("OPTIONS", b"*", (), 400, "target_ambiguous"),
    ],
)
async def test_what_is_not_sold_is_refused(
    tmp_path: Path, method: str, target: bytes, asked: Any, status: int, code: str
) -> None:
    """Default deny: with or without a payment, without asking anybody."""
    async with open_stall(tmp_path) as stall:
        for paying in ((), (stall.payment(),)):
            stall.trace.clear()
            buyer = await stall.answer(method, target, [*asked, *paying])

            assert stall.trace == NOT_A_BYTE_OF_IO
            assert (buyer.status, buyer.document()["code"]) == (status, code)
            assert (buyer.document()["action"], buyer.document()["retryable"]) == ("fix", False)
            assert buyer.header(b"content-type") == b"application/problem+json"
            assert buyer.header(b"cache-control") == b"no-store"
            assert buyer.header(b"payment-required") is None
            assert target.decode() not in str(buyer.document())


@pytest.mark.parametrize(("target", "allow"), [(b"/research", b"POST"), (b"/models/gpt", b"GET, HEAD")])
async def test_a_wrong_method_is_told_the_right_ones(tmp_path: Path, target: bytes, allow: bytes) -> None:
    """405 lists what the path is sold under, HEAD with GET."""
    async with open_stall(tmp_path) as stall:
        assert (await stall.answer("PATCH", target)).header(b"allow") == allow


async def test_a_preflight_is_answered_by_us(tmp_path: Path) -> None:
    """204 with the path's methods and the asked headers: a browser cannot pay for its own question."""
    async with open_stall(tmp_path) as stall:
        asked = [
            (b"origin", b"https://shop.example"),
            (b"access-control-request-method", b"GET"),
            (b"access-control-request-headers", b"payment-signature"),
        ]
        buyer = await stall.answer("OPTIONS", b"/models/gpt", asked)

        assert (buyer.status, buyer.body, buyer.header(b"content-length")) == (204, b"", None)
        assert buyer.header(b"access-control-allow-methods") == b"GET, HEAD"
        assert buyer.header(b"access-control-allow-headers") == b"payment-signature"
        assert buyer.header(b"access-control-allow-origin") == b"*"
        assert stall.trace == ["start"]


async def test_health_is_ours(tmp_path: Path) -> None:
    """It needs no payment and no dependency."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.answer("GET", b"/__402/health")

        assert (buyer.status, buyer.document()) == (200, {"status": "ok"})
        assert stall.trace == NOT_A_BYTE_OF_IO


# A payment that is none.


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


# A payment that is one.


async def test_the_official_client_pays_what_it_is_asked(tmp_path: Path) -> None:
    """402, signed by the official SDK as it reads it, then 200 with a receipt that it reads."""
    async with open_stall(tmp_path) as stall:
        stall.clock.time_us = time.time_ns() // 1_000
        required = (await stall.answer()).header(b"payment-required")
        assert required is not None
        buyer = await stall.answer(headers=[(PAYMENT_SIGNATURE, paid_by_the_official_client(required))])

        assert buyer.status == 200
        receipt = decode_payment_response_header((buyer.header(b"payment-response") or b"").decode())
        assert (receipt.success, receipt.network) == (True, NETWORK)
        assert stall.books.balances() == SOLD


HOP: Final = [(name, b"x") for name in sorted(HOP_BY_HOP - {b"connection"})]
OURS: Final = [
    (b"sidecar-payer", b"0x00"),
    (b"sidecar-price", b"0"),
    (b"sidecar-call-id", b"call_x"),
    (b"sidecar-call-token", b"x"),
    (b"sidecar-signature", b"t=0,v1=00"),
    (b"alephant-agent", b"x"),
]


async def test_the_agent_is_told_who_pays_and_nothing_it_should_not_see(tmp_path: Path) -> None:
    """Payments, connection fields and spoofed fields of ours end here; ours are added, and signed."""
    async with open_stall(tmp_path) as stall:
        extra = [
            (b"accept", b"text/plain"),
            (b"accept", b"text/html"),
            (b"connection", b"close, X-Secret"),
            (b"x-secret", b"1"),
            (b"sidecar-run-id", b"run-7"),
            (b"sidecar-session-id", b"two words"),
            *HOP,
            *OURS,
        ]
        await stall.buy(extra=extra, buyer=Buyer(pieces=(b'{"q":', b"1}")))
        (request,) = stall.upstream.requests
        sent = list(request.headers)
        names = [name for name, _ in sent]
        told = dict(sent)

        assert (request.method, request.target, stall.upstream.bodies) == ("POST", b"/research", [b'{"q":1}'])
        assert [value for name, value in sent if name == b"accept"] == [b"text/plain", b"text/html"]
        assert not set(names) & (HOP_BY_HOP | PAYMENT | {b"x-secret", b"alephant-agent"})
        assert len(names) == len(set(names)) + 1, "but for accept, each comes once"
        assert told[b"sidecar-payer"] == b"0x" + PAYER.hex().encode()
        assert told[b"sidecar-price"] == b"0.050000000"
        assert told[b"sidecar-call-id"] == b"call_1"
        assert told[b"sidecar-endpoint"] == b"POST /research"
        assert told[b"sidecar-run-id"] == b"run-7"
        assert b"sidecar-session-id" not in told, "a label is one short word"
        digest = hashlib.sha256(b'{"q":1}').hexdigest()
        message = f"{NOW_S}.POST./research.{digest}".encode()
        mac = hmac.new(ORIGIN_SECRET, message, hashlib.sha256).hexdigest()
        assert told[b"sidecar-signature"] == f"t={NOW_S},v1={mac}".encode()
        assert told[b"traceparent"].startswith(b"00-")
        payer = "0x" + PAYER.hex()
        assert (stall.books.call()["run"], stall.books.call()["session"]) == (f"{payer}/run-7", "")


async def test_the_buyer_is_not_told_what_is_between_the_agent_and_us(tmp_path: Path) -> None:
    """Costs, receipts of its own making and connection fields end here; the rest passes, doubles too."""
    async with open_stall(tmp_path) as stall:
        said = [
            (b"content-type", b"text/plain"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"cache-control", b"public, max-age=600"),
            (b"connection", b"x-inner"),
            (b"x-inner", b"1"),
            (b"sidecar-cost", b'0.0036;kind=tool;name="web_search"'),
            *HOP,
            *((name, b"forged") for name in sorted(PAYMENT)),
        ]
        stall.upstream.otherwise = Says(headers=said)
        buyer = await stall.buy()
        names = {name for name, _ in buyer.headers}

        assert [value for name, value in buyer.headers if name == b"set-cookie"] == [b"a=1", b"b=2"]
        assert not names & (HOP_BY_HOP | {b"x-inner", b"sidecar-cost", b"settlement-overrides", b"x-payment"})
        assert buyer.header(b"payment-response") not in {None, b"forged"}
        assert buyer.header(b"vary") == b"PAYMENT-SIGNATURE, X-PAYMENT"
        kept = [value for name, value in buyer.headers if name == b"cache-control"]
        assert kept == [b"public, max-age=600", b"private"]
        assert stall.books.balances()["cost:tool"] == 3_600_000


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


# Free calls.


async def test_a_free_call_passes_and_is_not_booked(tmp_path: Path) -> None:
    """Both bodies stream, payments do not pass, and the ledger is not asked."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(201, ((b"x-agent", b"1"),), (b"he", b"llo"))
        sent = [(b"content-length", b"2"), (b"host", b"evil.example"), *OURS, stall.payment()]
        buyer = await stall.answer("GET", b"/free/docs?a=%2F", sent)

        assert (buyer.status, buyer.body, buyer.ended) == (201, b"hello", True)
        assert buyer.header(b"sidecar-call-id") == b"call_1"
        assert buyer.header(b"payment-response") is None
        assert stall.trace == ["upstream", "start", "body"]
        (request,) = stall.upstream.requests
        assert (request.target, stall.upstream.bodies) == (b"/free/docs?a=%2F", [b"{}"])
        assert list(request.headers) == [(b"content-length", b"2"), (b"sidecar-call-id", b"call_1")]
        assert stall.observer.of(Answered)[-1].outcome == "free"
        assert stall.books.balances() == NOTHING


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (NothingSent("no route to 10.0.0.7"), 502, "upstream_unreachable"),
        (AnswerLost("10.0.0.7 reset"), 502, "upstream_unreachable"),
        (TimedOut("10.0.0.7 is slow"), 504, "upstream_timeout"),
        (ZeroDivisionError("10.0.0.7"), 503, "storage_unavailable"),
    ],
)
async def test_nothing_internal_leaks_from_a_free_call(
    tmp_path: Path, fault: Exception, status: int, code: str
) -> None:
    """Where the agent stands, and what went wrong there, is the operator's to know."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.script = [fault]
        buyer = await stall.answer("GET", b"/free/docs")

        assert (buyer.status, buyer.document()["code"]) == (status, code)
        assert (buyer.document()["retryable"], buyer.header(b"retry-after")) == (True, b"2")
        assert b"10.0.0.7" not in buyer.body
        assert len(stall.observer.attention) == 1


async def test_a_free_answer_that_breaks_off_is_cut(tmp_path: Path) -> None:
    """The buyer can tell that it is not whole."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(chunks=(b"half", AnswerLost("reset")))
        buyer = await stall.answer("GET", b"/free/docs")

        assert (buyer.status, buyer.body, buyer.ended) == (200, b"half", False)
        assert stall.upstream.answers[0].closed >= 1


async def test_a_free_request_that_breaks_off_is_nobodys_answer(tmp_path: Path) -> None:
    """The buyer is gone; there is no defect to tell."""
    async with open_stall(tmp_path) as stall:
        sent = [(b"transfer-encoding", b"chunked")]
        _, task = stall.ask("GET", b"/free/docs", sent, buyer=(buyer := Buyer(whole=False)))
        await turns()
        buyer.leave()
        await task

        assert (buyer.status, stall.observer.events) == (0, [])


# Limits of the house.


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
        stall.buyers.ready = False
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
        stall.buyers.ready = False
        await stall.buyers.idle()
        resume.set()
        await task

        assert (buyer.status, buyer.document()["code"]) == (503, "draining")
        assert stall.trace == NOT_A_BYTE_OF_IO


async def test_every_answer_is_told_once(tmp_path: Path) -> None:
    """One event per answer, with its route, outcome, status and call."""
    async with open_stall(tmp_path) as stall:
        await stall.answer()
        await stall.answer("GET", b"/elsewhere")
        await stall.answer("GET", b"/__402/health")
        await stall.buy()

        told = [(each.endpoint, each.outcome, each.status, each.call) for each in stall.observer.of(Answered)]
        assert told == [
            ("POST /research", "refused:payment_required", 402, "call_1"),
            ("", "refused:route_unknown", 404, "call_2"),
            ("", "own", 200, "call_3"),
            ("POST /research", "served", 200, "call_4"),
        ]


async def test_only_http_is_spoken(tmp_path: Path) -> None:
    """A server that hands over anything else is not the one this was made for."""
    async with open_stall(tmp_path) as stall:
        buyer = Buyer()
        with pytest.raises(AssertionError, match="HTTP only"):
            await stall.buyers({"type": "websocket"}, buyer.receive, buyer.send)


async def test_two_wallets_do_not_meet(tmp_path: Path) -> None:
    """The same nonce of another wallet is another payment, with accounts of its own."""
    async with open_stall(tmp_path) as stall:
        first = await stall.buy()
        second = await stall.answer(headers=[stall.payment(wallet=STRANGER)])

        assert (first.status, second.status) == (200, 503), "the fake names one transaction for both"
        deposits = {name: units for name, units in stall.books.accounts().items() if "deposit" in name}
        assert sorted(deposits.values()) == [0, P]


# What passes through, piece by piece, and what breaks in our own house.


async def test_a_free_answer_leaves_as_it_is_made(tmp_path: Path) -> None:
    """The first piece is with the buyer before the last one exists."""
    async with open_stall(tmp_path) as stall:
        rest = asyncio.Event()
        stall.upstream.otherwise = Says(chunks=(b"first ", rest, b"last"))
        buyer, task = stall.ask("GET", b"/free/docs")
        await buyer.fed.wait()
        assert buyer.body == b"first "
        rest.set()
        await task

        assert (buyer.body, buyer.ended) == (b"first last", True)


async def test_a_buyer_who_leaves_a_free_answer_ends_it(tmp_path: Path) -> None:
    """Nobody reads on for someone who is gone: the agent's connection is released."""
    async with open_stall(tmp_path) as stall:
        rest = asyncio.Event()
        stall.upstream.otherwise = Says(chunks=(b"first", rest, b"second", b"third"))
        buyer, task = stall.ask("GET", b"/free/docs")
        await buyer.fed.wait()
        buyer.leave()
        rest.set()
        await task

        assert buyer.body == b"first"
        assert stall.upstream.answers[0].given == 2
        assert stall.upstream.answers[0].closed >= 1


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("free", [True, False])
async def test_a_status_without_a_body_has_no_length(tmp_path: Path, status: int, free: bool) -> None:
    """The agent may name the length of what it does not send; passed on, a buyer would wait for it."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(status, ((b"content-length", b"7"), (b"etag", b"1")), ())
        buyer = await (stall.answer("GET", b"/free/docs") if free else stall.buy())

        assert (buyer.status, buyer.body, buyer.ended) == (status, b"", True)
        assert (buyer.header(b"etag"), buyer.header(b"content-length")) == (b"1", None)


async def test_a_defect_before_the_call_is_the_operators_to_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buyer may try again; only the exception's class is told, and the next request is served."""

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("10.0.0.7")

    async with open_stall(tmp_path) as stall:
        with monkeypatch.context() as patched:
            patched.setattr("sidecar.http.asked.Asked.verified", broken)
            buyer = await stall.buy()

        assert (buyer.status, buyer.document()["code"]) == (503, "storage_unavailable")
        assert b"10.0.0.7" not in buyer.body
        assert stall.observer.attention == ["defect"]
        assert "10.0.0.7" not in repr(stall.observer.events)
        assert (await stall.buy()).status == 200


async def test_a_defect_within_an_answer_cuts_it(tmp_path: Path) -> None:
    """What was begun cannot be refused any more, and must not look whole."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = Says(chunks=(b"half", ZeroDivisionError("10.0.0.7")))
        buyer = await stall.answer("GET", b"/free/docs")

        assert (buyer.status, buyer.body, buyer.ended) == (200, b"half", False)
        assert stall.observer.attention == ["defect"]
        assert stall.upstream.answers[0].closed >= 1


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


async def test_work_that_would_lose_money_is_refused_before_it_is_done(tmp_path: Path) -> None:
    """Five calls teach what one costs; the sixth is not done, and one that was sold is answered again."""
    endpoint = an_endpoint(margin_floor=Fraction(1, 10))
    async with open_stall(tmp_path, endpoint=endpoint) as stall:
        for number in range(NEEDED):
            assert stall.expected.cost(endpoint.name, stall.clock.now_us()) is None
            assert (await stall.buy(nonce=number + 1)).status == 200
            stall.expected.note(endpoint.name, P * 9 // 10 + 1, stall.clock.now_us())
        before = len(stall.upstream.requests)

        refused = await stall.buy(nonce=9)
        assert (refused.status, refused.document()["code"]) == (403, "would_lose_money")
        assert b"margin" not in refused.body
        assert stall.observer.of(Answered)[-1].policy == "routes.margin_floor"
        assert (await stall.buy(nonce=1)).status == 200
        assert len(stall.upstream.requests) == before
