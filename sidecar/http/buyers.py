"""The buyers' listener: plain ASGI in front of the paid path. Reads each header once; decides no money.

Every path is priced, free, ours, or refused. An unpaid call costs no I/O.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pricing.extract import meter_for
from sidecar.delivery import Bounds, Delivery, Room
from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.call import Endpoint
from sidecar.domain.events import Answered, NeedsAttention
from sidecar.domain.pacing import Rate
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.routes import Matched, Routes, UnknownRoute, WrongMethod
from sidecar.domain.target import Ambiguous, Target, canonical
from sidecar.domain.verification import Checked, check, recognize
from sidecar.fields import combined, values
from sidecar.http import headers as hygiene
from sidecar.http.asked import US_PER_S, Asked
from sidecar.http.exchange import BuyerExchange, BuyerLeft, Receive, Send
from sidecar.http.paces import Paces
from sidecar.pipeline import Pipeline
from sidecar.ports import Clock, Fault, Headers, Ids, Observer, TimedOut, Upstream, UpstreamRequest
from sidecar.tokens import Tokens
from sidecar.x402 import reasons
from sidecar.x402.challenge import Challenge

Scope = dict[str, Any]
WRITE_IDLE_S: Final = 60
HEALTH: Final = b'{"status":"ok"}'


@dataclass(frozen=True, slots=True)
class Entry:
    """One route: what is sold there, and its prepared 402; `endpoint` is None for a free route."""

    name: str
    endpoint: Endpoint | None
    challenge: Challenge | None
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a buyer's request."""

    payment_header_bytes: int
    paid_body_bytes: int
    open_calls: int
    per_buyer: Rate
    per_address: Rate


