"""One admitted call on its way down: the steps, each with its commit. Their order is `flows.py`.

Whatever ends a call early closes it all the same: released, credited, or unknown.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from math import inf

from pricing.cost import CostLine
from sidecar.costing import Costing
from sidecar.delivery import End, Exchange
from sidecar.domain import fees
from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.call import Admitted, Flow
from sidecar.domain.closing import Ending, abandon_unit, close_unit, lines_of, release_and_close_unit
from sidecar.domain.collecting import pressing, trusted_s
from sidecar.domain.events import CallClosed, NeedsAttention
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid, not_paid, receipt
from sidecar.domain.payments import State
from sidecar.domain.records import Closing
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.reporting import Booked, notes
from sidecar.domain.settling import release_unit
from sidecar.fields import combined
from sidecar.funding import Asking, fund
from sidecar.ports import Fault, Kept, NothingSent, StorageUnavailable, TimedOut, UpstreamRequest
from sidecar.services import Services
from sidecar.settlement import Asked, ask, name_facilitator
from sidecar.work import Work, begin
from sidecar.x402 import reasons


class Running:
    """One call. Each step ends with the call going on, or closed and answered."""

    def __init__(self, services: Services, admitted: Admitted, exchange: Exchange, started_us: int) -> None:
        self._s = services
        self._admitted = admitted
        self._payment = admitted.payment
        self._exchange = exchange
        self._started_us = started_us
        endpoint = admitted.verified.context.endpoint
        self._costing = Costing(services, admitted.payment.call, endpoint.name, endpoint.tariff)
        self._delivered = 0  # the status of the answer that was delivered
        self._asking = Asking(admitted)

    @property
    def _owed(self) -> bool:
        """Tell whether the call is served before its payment is asked for."""
        return self._admitted.flow is Flow.DEFERRED and self._payment.state is State.OPEN

    @property
    def _paid(self) -> bool:
        """Tell whether the call's own payment is ours, so that what is not delivered becomes credit."""
        return self._payment.state is State.SETTLED

    async def fund(self) -> bool:
        """Ask whether the payer can pay; False if not, or if nobody could be asked."""
        funded = await fund(self._s, self._admitted, self._asking)
        if isinstance(funded, Refusal):
            # A used nonce may be somebody else's broadcast of this very payment: it would be credit.
            used = funded.reason == reasons.NONCE_USED
            await self._decline(funded, (), final=used, watch=used)
            return False
        self._s.reached("funded")
        return True

    async def forward(self, outgoing: UpstreamRequest) -> Work | None:
        """Ask the agent; None when there is no answer, with the buyer told and nothing kept of its money."""
        try:
            rule = self._admitted.verified.context.endpoint.success
            work = await begin(self._s, self._payment, outgoing, rule)
        except Fault as fault:
            code = Code.UPSTREAM_TIMEOUT if isinstance(fault, TimedOut) else Code.UPSTREAM_UNREACHABLE
            self._s.observer.saw(NeedsAttention(code.value, str(fault), self._payment.call))
            lines = () if isinstance(fault, NothingSent) else self._costing.lines(None)
            await self._decline(self._ask_again(code), lines, final=False, watch=True)
            return None
        self._s.reached("forwarded")
        return work

    async def settle(self, work: Work | None) -> bool:
        """Ask for the money, reading the work's body ahead; False if it is not ours, with the buyer told."""
        self._payment = await name_facilitator(self._s, self._payment)
        self._s.reached("sending")
        if work is not None:
            work.delivery.read_ahead()
        # Whatever happens to the answer meanwhile, who was asked to settle is heard out.
        unknown = partial(self._exchange.refuse, self._ask_again(Code.SETTLEMENT_UNKNOWN))
        asked = await ask(self._s, self._payment, self._asking(), unknown)
        self._payment = asked.recorded.payment
        if work is not None:
            work.delivery.halt()
        if isinstance(asked.recorded.outcome, Paid) and not asked.answered:
            return True
        await self._withhold(asked, work)
        return False

    async def deliver(self, work: Work) -> None:
        """Let the body out, and settle on the way what outlasts trust; who stopped decides what it earned."""
        paid_by = None if self._owed else receipt(self._payment)
        end = await work.delivery.at_once(self._exchange, paid_by)
        if end is None:
            await self._exchange.start(work.answer.status, work.answer.headers, paid_by, owed=self._owed)
        else:
            self._delivered = work.answer.status
        self._s.reached("started")
        trust_s = trusted_s(self._payment, self._s.clock.now_us() // 1_000_000) if self._owed else inf
        end = end or await work.delivery.stream(self._exchange, trust_s)
        if end is None and not await self.settle(work):
            return
        end = end or await work.delivery.stream(self._exchange)
        self._delivered = 0 if end is End.BROKEN_OFF else work.answer.status
        if end is End.BUYER_LEFT:
            await work.delivery.drain()
        self._s.reached("streamed")
        if end is End.BROKEN_OFF:
            await self._close(Ending.UNDELIVERED, "failed", work.answer.status, work)
        else:
            await self._close(self._served, "served", work.answer.status, work, keep=True)
        self._s.reached("closed")

    @property
    def _served(self) -> Ending:
        """Return how a call ends whose answer was delivered."""
        return Ending.OWED if self._owed else Ending.DELIVERED

    async def withheld(self) -> Kept | None:
        """Return the answer of the call that this one goes on with; None if there was none, or it is gone."""
        earlier = self._admitted.earlier
        return await self._s.answers.find(earlier, self._s.clock.now_us()) if earlier else None

    async def replay(self, kept: Kept) -> None:
        """Deliver an answer that was withheld before; its work was booked then."""
        await self._exchange.replay(kept, receipt(self._payment))
        self._delivered = kept.status
        await self._s.answers.keep(self._payment.call, kept, self._s.clock.now_us())
        await self._close(Ending.DELIVERED, "served", kept.status, None)

    async def fail(self, work: Work) -> None:
        """The agent failed: its answer goes to the buyer as it is, or nowhere, and nothing is earned.

        What was not asked for yet is released before the answer leaves; what is
        ours already becomes the buyer's credit, and the receipt says that it was paid.
        """
        status, paid = work.answer.status, self._paid
        if not paid:
            unit = partial(
                release_unit,
                claim_key=self._payment.claim_key,
                now_us=self._s.clock.now_us(),
                reason=f"upstream_{status}",
                final=False,
                watch=True,
            )
            await self._s.commits.once(unit)
        outcome, told = "failed", receipt(self._payment) if paid else None
        if work.withheld is not None:
            refusal = self._ask_again(work.withheld)
            outcome, status = f"refused:{refusal.code}", self._exchange.status_of(refusal)
            await self._exchange.refuse(refusal, told)
            await work.delivery.drain()
        else:
            await self._exchange.start(status, work.answer.headers, told, failed=True)
            if await work.delivery.stream(self._exchange) is End.BUYER_LEFT:
                await work.delivery.drain()
        await self._close(Ending.UNDELIVERED if paid else Ending.AS_IT_IS, outcome, status, work)

    async def abandon(self, defect: Exception) -> None:
        """Close a call that cannot go on: tell the buyer to ask again, and let evidence decide.

        Once the answer was delivered it stays paid for: only what it cost is unknown then.
        """
        unavailable = isinstance(defect, StorageUnavailable)
        detail = str(defect) if unavailable else type(defect).__name__
        code = "storage_unavailable" if unavailable else "call_abandoned"
        self._s.observer.saw(NeedsAttention(code, detail, self._payment.call))
        payment, now_us = self._payment, self._s.clock.now_us()
        lines = self._costing.lines(None)
        unit: Callable[..., object]
        if self._delivered:
            closing, ending = self._closing("served", self._delivered, lines), self._served
            fee = fees.of_platform(self._s.fees, payment.price)
            unit = partial(
                close_unit, payment=payment, ending=ending, closing=closing, platform_fee=fee, now_us=now_us
            )
        else:
            await self._exchange.refuse(self._ask_again(Code.STORAGE_UNAVAILABLE))
            key, closing = payment.claim_key, self._closing("failed", 503, lines)
            unit = partial(abandon_unit, claim_key=key, call=payment.call, closing=closing, now_us=now_us)
        await self._s.commits.insist(unit, payment.call)

    async def _decline(
        self, refusal: Refusal, lines: tuple[CostLine, ...], *, final: bool, watch: bool
    ) -> None:
        """End a call without an answer of the agent: give the money back, close the call, then say so."""
        status = self._exchange.status_of(refusal)
        closing = self._closing(f"refused:{refusal.code}", status, lines)
        if self._paid:
            await self._commit_close(Ending.UNDELIVERED, closing)
            await self._exchange.refuse(refusal, receipt(self._payment))
            return
        unit = partial(
            release_and_close_unit,
            payment=self._payment,
            reason=refusal.reason or refusal.code.value,
            closing=closing,
            now_us=self._s.clock.now_us(),
            final=final,
            watch=watch,
        )
        self._tell(Ending.AS_IT_IS, closing, await self._s.commits.once(unit))
        await self._exchange.refuse(refusal)

    async def _withhold(self, asked: Asked, work: Work | None) -> None:
        """Not paid, as far as anybody knows: the body stays here, and its cost is booked all the same."""
        refusal = self._refusal_of(outcome := asked.recorded.outcome)
        if not asked.answered:
            no = not_paid(self._payment, outcome.reason) if isinstance(outcome, Failed) else None
            await self._exchange.refuse(refusal, no)
        if work is not None:
            await work.delivery.drain()
        ending = Ending.UNDELIVERED if isinstance(outcome, Paid) else Ending.AS_IT_IS
        status = self._exchange.status_of(refusal)
        await self._close(ending, f"refused:{refusal.code}", status, work, keep=True)

    def _refusal_of(self, outcome: Outcome) -> Refusal:
        if isinstance(outcome, Failed):
            return Refusal(Code.SETTLEMENT_FAILED, reason=outcome.reason, call=self._payment.call)
        not_sent = isinstance(outcome, NotSent)
        return self._ask_again(Code.SETTLEMENT_UNAVAILABLE if not_sent else Code.SETTLEMENT_UNKNOWN)

    def _ask_again(self, code: Code) -> Refusal:
        return Refusal(code, call=self._payment.call, retry_after_s=RETRY_AFTER_S)

    def _keep(self, work: Work) -> Awaitable[None] | None:
        """Keep a whole answer for the buyer who asks again with the same payment."""
        body = work.delivery.whole
        if body is None:
            return None
        kept = Kept(work.answer.status, tuple(work.answer.headers), body)
        return self._s.answers.keep(self._payment.call, kept, self._s.clock.now_us())

    async def _close(
        self, ending: Ending, outcome: str, status: int, work: Work | None, *, keep: bool = False
    ) -> None:
        """Make the last commit of the call, with the cost of its work, and *keep* its answer meanwhile."""
        lines: tuple[CostLine, ...] = ()
        kept: Awaitable[None] | None = None
        if work is not None:
            kept = self._keep(work) if keep else None
            fields = work.answer.headers
            lines = self._costing.lines(
                await self._costing.measured(work.delivery),
                combined(fields, b"sidecar-cost"),
                combined(fields, b"x-litellm-response-cost"),
            )
        await self._commit_close(ending, self._closing(outcome, status, lines))
        if kept is not None:
            await kept

    async def _commit_close(self, ending: Ending, closing: Closing) -> None:
        payment, now_us = self._payment, self._s.clock.now_us()
        fee = fees.of_platform(self._s.fees, payment.price) if ending.served else None
        unit = partial(
            close_unit, payment=payment, ending=ending, closing=closing, platform_fee=fee, now_us=now_us
        )
        costs = await self._s.commits.insist(unit, payment.call)
        if ending is Ending.OWED:
            self._queued()
        self._tell(ending, closing, costs)

    def _tell(self, ending: Ending, closing: Closing, costs: Booked) -> None:
        """Tell of the last commit: what was earned, what it cost, and who does not agree on that."""
        payment = self._payment
        for note in notes(payment.call, costs.disputes):
            self._s.observer.saw(note)
        booked = lines_of(ending, costs.lines)
        self._s.observer.saw(
            CallClosed(
                call=payment.call,
                endpoint=payment.endpoint,
                outcome=closing.outcome,
                captured_nano=payment.price_nano if ending.served else 0,
                credited_nano=payment.amount_nano if self._paid and not ending.served else 0,
                cost_nano=tuple([(line.kind.value, line.amount.units) for line in booked if line.amount]),
                unknown_costs=len([line for line in booked if line.amount is None]),
            )
        )

    def _queued(self) -> None:
        """Note that there is money to collect, and whether that cannot wait."""
        self._s.reached("owed")
        now_s = self._s.clock.now_us() // 1_000_000
        if pressing(self._payment, self._admitted.authorized.open, self._s.admission.exposure, now_s):
            self._s.collect.set()

    def _closing(self, outcome: str, status: int, lines: tuple[CostLine, ...]) -> Closing:
        return Closing(outcome, status, self._s.clock.monotonic_us() - self._started_us, lines)
