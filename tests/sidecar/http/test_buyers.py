"""The buyers' listener: every request is priced, free, ours or refused, and a refusal costs no I/O."""

import hashlib
import hmac
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from x402.http.utils import decode_payment_required_header, decode_payment_response_header

from sidecar.domain.events import Answered
from sidecar.http.headers import HOP_BY_HOP, PAYMENT
from sidecar.http.reading import Head
from tests.sidecar.builders import PAYER
from tests.sidecar.fakes import Buyer, Says
from tests.sidecar.http.promises import OURS
from tests.sidecar.shop import NETWORK
from tests.sidecar.stall import (
    ORIGIN_SECRET,
    PUBLIC_URL,
    SOLD,
    open_stall,
)
from tests.sidecar.x402.official import paid_by_the_official_client
from tests.sidecar.x402.signing import NOW_S, OFFER

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


# Free calls.


# Limits of the house.


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


# What passes through, piece by piece, and what breaks in our own house.


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


# At once.


def head_of(method: str, target: bytes, *fields: tuple[bytes, bytes]) -> Head:
    path, _, query = target.partition(b"?")
    return Head(method, path, query, list(fields), expects=False, keep_alive=True)


@pytest.mark.parametrize(
    ("method", "target", "fields"),
    [
        ("POST", b"/research", ()),
        ("POST", b"/research?q=%2F..%2F", ((b"content-length", b"10"),)),
        ("GET", b"/models/gpt", ((b"origin", b"https://shop.example"),)),
        ("HEAD", b"/models/%C3%A9", ((b"sidecar-wallet", b"0x" + PAYER.hex().encode()),)),
    ],
)
async def test_an_unpaid_call_is_answered_at_once_as_it_is_by_the_app(
    tmp_path: Path, method: str, target: bytes, fields: Any
) -> None:
    """The same answer and the same event, but for the call's id; and nothing is touched for it."""
    async with open_stall(tmp_path) as stall:
        buyer = await stall.answer(method, target, fields)
        stall.trace.clear()
        prepared = stall.buyers.at_once(head_of(method, target, *fields))
        assert prepared is not None
        assert len(stall.observer.events) == 1
        whole = prepared()

        assert stall.trace == []
        lines = [tuple(line.split(b": ", 1)) for line in whole.fields.split(b"\r\n")[:-1]]
        renamed = [(name, value.replace(b"call_2", b"call_1")) for name, value in lines]
        assert (whole.status, whole.body.replace(b"call_2", b"call_1")) == (buyer.status, buyer.body)
        assert renamed == buyer.headers
        first, second = stall.observer.of(Answered)
        assert second == replace(first, call="call_2")


@pytest.mark.parametrize(
    ("method", "target", "fields"),
    [
        ("POST", b"/research", ((b"payment-signature", b"x"),)),
        ("POST", b"/research", ((b"x-payment", b""),)),
        ("OPTIONS", b"/research", ()),
        ("GET", b"/free/docs", ()),
        ("GET", b"/research", ()),
        ("GET", b"/elsewhere", ()),
        ("POST", b"/research/../research", ()),
        ("GET", b"/.well-known/x402", ()),
        ("GET", b"/__402/quote", ()),
    ],
)
async def test_all_else_is_left_to_the_app(tmp_path: Path, method: str, target: bytes, fields: Any) -> None:
    """What is paid, free, ours or refused; and nothing is said of it here."""
    async with open_stall(tmp_path) as stall:
        assert stall.buyers.at_once(head_of(method, target, *fields)) is None
        assert stall.observer.events == []
