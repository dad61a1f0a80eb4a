"""Entrance: asks the books whether a payment may begin a call, and how it stands if it was here before."""

from functools import partial

from sidecar.domain import expecting
from sidecar.domain.admission import RETRY_AFTER_S, Repeated, admit_unit, known_unit
from sidecar.domain.call import Admitted, Verified
from sidecar.domain.refusals import Code, Refusal
from sidecar.ports import StorageUnavailable
from sidecar.services import Services


async def admit(
    services: Services, verified: Verified, closed: Refusal | None
) -> Admitted | Repeated | Refusal:
    """Commit the admission of *verified*, or say why not.

    *closed* is why nothing may begin with it, as far as is known; that it would not earn
    enough, or that nobody could settle it, is found out here. A payment that was here before
    is told how it stands in any case: told to pay anew, an honest buyer would pay twice.
    """
    now_us = services.clock.now_us()
    endpoint = verified.context.endpoint
    closed = closed or expecting.decide(endpoint, services.expected.cost(endpoint.name, now_us))
    if closed is None and not services.facilitators.admits(verified.offer.kind):
        closed = Refusal(Code.FACILITATOR_UNAVAILABLE, retry_after_s=RETRY_AFTER_S)
    unit = partial(
        admit_unit,
        verified=verified,
        bounds=services.admission,
        from_block=services.head_block(verified.offer.network),
        now_us=now_us,
        closed=closed,
    )
    try:
        return await services.commits.once(unit)
    except StorageUnavailable:
        return Refusal(Code.STORAGE_UNAVAILABLE, retry_after_s=RETRY_AFTER_S)


async def knows(services: Services, claim_key: bytes) -> bool:
    """Tell whether a payment was here before. Yes, if that cannot be told: its admission will say so."""
    try:
        return await services.commits.once(partial(known_unit, claim_key=claim_key))
    except StorageUnavailable:
        return True
