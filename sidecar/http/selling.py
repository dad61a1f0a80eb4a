"""Selling: one request of a priced route, from its payment header to the paid path. Decides no money.

Each header is read once. An unpaid call and a bad payment cost no I/O.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.call import Endpoint
from sidecar.domain.pacing import Rate
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.target import Target
from sidecar.domain.verification import Checked, check, recognize
from sidecar.fields import values
from sidecar.http.asked import US_PER_S, Asked
from sidecar.http.exchange import BuyerExchange
from sidecar.http.paces import Paces
from sidecar.pipeline import Pipeline
from sidecar.ports import Clock, Headers
from sidecar.tokens import Tokens
from sidecar.x402 import reasons

_MAY_BE_KNOWN: Final = frozenset({Code.PAYMENT_INVALID, Code.PAYMENT_IDENTIFIER_REQUIRED})
"""What a payment may be refused as that bought something when other terms were asked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a buyer's request."""

    payment_header_bytes: int
    paid_body_bytes: int
    open_calls: int
    per_buyer: Rate
    per_address: Rate


class Selling:
    """Sells the calls of priced routes. `ready` False means draining: nothing that is paid begins."""

    def __init__(self, pipeline: Pipeline, clock: Clock, tokens: Tokens, limits: Limits) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._tokens = tokens
        self._limits = limits
        self._paces = Paces(limits.per_address, limits.per_buyer)
        self._open: set[asyncio.Task[None]] = set()
        self._busy = 0
        self.ready = True

    async def idle(self) -> None:
        """Wait until no paid call is open."""
        while self._open:
            await asyncio.wait(self._open)

    async def sell(
        self, endpoint: Endpoint, scope: dict[str, Any], target: Target, exchange: BuyerExchange
    ) -> None:
        """Answer one request: the 402, a refusal, or what the paid path makes of its payment."""
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
            await self._start(asked, checked, endpoint, exchange)
        finally:
            self._busy -= 1

    async def _check(self, payment: bytes, endpoint: Endpoint, at_s: int) -> Checked | Refusal:
        """Check a payment. One that is signed well and buys nothing now is looked up before it is refused."""
        bytes_max = self._limits.payment_header_bytes
        checked = check(payment, endpoint, bytes_max, at_s)
        if isinstance(checked, Checked) or checked.code not in _MAY_BE_KNOWN:
            return checked
        known = recognize(payment, endpoint, bytes_max, checked)
        if known is not None and await self._pipeline.knows(known.evidence.claim_key):
            return known
        return checked

    async def _start(
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


def _payment_header(fields: Headers) -> bytes | Refusal | None:
    """Return the one payment header, None when there is none. Two of them are no payment.

    The version is the document's own, whichever header it came in: some wallets mix them.
    """
    found = [*values(fields, b"payment-signature"), *values(fields, b"x-payment")]
    if not found:
        return None
    return found[0] if len(found) == 1 else Refusal(Code.PAYMENT_MALFORMED, reason=reasons.INVALID_PAYLOAD)