class Buyers:
    """The ASGI app. `ready` False means draining: what is paid is sent elsewhere, the rest runs on."""

    def __init__(
        self,
        *,
        entries: Sequence[Entry],
        routes: Routes,
        pipeline: Pipeline,
        upstream: Upstream,
        clock: Clock,
        ids: Ids,
        observer: Observer,
        tokens: Tokens,
        limits: Limits,
        delivery: Bounds,
    ) -> None:
        self._entries = entries
        self._routes = routes
        self._pipeline = pipeline
        self._upstream = upstream
        self._clock = clock
        self._ids = ids
        self._observer = observer
        self._tokens = tokens
        self._limits = limits
        self._delivery = delivery
        self._paces = Paces(limits.per_address, limits.per_buyer)
        self._open: set[asyncio.Task[None]] = set()
        self._busy = 0
        self.ready = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3, HTTP only)."""
        assert scope["type"] == "http", "the buyers' listener speaks HTTP only"
        started_us = self._clock.monotonic_us()
        fields: Headers = scope["headers"]
        exchange = BuyerExchange(
            receive,
            send,
            self._ids.call(self._clock.now_us()),
            write_idle_s=WRITE_IDLE_S,
            cross_origin=any(name == b"origin" for name, _ in fields),
        )
        endpoint = ""
        try:
            endpoint = await self._route(scope, fields, exchange)
        except BuyerLeft:
            return
        except Exception as defect:  # a buyer never sees a defect, an operator always does
            self._observer.saw(NeedsAttention("defect", type(defect).__name__, exchange.call))
            await exchange.refuse(Refusal(Code.STORAGE_UNAVAILABLE, retry_after_s=RETRY_AFTER_S))
        latency_us = self._clock.monotonic_us() - started_us
        self._observer.saw(
            Answered(endpoint, exchange.outcome, exchange.status, exchange.call, latency_us, exchange.policy)
        )

    async def idle(self) -> None:
        """Wait until no paid call is open."""
        while self._open:
            await asyncio.wait(self._open)

    async def _route(self, scope: Scope, fields: Headers, exchange: BuyerExchange) -> str:
        target = canonical(scope["raw_path"], scope["query_string"])
        if isinstance(target, Ambiguous):
            await exchange.refuse(Refusal(Code.TARGET_AMBIGUOUS))
            return ""
        if target.path.startswith(b"/__402/"):
            await self._own(target, exchange)
            return ""
        method: str = scope["method"]
        if method == "OPTIONS":
            await self._options(target, fields, exchange)
            return ""
        match self._routes.match(method, target):
            case Matched(index=index):
                entry = self._entries[index]
            case WrongMethod(allow=allow):
                await exchange.refuse(Refusal(Code.METHOD_NOT_ALLOWED, allow=allow))
                return ""
            case UnknownRoute():
                await exchange.refuse(Refusal(Code.ROUTE_UNKNOWN))
                return ""
        if entry.endpoint is None:
            await self._free(entry, method, target, fields, exchange)
        else:
            exchange.challenge, exchange.path = entry.challenge, target.path
            await self._priced(entry.endpoint, scope, target, exchange)
        return entry.name

    async def _own(self, target: Target, exchange: BuyerExchange) -> None:
        if target.path == b"/__402/health":
            await exchange.answer(200, [(b"content-type", b"application/json")], HEALTH)
        else:
            await exchange.refuse(Refusal(Code.ROUTE_UNKNOWN))

    async def _options(self, target: Target, fields: Headers, exchange: BuyerExchange) -> None:
        """Answer a CORS preflight ourselves: it carries no payment and must not be charged."""
        allow = self._routes.allow(target)
        if not allow or not values(fields, b"access-control-request-method"):
            await exchange.refuse(Refusal(Code.ROUTE_UNKNOWN))
            return
        asked = combined(fields, b"access-control-request-headers")
        granted = [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-methods", ", ".join(allow).encode("ascii")),
            (b"access-control-allow-headers", asked or b"PAYMENT-SIGNATURE, X-PAYMENT, Content-Type"),
            (b"access-control-max-age", b"600"),
        ]
        await exchange.answer(204, granted, b"")

    async def _priced(
        self, endpoint: Endpoint, scope: Scope, target: Target, exchange: BuyerExchange
    ) -> None:
        method, fields = scope["method"], scope["headers"]
        payment = _payment_header(fields)
        if payment is None:
            await exchange.refuse(Refusal(Code.PAYMENT_REQUIRED))
            return
        now_us = self._clock.now_us()
        refusal = payment if isinstance(payment, Refusal) else self._closed()
        # Before any signature is checked: that is the work a stranger could make us do.
        refusal = refusal or self._paces.of_address(scope.get("client"), now_us)
        if refusal is not None:
            await exchange.refuse(refusal)
            return
        assert isinstance(payment, bytes), "a payment is bytes or was refused"
        at_s = now_us // US_PER_S
        checked = await self._check(payment, endpoint, at_s)
        if isinstance(checked, Checked):
            checked = self._paces.of_buyer(checked.evidence.payer, endpoint, now_us) or checked
        if isinstance(checked, Refusal):
            await exchange.refuse(checked)
            return
        self._busy += 1
        try:
            body = await exchange.read_body(self._limits.paid_body_bytes)
            if isinstance(body, Refusal):
                await exchange.refuse(body)
                return
            asked = Asked(method, target, fields, body, exchange.call, self._clock.now_us())
            # A body may take its time: the payment must still be good for the work that starts now.
            if asked.at_us // US_PER_S != at_s:
                checked = await self._check(payment, endpoint, asked.at_us // US_PER_S)
            if not self.ready:
                checked = Refusal(Code.DRAINING, retry_after_s=RETRY_AFTER_S)
            await self._sell(asked, checked, endpoint, exchange)
        finally:
            self._busy -= 1

    async def _check(self, payment: bytes, endpoint: Endpoint, at_s: int) -> Checked | Refusal:
        """Check a payment. One that is signed well and buys nothing now is looked up before it is refused."""
        bytes_max = self._limits.payment_header_bytes
        checked = check(payment, endpoint, bytes_max, at_s)
        if isinstance(checked, Checked) or checked.code is not Code.PAYMENT_INVALID:
            return checked
        known = recognize(payment, endpoint, bytes_max, checked)
        if known is not None and await self._pipeline.knows(known.evidence.claim_key):
            return known
        return checked

    async def _sell(
        self, asked: Asked, checked: Checked | Refusal, endpoint: Endpoint, exchange: BuyerExchange
    ) -> None:
        if isinstance(checked, Refusal):
            asked.body.close()
            await exchange.refuse(checked)
            return
        task = asyncio.create_task(self._run(asked, checked, endpoint, exchange))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            # The drain is over and the server ends by force. The call ends as in a crash, so that nothing
            # is charged that nobody gets: the next run puts it to rest by what is on disk.
            task.cancel()
            await exchange.refuse(Refusal(Code.CALL_IN_PROGRESS, retry_after_s=RETRY_AFTER_S))
            raise

    def _closed(self) -> Refusal | None:
        if not self.ready:
            return Refusal(Code.DRAINING, retry_after_s=RETRY_AFTER_S)
        if self._busy >= self._limits.open_calls:
            return Refusal(Code.OVERLOADED, retry_after_s=RETRY_AFTER_S)
        return None

    async def _run(self, asked: Asked, checked: Checked, endpoint: Endpoint, exchange: BuyerExchange) -> None:
        try:
            exchange.version = checked.payment.version
            verified = asked.verified(checked, endpoint)
            outgoing = asked.outgoing(verified, self._tokens)
            await self._pipeline.serve(verified, outgoing, exchange, checked.closed)
        finally:
            asked.body.close()

    async def _free(
        self, entry: Entry, method: str, target: Target, fields: Headers, exchange: BuyerExchange
    ) -> None:
        """Pass a free call through: no ledger, both bodies stream."""
        has_body = any(name in {b"content-length", b"transfer-encoding"} for name, _ in fields)
        outgoing = UpstreamRequest(
            method=method,
            target=target.target,
            headers=hygiene.free_request(fields, exchange.call),
            body=exchange.stream_body() if has_body else None,
            headers_timeout_s=entry.timeout_s,
        )
        try:
            answer = await self._upstream.send(outgoing)
        except Fault as fault:
            code = Code.UPSTREAM_TIMEOUT if isinstance(fault, TimedOut) else Code.UPSTREAM_UNREACHABLE
            self._observer.saw(NeedsAttention(code.value, str(fault), exchange.call))
            await exchange.refuse(Refusal(code, retry_after_s=RETRY_AFTER_S))
            return
        try:
            delivery = Delivery(answer, meter_for(b"", b""), self._delivery, Room(0))
            await exchange.start(answer.status, answer.headers, None)
            exchange.outcome = "free"
            await delivery.stream(exchange)
        finally:
            await answer.close()


def _payment_header(fields: Headers) -> bytes | Refusal | None:
    """Return the one payment header, None when there is none. Two of them are no payment.

    The version is the document's own, whichever header it came in: some wallets mix them.
    """
    found = [*values(fields, b"payment-signature"), *values(fields, b"x-payment")]
    if not found:
        return None
    return found[0] if len(found) == 1 else Refusal(Code.PAYMENT_MALFORMED, reason=reasons.INVALID_PAYLOAD)
