"""One paid call from a checked payment to the last commit. Where decisions and effects meet; no framework.

Control only moves down, and each step takes the evidence of the step before.
No external effect happens without an earlier committed row that names it.
Whatever ends a call early still closes it: released, credited, or unknown.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from pricing.cost import CostLine
from pricing.extract import Metered, meter_for
from sidecar.delivery import Delivery, End, Exchange
from sidecar.domain import fees, metering
from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.call import Admitted, Funded, Verified
from sidecar.domain.closing import (
    Ending,
    abandon_unit,
    close_unit,
    lines_of,
    release_and_close_unit,
)
from sidecar.domain.events import CallAdmitted, CallClosed, NeedsAttention, UpstreamAnswered
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid
from sidecar.domain.records import Closing
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.settling import release_unit
from sidecar.entrance import admit, knows
from sidecar.fields import combined, values
from sidecar.funding import facilitator_body, fund
from sidecar.ports import Fault, NothingSent, StorageUnavailable, TimedOut, UpstreamAnswer, UpstreamRequest
from sidecar.services import Services
from sidecar.settlement import Asked, ask, name_facilitator
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply


class Pipeline:
    """Runs paid calls. One instance serves all of them; a call's state lives in its own task."""

    def __init__(self, services: Services) -> None:
        self._s = services

    async def knows(self, claim_key: bytes) -> bool:
        """Tell whether a payment was here before, as far as that can be told."""
        return await knows(self._s, claim_key)

    async def serve(
        self,
        verified: Verified,
        outgoing: UpstreamRequest,
        exchange: Exchange,
        closed: Refusal | None = None,
    ) -> None:
        """Run one call. Owned by its own task: a buyer who leaves does not stop it.

        *closed* is why the payment may begin nothing: it only can be a repeat.
        """
        started_us = self._s.clock.monotonic_us()
        admitted = await admit(self._s, verified, closed)
        if isinstance(admitted, Refusal):
            await exchange.refuse(admitted)
            return
        payment = admitted.payment
        admit_us = self._s.clock.monotonic_us() - started_us
        self._s.observer.saw(
            CallAdmitted(payment.call, payment.endpoint, payment.buyer, payment.price_nano, admit_us)
        )
        call = _Call(self._s, admitted, exchange, started_us)
        try:
            await call.run(outgoing)
        except Exception as defect:  # whatever it is, the money must not stay open
            await call.abandon(defect)


