"""Selling: one request of a priced route, from its payment header to the paid path. Decides no money.

Each header is read once. An unpaid call and a bad payment cost no I/O, and where the price does not
depend on the body, it is not read for them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ledger.values import value
from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.pacing import Rate
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.requests import Request
from sidecar.domain.target import Target
from sidecar.domain.verification import Checked, check, decode, recognize
from sidecar.http import headers as hygiene
from sidecar.http.asked import US_PER_S, Asked
from sidecar.http.exchange import BuyerExchange
from sidecar.http.paces import Paces
from sidecar.http.sold import Sold
from sidecar.http.uploads import Uploads
from sidecar.pipeline import Pipeline
from sidecar.ports import Clock, Headers
from sidecar.tokens import Tokens
from sidecar.x402 import reasons
from sidecar.x402.challenge import Challenge
from sidecar.x402.documents import ExactPayment

_MAY_BE_KNOWN: Final = frozenset(
    {
        Code.PAYMENT_INVALID,
        Code.PAYMENT_IDENTIFIER_REQUIRED,
        Code.REQUEST_INVALID,
        Code.MODEL_NOT_ALLOWED,
        Code.PRICE_ABOVE_CEILING,
    }
)
"""What is refused now may have been sold before: its payment is looked up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a buyer's request."""

    payment_header_bytes: int
    paid_body_bytes: int
    open_calls: int
    per_buyer: Rate
    per_address: Rate
    processes: Callable[[], int]
    """How many sell from the same books now; the rates are theirs together."""


