"""The paid path from a checked payment to the last commit: admit, then the flow it is admitted to.

Control only moves down, and each step takes the evidence of the step before.
No external effect happens without an earlier committed row that names it.
"""

from collections.abc import Callable

from sidecar.delivery import Exchange
from sidecar.domain.admission import HERE_BEFORE, Repeated
from sidecar.domain.call import Verified
from sidecar.domain.events import CallAdmitted
from sidecar.domain.outcomes import receipt
from sidecar.domain.records import Payment
from sidecar.domain.refusals import Code, Refusal
from sidecar.entrance import admit, knows
from sidecar.flows import FLOWS, on_credit
from sidecar.ports import UpstreamRequest
from sidecar.running import Running
from sidecar.services import Services


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
        *,
        repeated: Callable[[], None],
    ) -> None:
        """Run one call. Owned by its own task: a buyer who leaves does not stop it.

        *closed* is why the payment may begin nothing: it only can be a repeat. *repeated* is
        told, before the answer, of one that was here before and begins nothing.
        """
        started_us = self._s.clock.monotonic_us()
        admitted = await admit(self._s, verified, closed)
        if isinstance(admitted, Refusal):
            if admitted.code in HERE_BEFORE:
                repeated()
            await exchange.refuse(admitted)
            return
        if isinstance(admitted, Repeated):
            repeated()
            await self._answer_again(admitted.payment, exchange)
            return
        payment = admitted.payment
        admit_us = self._s.clock.monotonic_us() - started_us
        self._s.observer.saw(
            CallAdmitted(payment.call, payment.endpoint, payment.buyer, payment.price_nano, admit_us)
        )
        call = Running(self._s, admitted, exchange, started_us)
        try:
            self._s.reached("admitted")
            await (on_credit if payment.on_credit else FLOWS[admitted.flow])(call, outgoing)
        except Exception as defect:  # whatever it is, the money must not stay open
            await call.abandon(defect)

    async def _answer_again(self, payment: Payment, exchange: Exchange) -> None:
        """Give the answer this payment has bought again, with its receipt; nothing is booked."""
        kept = await self._s.answers.find(payment.call, self._s.clock.now_us())
        if kept is None:
            await exchange.refuse(Refusal(Code.ANSWER_GONE, call=payment.call), receipt(payment))
        else:
            await exchange.replay(kept, receipt(payment), payment.call)
