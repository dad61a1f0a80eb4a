"""Settlement: name whom we ask, ask, and put what the answer proves on disk."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from sidecar.domain import fees, outcomes
from sidecar.domain.events import NeedsAttention, PaymentSettled
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid, Unknown
from sidecar.domain.records import Payment
from sidecar.domain.settling import Recorded, result_unit, sending_unit
from sidecar.ports import Fault, NothingSent, StorageUnavailable
from sidecar.services import Services


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking. `answered`: the buyer was told *unknown*, as the result could not be committed."""

    recorded: Recorded
    answered: bool


async def name_facilitator(services: Services, payment: Payment) -> Payment:
    """Commit *sending*: from here on only evidence decides."""
    unit = partial(
        sending_unit,
        claim_key=payment.claim_key,
        facilitator=services.facilitator.name,
        now_us=services.clock.now_us(),
    )
    return await services.commits.once(unit)


async def ask(
    services: Services, payment: Payment, body: bytes, answer_unknown: Callable[[], Awaitable[None]]
) -> Asked:
    """Ask the facilitator named on *payment* and commit the result.

    A result that cannot be committed is answered as unknown at once, and
    committed all the same as soon as that works.
    """
    asked_us = services.clock.monotonic_us()
    outcome = await _outcome(services, payment, body)
    services.reached("asked")
    settle_us = services.clock.monotonic_us() - asked_us
    unit = partial(
        result_unit,
        claim_key=payment.claim_key,
        outcome=outcome,
        fee=fees.of_settlement(services.fees, payment.facilitator),
        settle_us=settle_us,
        now_us=services.clock.now_us(),
    )
    answered = False
    try:
        recorded = await services.commits.once(unit)
    except StorageUnavailable:
        await answer_unknown()
        answered = True
        recorded = await services.commits.insist(unit, payment.call)
    services.observer.saw(_event(recorded, settle_us))
    services.reached("recorded")
    return Asked(recorded, answered)


async def _outcome(services: Services, payment: Payment, body: bytes) -> Outcome:
    try:
        return outcomes.judge(payment, await services.facilitator.settle(body))
    except NothingSent:
        return NotSent()
    except Fault as fault:
        services.observer.saw(NeedsAttention("settlement_unanswered", str(fault), payment.call))
        return Unknown("answer_lost")


def _event(recorded: Recorded, settle_us: int) -> PaymentSettled:
    match recorded.outcome:
        case Paid():
            result, reason = "settled", ""
        case Failed(reason=why):
            result, reason = "failed", why
        case NotSent():
            result, reason = "failed", "nothing_sent"
        case Unknown(reason=why):
            result, reason = "unknown", why
    payment = recorded.payment
    return PaymentSettled(
        call=payment.call,
        network=payment.network,
        result=result,
        source=payment.facilitator,
        reason=reason,
        transaction=payment.transaction,
        settle_us=settle_us,
    )