class _Call:
    """One admitted call on its way down. `run` ends with the call closed, or raises with it open."""

    def __init__(self, services: Services, admitted: Admitted, exchange: Exchange, started_us: int) -> None:
        self._s = services
        self._admitted = admitted
        self._payment = admitted.payment
        self._exchange = exchange
        self._started_us = started_us
        self._delivered = 0  # the status of the answer that was delivered

    async def run(self, outgoing: UpstreamRequest) -> None:
        self._s.reached("admitted")
        chain = self._s.chains.get(self._payment.network)
        funded = await fund(self._admitted, chain, self._s.facilitators, self._s.observer)
        if isinstance(funded, Refusal):
            await self._decline(funded, (), final=funded.reason == reasons.NONCE_USED, watch=False)
            return
        self._s.reached("funded")
        answer = await self._forward(outgoing)
        if answer is None:
            return
        self._s.reached("forwarded")
        delivery = Delivery(answer, meter_for(*_kind_of(answer)), self._s.delivery, self._s.room)
        try:
            if 200 <= answer.status < 300:
                await self._settle(funded, answer, delivery)
            else:
                await self._pass_failure(answer, delivery)
        finally:
            await delivery.close()

    async def abandon(self, defect: Exception) -> None:
        """Close a call that cannot go on: tell the buyer to ask again, and let evidence decide.

        Once the answer was delivered it stays paid for: only what it cost is unknown then.
        """
        unavailable = isinstance(defect, StorageUnavailable)
        detail = str(defect) if unavailable else type(defect).__name__
        code = "storage_unavailable" if unavailable else "call_abandoned"
        self._s.observer.saw(NeedsAttention(code, detail, self._payment.call))
        payment, now_us = self._payment, self._s.clock.now_us()
        lines = self._lines(None, b"")
        unit: Callable[..., object]
        if self._delivered:
            closing, ending = self._closing("served", self._delivered, lines), Ending.DELIVERED
            fee = fees.of_platform(self._s.fees, payment.price)
            unit = partial(
                close_unit, payment=payment, ending=ending, closing=closing, platform_fee=fee, now_us=now_us
            )
        else:
            await self._exchange.refuse(self._ask_again(Code.STORAGE_UNAVAILABLE))
            key, closing = payment.claim_key, self._closing("failed", 503, lines)
            unit = partial(abandon_unit, claim_key=key, call=payment.call, closing=closing, now_us=now_us)
        await self._s.commits.insist(unit, payment.call)

    async def _forward(self, outgoing: UpstreamRequest) -> UpstreamAnswer | None:
        """Ask the agent; None when there is no answer, with the buyer told and nothing charged."""
        asked_us = self._s.clock.monotonic_us()
        payment = self._payment
        try:
            answer = await self._s.upstream.send(outgoing)
        except Fault as fault:
            code = Code.UPSTREAM_TIMEOUT if isinstance(fault, TimedOut) else Code.UPSTREAM_UNREACHABLE
            self._s.observer.saw(NeedsAttention(code.value, str(fault), payment.call))
            lines = () if isinstance(fault, NothingSent) else self._lines(None, b"")
            await self._decline(self._ask_again(code), lines, final=False, watch=True)
            return None
        elapsed_us = self._s.clock.monotonic_us() - asked_us
        self._s.observer.saw(UpstreamAnswered(payment.call, payment.endpoint, answer.status, elapsed_us))
        return answer

    async def _decline(
        self, refusal: Refusal, lines: tuple[CostLine, ...], *, final: bool, watch: bool
    ) -> None:
        """Nobody was asked to settle: release the money, close the call, then say so."""
        status = self._exchange.status_of(refusal)
        unit = partial(
            release_and_close_unit,
            payment=self._payment,
            reason=refusal.reason or refusal.code.value,
            closing=self._closing(f"refused:{refusal.code}", status, lines),
            now_us=self._s.clock.now_us(),
            final=final,
            watch=watch,
        )
        await self._s.commits.once(unit)
        await self._exchange.refuse(refusal)

    async def _pass_failure(self, answer: UpstreamAnswer, delivery: Delivery) -> None:
        """The agent says it failed: nothing is charged, and its answer goes to the buyer as it is."""
        unit = partial(
            release_unit,
            claim_key=self._payment.claim_key,
            now_us=self._s.clock.now_us(),
            reason=f"upstream_{answer.status}",
            final=False,
            watch=True,
        )
        await self._s.commits.once(unit)
        await self._exchange.start(answer.status, answer.headers, None)
        if await delivery.stream(self._exchange) is End.BUYER_LEFT:
            await delivery.drain()
        await self._close(Ending.AS_IT_IS, "failed", answer.status, answer, delivery)

    async def _settle(self, funded: Funded, answer: UpstreamAnswer, delivery: Delivery) -> None:
        """Settle once the agent's headers say success, and let the body out only when it is paid."""
        self._payment = await name_facilitator(self._s, self._payment)
        self._s.reached("sending")
        body = facilitator_body(funded.admitted)
        asking = asyncio.create_task(ask(self._s, self._payment, body, self._answer_unknown))
        try:
            await delivery.read_ahead(asking)
        finally:  # whatever happens to the answer, who was asked to settle is heard out
            asked = await asking
        self._payment = asked.recorded.payment
        if isinstance(asked.recorded.outcome, Paid) and not asked.answered:
            await self._deliver(asked.recorded.outcome, answer, delivery)
        else:
            await self._withhold(asked, answer, delivery)

    async def _deliver(self, paid: Paid, answer: UpstreamAnswer, delivery: Delivery) -> None:
        payment = self._payment
        receipt = SettleReply(True, paid.transaction, payment.network, payment.payer, payment.amount)
        await self._exchange.start(answer.status, answer.headers, receipt)
        self._s.reached("started")
        end = await delivery.stream(self._exchange)
        self._delivered = 0 if end is End.BROKEN_OFF else answer.status
        if end is End.BUYER_LEFT:
            await delivery.drain()
        self._s.reached("streamed")
        if end is End.BROKEN_OFF:
            await self._close(Ending.UNDELIVERED, "failed", answer.status, answer, delivery)
        else:
            await self._close(Ending.DELIVERED, "served", answer.status, answer, delivery)
        self._s.reached("closed")

    async def _withhold(self, asked: Asked, answer: UpstreamAnswer, delivery: Delivery) -> None:
        """Not paid, as far as anybody knows: the body stays here, and its cost is booked all the same."""
        outcome = asked.recorded.outcome
        refusal = self._refusal_of(outcome)
        if not asked.answered:
            receipt = None
            if isinstance(outcome, Failed):
                payment = self._payment
                receipt = SettleReply(False, "", payment.network, payment.payer, None, outcome.reason)
            await self._exchange.refuse(refusal, receipt)
        await delivery.drain()
        ending = Ending.UNDELIVERED if isinstance(outcome, Paid) else Ending.AS_IT_IS
        status = self._exchange.status_of(refusal)
        await self._close(ending, f"refused:{refusal.code}", status, answer, delivery)

    def _refusal_of(self, outcome: Outcome) -> Refusal:
        if isinstance(outcome, Failed):
            return Refusal(Code.SETTLEMENT_FAILED, reason=outcome.reason, call=self._payment.call)
        not_sent = isinstance(outcome, NotSent)
        return self._ask_again(Code.SETTLEMENT_UNAVAILABLE if not_sent else Code.SETTLEMENT_UNKNOWN)

    async def _answer_unknown(self) -> None:
        await self._exchange.refuse(self._ask_again(Code.SETTLEMENT_UNKNOWN))

    def _ask_again(self, code: Code) -> Refusal:
        return Refusal(code, call=self._payment.call, retry_after_s=RETRY_AFTER_S)

    async def _close(
        self, ending: Ending, outcome: str, status: int, answer: UpstreamAnswer, delivery: Delivery
    ) -> None:
        """Make the last commit of the call. The buyer has its answer, so this one must be made."""
        lines = self._lines(await self._measured(delivery), combined(answer.headers, b"sidecar-cost"))
        payment = self._payment
        served = ending is Ending.DELIVERED
        closing = self._closing(outcome, status, lines)
        unit = partial(
            close_unit,
            payment=payment,
            ending=ending,
            closing=closing,
            platform_fee=fees.of_platform(self._s.fees, payment.price) if served else None,
            now_us=self._s.clock.now_us(),
        )
        await self._s.commits.insist(unit, payment.call)
        booked = lines_of(ending, lines)
        self._s.observer.saw(
            CallClosed(
                call=payment.call,
                endpoint=payment.endpoint,
                outcome=outcome,
                captured_nano=payment.price_nano if served else 0,
                credited_nano=payment.amount_nano if ending is Ending.UNDELIVERED else 0,
                cost_nano=tuple((line.kind.value, line.amount.units) for line in booked if line.amount),
                unknown_costs=sum(line.amount is None for line in booked),
            )
        )

    async def _measured(self, delivery: Delivery) -> Metered | None:
        """Return what the answer used. What goes wrong here must not undo what was delivered."""
        try:
            return await delivery.metered()
        except Exception as defect:
            self._note_defect("metering_failed", defect)
            return None

    def _note_defect(self, code: str, defect: Exception) -> None:
        self._s.observer.saw(NeedsAttention(code, type(defect).__name__, self._payment.call))

    def _closing(self, outcome: str, status: int, lines: tuple[CostLine, ...]) -> Closing:
        return Closing(outcome, status, self._s.clock.monotonic_us() - self._started_us, lines)

    def _lines(self, metered: Metered | None, declared: bytes) -> tuple[CostLine, ...]:
        tariff = self._admitted.verified.context.endpoint.tariff
        try:
            return metering.cost_lines(metered, declared, tariff, self._s.cards, self._s.clock.now_us())
        except Exception as defect:
            self._note_defect("metering_failed", defect)
            return (metering.unmetered(),)


def _kind_of(answer: UpstreamAnswer) -> tuple[bytes, bytes]:
    """Return content type and encoding; several encodings are one list (RFC 9110 section 8.4)."""
    kinds = values(answer.headers, b"content-type")
    return (kinds[0] if kinds else b"", combined(answer.headers, b"content-encoding"))
