"""Settlement: name whom we ask, ask, and put what the answer proves on disk.

Another facilitator is asked only when nothing left for the one before, and not before
it is named on disk in its place.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from ledger.values import value
from sidecar.domain import fees, outcomes
from sidecar.domain.call import Offer
from sidecar.domain.choosing import Kind
from sidecar.domain.events import NeedsAttention, PaymentSettled
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid, Unknown
from sidecar.domain.payments import State
from sidecar.domain.records import Payment
from sidecar.domain.refusals import Code
from sidecar.domain.resolving import confirmed_by_word_unit
from sidecar.domain.settling import Recorded, release_unit, renamed_unit, result_unit, sending_unit
from sidecar.ports import Fault, NothingSent, StorageUnavailable
from sidecar.services import Services
from sidecar.x402 import codec, exact
from sidecar.x402.documents import Authorization

Till = tuple[str, bytes, bytes]
"""Network, asset and recipient."""


@value
class Asked:
    """What came of asking. `answered`: the buyer was told *unknown*, as the result could not be committed."""

    recorded: Recorded
    answered: bool


async def name_facilitator(services: Services, payment: Payment) -> Payment:
    """Commit *sending*: from here on only evidence decides. Nobody to ask: nothing is named."""
    chosen = services.facilitators.choose(kind_of(payment))
    if chosen is None:
        return payment
    unit = partial(
        sending_unit,
        claim_key=payment.claim_key,
        facilitator=chosen.name,
        now_us=services.clock.now_us(),
    )
    return await services.commits.once(unit)


async def ask(
    services: Services, payment: Payment, body: bytes, answer_unknown: Callable[[], Awaitable[None]]
) -> Asked:
    """Ask the facilitator named on *payment* and commit the result.

    A result that cannot be committed is answered as unknown at once, and
    committed all the same as soon as that works. Of a payment that names
    nobody the money is released, and the same payload may enter again.
    """
    if payment.state is State.OPEN:
        released = Recorded(await _release(services, payment), NotSent())
        services.observer.saw(settled(released, settle_us=0))
        return Asked(released, answered=False)
    asked_us = services.clock.monotonic_us()
    payment, outcome = await ask_in_turn(services, payment, body)
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
    services.observer.saw(settled(recorded, settle_us))
    services.reached("recorded")
    return Asked(recorded, answered)


async def _release(services: Services, payment: Payment) -> Payment:
    unit = partial(
        release_unit,
        claim_key=payment.claim_key,
        now_us=services.clock.now_us(),
        reason=Code.FACILITATOR_UNAVAILABLE.value,
        final=False,
        watch=True,
    )
    return await services.commits.once(unit)


async def ask_in_turn(services: Services, payment: Payment, body: bytes) -> tuple[Payment, Outcome]:
    """Ask the facilitator named; as long as nothing leaves for it, name the next one and ask that."""
    tried = {payment.facilitator}
    while isinstance(outcome := await _outcome(services, payment, body), NotSent):
        following = services.facilitators.choose(kind_of(payment), besides=tried)
        if following is None:
            break
        tried.add(following.name)
        renamed = await _rename(services, payment, following.name)
        if renamed is None or renamed.facilitator != following.name:
            break
        payment = renamed
    return payment, outcome


async def _rename(services: Services, payment: Payment, facilitator: str) -> Payment | None:
    """Commit the other name; None if that cannot be done, and then nobody else is asked."""
    detail = f"nothing was sent to {payment.facilitator}; asking {facilitator}"
    services.observer.saw(NeedsAttention("facilitator_passed_over", detail, payment.call))
    unit = partial(
        renamed_unit,
        claim_key=payment.claim_key,
        facilitator=facilitator,
        now_us=services.clock.now_us(),
    )
    try:
        return await services.commits.once(unit)
    except StorageUnavailable:
        return None


def kind_of(payment: Payment) -> Kind:
    """Return what has to be settled; payments are of the one scheme there is."""
    return exact.NAME, payment.network


async def _outcome(services: Services, payment: Payment, body: bytes) -> Outcome:
    facilitator = services.facilitators.by_name(payment.facilitator)
    assert facilitator is not None, "a facilitator that was chosen can be asked"
    try:
        return outcomes.judge(payment, await facilitator.settle(body))
    except NothingSent:
        return NotSent()
    except Fault as fault:
        services.observer.saw(NeedsAttention("settlement_unanswered", str(fault), payment.call))
        return Unknown("answer_lost")


async def ask_again(services: Services, payment: Payment, offer: Offer) -> bool:
    """Ask who was asked before once more; True if it clearly says that it settled, which is on disk then.

    Nothing else that it says proves anything: what it refuses now, it may have sent before.
    """
    facilitator = services.facilitators.by_name(payment.facilitator)
    if facilitator is None:
        return False
    try:
        outcome = outcomes.judge(payment, await facilitator.settle(facilitator_body(payment, offer)))
    except Fault:
        return False
    if not isinstance(outcome, Paid):
        return False
    unit = partial(
        confirmed_by_word_unit,
        claim_key=payment.claim_key,
        transaction=outcome.transaction,
        fee=fees.of_settlement(services.fees, payment.facilitator),
        now_us=services.clock.now_us(),
    )
    if not await services.commits.once(unit):
        return False
    services.observer.saw(
        PaymentSettled(
            payment.call, payment.network, "settled", facilitator.name, transaction=outcome.transaction
        )
    )
    return True


def facilitator_body(payment: Payment, offer: Offer) -> bytes:
    """Rebuild, byte for byte but for the unsigned hint of a resource, what asks for *payment*."""
    authorization = Authorization(
        payment.payer,
        payment.pay_to,
        payment.amount,
        payment.valid_after,
        payment.valid_before,
        payment.nonce,
    )
    requirements = offer.requirements
    if requirements.amount != payment.amount:
        requirements = replace(requirements, amount=payment.amount)
    return codec.facilitator_body(authorization, payment.signature, requirements)


def by_till(offers: Iterable[Offer]) -> Mapping[Till, Offer]:
    """Return an offer for each place where money comes in: it tells what is asked with."""
    return {(offer.network, offer.asset, offer.pay_to): offer for offer in offers}


def till_of(payment: Payment) -> Till:
    """Return where the money of *payment* comes in."""
    return payment.network, payment.asset, payment.pay_to


def settled(recorded: Recorded, settle_us: int) -> PaymentSettled:
    """Return the event that tells how a settlement ended."""
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
