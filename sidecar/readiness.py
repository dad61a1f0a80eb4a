"""Readiness: what the sidecar needs, and whether it is there. Asks nobody; told from memory."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from sidecar.domain.call import Offer
from sidecar.domain.choosing import Kind
from sidecar.domain.events import DependencyChanged
from sidecar.domain.evidence import Heads
from sidecar.ports import Observer

INTERVAL_S: Final = 2
State = tuple[bool, str]


class Settlers(Protocol):
    """What is known of the facilitators."""

    def states(self) -> Mapping[str, State]:
        """Return each one's state by its name."""
        ...

    def lacking(self, kinds: Collection[Kind]) -> Sequence[Kind]:
        """Return those of *kinds* that nobody settles who is in order."""
        ...


class Readiness:
    """Each dependency by name with (ready, detail). Details are for the operator and hold no secrets."""

    def __init__(
        self,
        *,
        upstream: Callable[[], State],
        facilitators: Settlers,
        offers: Sequence[Offer],
        heads: Mapping[str, Heads],
        storage_failed: Callable[[], str | None],
        observer: Observer,
    ) -> None:
        self._upstream = upstream
        self._facilitators = facilitators
        self._wanted = frozenset(offer.kind for offer in offers)
        self._heads = heads
        self._storage_failed = storage_failed
        self._observer = observer
        self._told: dict[str, State] = {}
        self.draining = False

    def states(self) -> Mapping[str, State]:
        """Return every dependency's state as it is known now."""
        failed = self._storage_failed()
        states = {
            "storage": (failed is None, failed or "open"),
            "upstream": self._upstream(),
            "facilitator": self._settling(),
            "accepting": (not self.draining, "draining" if self.draining else "open for paid calls"),
        }
        for network, heads in self._heads.items():
            seen, away = heads.newest, heads.away
            detail = away or (f"block {seen}" if seen else "no block seen yet")
            states[f"chain:{network}"] = (seen > 0 and not away, detail)
        return states

    async def watch(self) -> None:
        """Tell changes as they come, until cancelled."""
        while True:
            self.tell()
            await asyncio.sleep(INTERVAL_S)

    def tell(self) -> None:
        """Tell what became ready, or stopped being so, since the last time."""
        for name, state in self.states().items():
            if self._told.get(name, (None, ""))[0] != state[0]:
                self._observer.saw(DependencyChanged(name, *state))
            self._told[name] = state

    def _settling(self) -> State:
        """Ready when everything offered is settled by somebody; each facilitator is named all the same."""
        missing = ", ".join(" on ".join(kind) for kind in self._facilitators.lacking(self._wanted))
        each = [f"{name}: {detail}" for name, (_, detail) in self._facilitators.states().items()]
        return not missing, "; ".join([f"nobody settles {missing}", *each] if missing else each)
