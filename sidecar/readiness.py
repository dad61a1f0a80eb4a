"""Readiness: what the sidecar needs, and whether it is there. Asked now and then, told from memory."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sidecar.domain.call import Offer
from sidecar.domain.events import DependencyChanged
from sidecar.domain.evidence import Heads
from sidecar.ports import Facilitator, Fault, Observer
from sidecar.x402.codec import VERSION

INTERVAL_S: Final = 15
State = tuple[bool, str]


class Readiness:
    """Each dependency by name with (ready, detail). Details are for the operator and hold no secrets."""

    def __init__(
        self,
        *,
        facilitator: Facilitator,
        offers: Sequence[Offer],
        heads: Mapping[str, Heads],
        storage_failed: Callable[[], str | None],
        observer: Observer,
    ) -> None:
        self._facilitator = facilitator
        self._offers = offers
        self._heads = heads
        self._storage_failed = storage_failed
        self._observer = observer
        self._facilitator_state: State = (False, "not asked yet")
        self._told: dict[str, State] = {}
        self.draining = False

    def states(self) -> Mapping[str, State]:
        """Return every dependency's state as it is known now."""
        failed = self._storage_failed()
        states = {
            "storage": (failed is None, failed or "open"),
            "facilitator": self._facilitator_state,
            "accepting": (not self.draining, "draining" if self.draining else "open for paid calls"),
        }
        for network, heads in self._heads.items():
            seen = heads.newest
            states[f"chain:{network}"] = (seen > 0, f"block {seen}" if seen else "no block seen yet")
        return states

    async def watch(self) -> None:
        """Ask the facilitator now and then, until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(INTERVAL_S)

    async def ask(self) -> None:
        """Ask once whether the facilitator settles what we offer, and tell what has changed."""
        try:
            supported = await self._facilitator.supported()
        except Fault as fault:
            self._facilitator_state = (False, str(fault))
        else:
            kinds = {(kind.scheme, kind.network) for kind in supported if kind.version == VERSION}
            wanted = {(offer.requirements.scheme, offer.network) for offer in self._offers}
            missing = sorted(" on ".join(kind) for kind in wanted - kinds)
            self._facilitator_state = (
                not missing,
                f"does not settle {', '.join(missing)}" if missing else "up",
            )
        for name, state in self.states().items():
            if self._told.get(name, (None, ""))[0] != state[0]:
                self._observer.saw(DependencyChanged(name, *state))
            self._told[name] = state
