"""Expecting: what the next call of an endpoint will cost, from what its last ones cost. Pure; knows no clock.

The estimate is the mean of recent served calls whose whole cost is known, rounded up. It
ages: an endpoint that is refused for its cost sells nothing that could prove it cheaper
again, so old samples are forgotten and a few calls are let in to learn anew.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.money import Amount, nano
from sidecar.domain.call import Endpoint
from sidecar.domain.refusals import Code, Refusal

KEPT: Final = 100
"""How many calls of an endpoint an estimate is made of, at most."""
NEEDED: Final = 5
"""With fewer calls there is no estimate."""
AGE_US: Final = 3_600_000_000
"""How long a call counts."""


@dataclass(slots=True)
class _Sample:
    call: str
    cost_nano: int
    at_us: int


class Expected:
    """The recent costs of the endpoints it was made for. Bounded; what is noted of others is dropped."""

    def __init__(self, endpoints: Iterable[str]) -> None:
        self._recent: dict[str, deque[_Sample]] = {name: deque() for name in endpoints}
        self._sums_nano = dict.fromkeys(self._recent, 0)

    def note(self, endpoint: str, call: str, cost_nano: int, at_us: int) -> None:
        """Note what a served call cost, in nano-USD."""
        recent = self._recent.get(endpoint)
        if recent is None:
            return
        if len(recent) == KEPT:
            self._forget(endpoint, recent)
        recent.append(_Sample(call, cost_nano, at_us))
        self._sums_nano[endpoint] += cost_nano

    def correct(self, endpoint: str, call: str, more_nano: int) -> None:
        """Note that a call cost so much more than was noted, or less, as long as it counts."""
        for sample in reversed(self._recent.get(endpoint, ())):
            if sample.call == call:
                sample.cost_nano += more_nano
                self._sums_nano[endpoint] += more_nano
                return

    def cost(self, endpoint: str, now_us: int) -> Amount | None:
        """Return what a call is expected to cost; None while too little is known."""
        recent = self._recent.get(endpoint)
        while recent and recent[0].at_us <= now_us - AGE_US:
            self._forget(endpoint, recent)
        if recent is None or len(recent) < NEEDED:
            return None
        return nano(-(-self._sums_nano[endpoint] // len(recent)))

    def _forget(self, endpoint: str, recent: deque[_Sample]) -> None:
        self._sums_nano[endpoint] -= recent.popleft().cost_nano


def decide(endpoint: Endpoint, cost: Amount | None) -> Refusal | None:
    """Say why a call that is expected to cost *cost* is not worth its price, or None.

    What is earned is the price less the work's cost and the fees of selling it.
    """
    if endpoint.margin_floor is None or cost is None:
        return None
    earned_nano = endpoint.price.units - endpoint.fees.units - cost.units
    floor = endpoint.margin_floor
    if earned_nano * floor.denominator >= floor.numerator * endpoint.price.units:
        return None
    return Refusal(Code.WOULD_LOSE_MONEY, policy="routes.margin_floor")
