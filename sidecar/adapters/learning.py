"""Learning: what served calls cost goes to the estimates, from the books at start and from events later."""

from collections.abc import Iterable
from contextlib import closing
from typing import Final

from pricing.cost import Kind
from sidecar.adapters.storage.reading import Place, fetch, open_read_only
from sidecar.domain.events import CallClosed, CostsReported, Event
from sidecar.domain.expecting import AGE_US, Expected
from sidecar.ports import Clock, Observer

_FEE: Final = Kind.FEE.value
CALLS_MAX: Final = 2_000
"""How far back the books are read at start, in calls of all endpoints."""


def recall(expected: Expected, place: Place, now_us: int) -> None:
    """Note what recent calls cost, from the books at *place*. Blocks; reads the newest calls only."""
    asked = {"calls": CALLS_MAX, "since_us": now_us - AGE_US}
    with closing(open_read_only(place)) as connection:
        for row in fetch(connection, "recent_costs", asked):
            expected.note(row["endpoint"], row["id"], row["cost_nano"], row["at_us"])


class Learning:
    """An observer before another one: notes the cost of what was served, and tells on whatever happened."""

    def __init__(self, observer: Observer, expected: Expected, clock: Clock) -> None:
        self._observer = observer
        self._expected = expected
        self._clock = clock

    def saw(self, event: Event) -> None:
        """Note a served call whose cost is wholly known, and what is reported of it later."""
        if isinstance(event, CallClosed):
            if event.captured_nano and not event.unknown_costs:
                cost_nano = _of_the_work(event.cost_nano)
                self._expected.note(event.endpoint, event.call, cost_nano, self._clock.now_us())
        elif isinstance(event, CostsReported) and event.cost_nano:
            self._expected.correct(event.endpoint, event.call, _of_the_work(event.cost_nano))
        self._observer.saw(event)


def _of_the_work(cost_nano: Iterable[tuple[str, int]]) -> int:
    """Add up what was spent, by kind; fees are not the work's cost."""
    return sum([units for kind, units in cost_nano if kind != _FEE])
