"""Work: what the agent does for a call, from the request that leaves to the answer on its way back."""

from dataclasses import dataclass

from pricing.extract import meter_for
from sidecar.delivery import Delivery
from sidecar.domain.events import UpstreamAnswered
from sidecar.domain.records import Payment
from sidecar.fields import combined, values
from sidecar.ports import UpstreamAnswer, UpstreamRequest
from sidecar.services import Services


@dataclass(frozen=True, slots=True)
class Work:
    """What the agent answered, and its body on the way."""

    answer: UpstreamAnswer
    delivery: Delivery

    @property
    def success(self) -> bool:
        """Tell whether the agent says that it did what was asked."""
        return 200 <= self.answer.status < 300


async def begin(services: Services, payment: Payment, outgoing: UpstreamRequest) -> Work:
    """Ask the agent and wait for its headers. Raises the upstream port's faults."""
    asked_us = services.clock.monotonic_us()
    answer = await services.upstream.send(outgoing)
    elapsed_us = services.clock.monotonic_us() - asked_us
    services.observer.saw(UpstreamAnswered(payment.call, payment.endpoint, answer.status, elapsed_us))
    meter = meter_for(*_kind_of(answer))
    return Work(answer, Delivery(answer, meter, services.delivery, services.room))


def _kind_of(answer: UpstreamAnswer) -> tuple[bytes, bytes]:
    """Return content type and encoding; several encodings are one list (RFC 9110 section 8.4)."""
    kinds = values(answer.headers, b"content-type")
    return (kinds[0] if kinds else b"", combined(answer.headers, b"content-encoding"))
