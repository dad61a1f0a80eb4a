"""Work: what the agent does for a call, from the request that leaves to the answer on its way back."""

from dataclasses import replace
from typing import Final

from ledger.values import value
from pricing.extract import meter_for
from sidecar.delivery import Delivery, Unseen
from sidecar.domain.events import NeedsAttention, UpstreamAnswered
from sidecar.domain.records import Payment
from sidecar.domain.refusals import Code
from sidecar.domain.success import Rule, Verdict, judge, readable
from sidecar.fields import combined, values
from sidecar.ports import UpstreamAnswer, UpstreamRequest
from sidecar.services import Services

_US_PER_S: Final = 1_000_000
_NOT_SEEN: Final = {
    Unseen.LATE: Code.UPSTREAM_TIMEOUT,
    Unseen.LOST: Code.UPSTREAM_UNREACHABLE,
    Unseen.NO_ROOM: Code.OVERLOADED,
}


@value
class Work:
    """What the agent answered, and its body on the way.

    `success` tells whether it counts as done. `withheld` is why the buyer must not get an answer that does
    not count: nobody could tell what it is.
    """

    answer: UpstreamAnswer
    delivery: Delivery
    success: bool
    withheld: Code | None = None


async def begin(services: Services, payment: Payment, outgoing: UpstreamRequest, rule: Rule) -> Work:
    """Ask the agent, and wait for what *rule* judges by. Raises the upstream port's faults."""
    asked_us = services.clock.monotonic_us()
    answer = await services.upstream.send(outgoing)
    elapsed_us = services.clock.monotonic_us() - asked_us
    services.observer.saw(UpstreamAnswered(payment.call, payment.endpoint, answer.status, elapsed_us))
    meter = meter_for(*_kind_of(answer))
    delivery = Delivery(answer, meter, services.delivery, services.room)
    work = Work(answer, delivery, success=answer.status in rule.statuses)
    if not (work.success and rule.body):
        return work
    left_us = outgoing.headers_timeout_s * _US_PER_S - elapsed_us
    try:
        return await _judged(services, payment.call, work, rule, left_us / _US_PER_S)
    except BaseException:
        await delivery.close()
        raise


async def _judged(services: Services, call: str, work: Work, rule: Rule, within_s: float) -> Work:
    """Judge an answer by its body. What is left of the time to the headers is the time for it."""
    kind = _kind_of(work.answer)
    seen = await work.delivery.peek(rule.buffer_bytes, within_s) if readable(*kind) else None
    if isinstance(seen, Unseen) and seen in _NOT_SEEN:
        return replace(work, success=False, withheld=_NOT_SEEN[seen])
    verdict = judge(rule, kind[1], seen) if isinstance(seen, bytes) else Verdict.UNJUDGED
    if verdict is not Verdict.UNJUDGED:
        return replace(work, success=verdict is Verdict.DONE)
    if rule.charge_unjudged:
        return work
    why = f"longer than success.buffer, {rule.buffer_bytes} bytes" if seen is Unseen.TOO_LONG else "not JSON"
    services.observer.saw(NeedsAttention("answer_unjudged", f"the agent's answer is {why}", call))
    return replace(work, success=False, withheld=Code.ANSWER_UNJUDGED)


def _kind_of(answer: UpstreamAnswer) -> tuple[bytes, bytes]:
    """Return content type and encoding; several encodings are one list (RFC 9110 section 8.4)."""
    kinds = values(answer.headers, b"content-type")
    return (kinds[0] if kinds else b"", combined(answer.headers, b"content-encoding"))