class Selling:
    """Sells the calls of priced routes. `ready` False means draining: nothing that is paid begins."""

    def __init__(self, pipeline: Pipeline, clock: Clock, tokens: Tokens, limits: Limits) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._tokens = tokens
        self._limits = limits
        self._paces = Paces(limits.per_address, limits.per_buyer, limits.processes)
        self._uploads = Uploads()
        self._open = 0
        self._idle = asyncio.Event()
        self._busy = 0
        self.ready = True

    async def idle(self) -> None:
        """Wait until no paid call is open."""
        while self._open:
            self._idle.clear()
            await self._idle.wait()

    async def sell(self, sold: Sold, scope: dict[str, Any], target: Target, exchange: BuyerExchange) -> None:
        """Answer one request: the 402, a refusal, or what the paid path makes of its payment."""
        fields = scope["headers"]
        header = _payment_header(fields)
        if header is None and not sold.sale.reads_body:
            await exchange.refuse(_asking(sold, Request(target), hygiene.wallet(fields), exchange))
            return
        now_us = self._clock.now_us()
        refusal = header if isinstance(header, Refusal) else self._closed()
        # Before any signature is checked and any body read: that is the work a stranger could make us do.
        refusal = refusal or self._paces.of_address(scope.get("client"), now_us)
        if refusal is not None:
            await exchange.refuse(refusal)
            return
        assert not isinstance(header, Refusal), "a payment is bytes or was refused"
        payment = None if header is None else decode(header, self._limits.payment_header_bytes)
        checked: Checked | Refusal | None = payment if isinstance(payment, Refusal) else None
        if isinstance(payment, ExactPayment) and not sold.sale.reads_body:
            checked = await self._check(payment, sold, Request(target), now_us, exchange)
        if isinstance(checked, Refusal):
            await exchange.refuse(checked)
            return
        assert not isinstance(payment, Refusal), "what cannot be read was refused"
        self._busy += 1
        try:
            asking = _Asking(scope["method"], target, fields, payment, now_us)
            whole = await self._whole(asking, sold, checked, exchange)
            if whole is not None:
                await self._start(*whole, exchange)
        finally:
            self._busy -= 1

    async def _whole(
        self, asking: "_Asking", sold: Sold, checked: Checked | None, exchange: BuyerExchange
    ) -> tuple[Asked, Checked | Refusal] | None:
        """Read the body, and judge what may need it; *checked* is the payment if that does not.

        None: it is answered, since nothing that was paid for is asked.
        """
        body = await self._uploads.read(exchange, self._limits.paid_body_bytes)
        if isinstance(body, Refusal):
            await exchange.refuse(body)
            return None
        request = await sold.read(asking.target, asking.fields, body)
        if asking.payment is None:
            body.close()
            await exchange.refuse(_asking(sold, request, hygiene.wallet(asking.fields), exchange))
            return None
        now_us = self._clock.now_us()
        asked = Asked(asking.method, asking.target, asking.fields, body, exchange.call, now_us)
        # A body may take its time: the payment must still be good for the work that starts now.
        verdict: Checked | Refusal | None = checked
        if verdict is None or now_us // US_PER_S != asking.at_us // US_PER_S:
            counted = checked is not None
            verdict = await self._check(asking.payment, sold, request, now_us, exchange, counted=counted)
        if not self.ready:
            verdict = Refusal(Code.DRAINING, retry_after_s=RETRY_AFTER_S)
        return asked, verdict

    async def _check(
        self,
        payment: ExactPayment,
        sold: Sold,
        request: Request | Refusal,
        now_us: int,
        exchange: BuyerExchange,
        *,
        counted: bool = False,
    ) -> Checked | Refusal:
        """Check a payment, and count it unless it is *counted*; one that buys nothing now is looked up first.

        Looked up is what its payer signed well: it may be the repeat of one that did buy.
        """
        payer = payment.authorization.from_
        exchange.asking = partial(_challenge, sold, request, payer)
        open_to = request if isinstance(request, Refusal) else sold.sale.open_to(request, payer, now_us)
        checked = open_to if isinstance(open_to, Refusal) else check(payment, open_to, now_us // US_PER_S)
        if isinstance(checked, Refusal) and checked.code in _MAY_BE_KNOWN:
            known = recognize(payment, sold.sale.endpoint, sold.sale.offers, checked)
            if known is not None and await self._pipeline.knows(known.evidence.claim_key):
                checked = known
        if isinstance(checked, Refusal) or counted:
            return checked
        return self._paces.of_buyer(payer, checked.endpoint, now_us) or checked

    async def _start(self, asked: Asked, checked: Checked | Refusal, exchange: BuyerExchange) -> None:
        if isinstance(checked, Refusal):
            asked.body.close()
            await exchange.refuse(checked)
            return
        # This task is the call's, not the connection's: of a buyer who leaves the server only tells.
        self._open += 1
        try:
            exchange.version = checked.payment.version
            verified = asked.verified(checked)
            outgoing = asked.outgoing(verified, self._tokens)
            give_back = partial(self._paces.give_back, verified.evidence.payer, checked.endpoint)
            await self._pipeline.serve(verified, outgoing, exchange, checked.closed, repeated=give_back)
        except asyncio.CancelledError:
            # The drain is over and the server ends by force. The call ends as in a crash, so that nothing
            # is charged that nobody gets: the next run puts it to rest by what is on disk.
            await exchange.refuse(Refusal(Code.CALL_IN_PROGRESS, retry_after_s=RETRY_AFTER_S))
            raise
        finally:
            asked.body.close()
            self._open -= 1
            if not self._open:
                self._idle.set()

    def _closed(self) -> Refusal | None:
        if not self.ready:
            return Refusal(Code.DRAINING, retry_after_s=RETRY_AFTER_S)
        if self._busy >= self._limits.open_calls and not self._uploads.give_way():
            return Refusal(Code.OVERLOADED, retry_after_s=RETRY_AFTER_S)
        return None


@value
class _Asking:
    """One request before its body, and the payment that came with it."""

    method: str
    target: Target
    fields: Headers
    payment: ExactPayment | None
    at_us: int


def _asking(sold: Sold, request: Request | Refusal, wallet: bytes | None, exchange: BuyerExchange) -> Refusal:
    """Put the price of *request* for *wallet* on the 402 it is answered with; return what asks for it."""
    quoted = request if isinstance(request, Refusal) else sold.sale.quote(request, wallet)
    if isinstance(quoted, Refusal):
        return quoted
    exchange.asking = partial(sold.challenge, quoted)
    return Refusal(Code.PAYMENT_REQUIRED)


def _challenge(sold: Sold, request: Request | Refusal, wallet: bytes) -> Challenge | None:
    """Return the 402 for *request* of *wallet*; None for one that is not sold at any price."""
    quoted = request if isinstance(request, Refusal) else sold.sale.quote(request, wallet)
    return None if isinstance(quoted, Refusal) else sold.challenge(quoted)


def _payment_header(fields: Headers) -> bytes | Refusal | None:
    """Return the one payment header, None when there is none. Two of them are no payment.

    The version is the document's own, whichever header it came in: some wallets mix them.
    """
    found = [value for name, value in fields if name in hygiene.PAYING]
    if not found:
        return None
    return found[0] if len(found) == 1 else Refusal(Code.PAYMENT_MALFORMED, reason=reasons.INVALID_PAYLOAD)
