"""Passing: a free call goes through as it is. No ledger, and both bodies stream."""

from dataclasses import replace
from typing import Final

from pricing.extract import meter_for
from sidecar.delivery import Bounds, Delivery
from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.events import NeedsAttention
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.target import Target
from sidecar.http import headers as hygiene
from sidecar.http.exchange import BuyerExchange
from sidecar.ports import Fault, Headers, Observer, TimedOut, Upstream, UpstreamRequest
from sidecar.room import Room

OPEN_MAX: Final = 1_024
"""How many free calls may be open: half of the connections to the agent, so that who pays finds one."""


class Passing:
    """Passes the calls of free routes to the agent."""

    def __init__(self, upstream: Upstream, observer: Observer, delivery: Bounds) -> None:
        self._upstream = upstream
        self._observer = observer
        self._delivery = replace(delivery, keep_bytes=0)
        self._open = 0

    async def pass_on(
        self, method: str, target: Target, fields: Headers, exchange: BuyerExchange, headers_timeout_s: int
    ) -> None:
        """Ask the agent and let its answer out as it comes; one too many is refused."""
        if self._open >= OPEN_MAX:
            await exchange.refuse(Refusal(Code.OVERLOADED, retry_after_s=RETRY_AFTER_S))
            return
        self._open += 1
        try:
            await self._pass_on(method, target, fields, exchange, headers_timeout_s)
        finally:
            self._open -= 1

    async def _pass_on(
        self, method: str, target: Target, fields: Headers, exchange: BuyerExchange, headers_timeout_s: int
    ) -> None:
        has_body = any(name in {b"content-length", b"transfer-encoding"} for name, _ in fields)
        outgoing = UpstreamRequest(
            method=method,
            target=target.target,
            headers=hygiene.free_request(fields, exchange.call),
            body=await exchange.body() if has_body else None,
            headers_timeout_s=headers_timeout_s,
        )
        try:
            answer = await self._upstream.send(outgoing)
        except Fault as fault:
            code = Code.UPSTREAM_TIMEOUT if isinstance(fault, TimedOut) else Code.UPSTREAM_UNREACHABLE
            self._observer.saw(NeedsAttention(code.value, str(fault), exchange.call))
            await exchange.refuse(Refusal(code, retry_after_s=RETRY_AFTER_S))
            return
        try:
            whole = answer.whole()
            if whole is not None:
                await exchange.hand_over(answer.status, answer.headers, whole)
                exchange.outcome = "free"
                return
            delivery = Delivery(answer, meter_for(b"", b""), self._delivery, Room(0))
            await exchange.start(answer.status, answer.headers, None)
            exchange.outcome = "free"
            await delivery.stream(exchange)
        finally:
            await answer.close()
