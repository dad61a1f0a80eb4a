"""Several facilitators as one: asks the one that `domain.choosing` names, and remembers what came of it.

Asks nobody twice to settle: who is asked after a facilitator that got nothing is the
caller's to commit first. Knows no HTTP.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from sidecar.domain import outcomes
from sidecar.domain.choosing import Breaker, Health, Kind, admitting, order
from sidecar.domain.events import DependencyChanged, NeedsAttention
from sidecar.ports import Clock, Facilitator, Fault, NothingSent, Observer, Vouched
from sidecar.x402.codec import VERSION
from sidecar.x402.documents import SettleReply, SupportedKind, VerifyReply

TICK_S: Final = 0.25
State = tuple[bool, str]

R = TypeVar("R", VerifyReply, SettleReply)


class Watched:
    """One facilitator and its health. Implements `ports.Facilitator`."""

    def __init__(self, inner: Facilitator, clock: Clock, observer: Observer) -> None:
        self.name = inner.name
        self.health = Health(inner.name)
        self._inner = inner
        self._clock = clock
        self._observer = observer
        self._unlisted = "not asked yet"
        self._told: bool | None = None

    async def supported(self) -> tuple[SupportedKind, ...]:
        """Ask what it settles, and note that."""
        try:
            kinds = await self._inner.supported()
        except Fault as fault:
            self._unlisted = str(fault)
            self._becomes(self.health.missed(self._clock.monotonic_us()))
            raise
        self._unlisted = ""
        ours = frozenset((kind.scheme, kind.network) for kind in kinds if kind.version == VERSION)
        self._becomes(self.health.listed(ours, self._clock.monotonic_us()))
        return kinds

    def verify(self, body: bytes) -> Coroutine[Any, Any, VerifyReply]:
        """Ask whether the payment would settle."""
        return self._ask(self._inner.verify(body))

    def settle(self, body: bytes) -> Coroutine[Any, Any, SettleReply]:
        """Ask for settlement."""
        return self._ask(self._inner.settle(body))

    def try_it(self) -> None:
        """Note that the call which was given this facilitator is its trial, if it awaits one."""
        if not self.health.faults:
            return  # who is in order needs none
        now_us = self._clock.monotonic_us()
        if self.health.awaits_trial(now_us):
            self.health = self.health.on_trial(now_us)

    @property
    def state(self) -> State:
        """Return whether it is in order, and what a person should know."""
        if self.health.breaker is Breaker.OPEN:
            return False, f"left alone after {self.health.faults} faults in a row"
        if self.health.breaker is Breaker.HALF_OPEN:
            return False, "being tried again"
        return not self._unlisted, self._unlisted or "up"

    async def _ask(self, asking: Awaitable[R]) -> R:
        """Ask, and note how long it took and whether it said anything."""
        asked_us = self._clock.monotonic_us()
        try:
            reply = await asking
        except Fault:
            self._note(asked_us, answered=False)
            raise
        self._note(asked_us, answered=outcomes.tells(reply))
        return reply

    def _note(self, asked_us: int, *, answered: bool) -> None:
        now_us = self._clock.monotonic_us()
        note = self.health.answered if answered else self.health.failed
        self._becomes(note(now_us - asked_us, now_us))

    def _becomes(self, health: Health) -> None:
        self.health = health
        ready = health.breaker is Breaker.CLOSED and not self._unlisted
        if self._told is not ready:
            self._told = ready
            _, detail = self.state
            self._observer.saw(DependencyChanged(f"facilitator:{self.name}", ready, detail))


class Facilitators:
    """Implements `ports.Facilitators`. One per process, used by one event loop; order is the seller's."""

    def __init__(self, asked: Sequence[Facilitator], clock: Clock, observer: Observer) -> None:
        self._all = tuple(Watched(each, clock, observer) for each in asked)
        self._by_name = {each.name: each for each in reversed(self._all)}
        self._clock = clock
        self._observer = observer

    def admits(self, kind: Kind) -> bool:
        """Tell whether a call that pays by *kind* may be let in."""
        return self._admitting(kind) is not None

    def begins(self, kind: Kind) -> bool:
        """Note that the work of a funded call is about to begin; False if nobody would settle it now."""
        best = self._admitting(kind)
        if best is None:
            return False
        self._by_name[best.name].try_it()
        return True

    def choose(self, kind: Kind, besides: Collection[str] = ()) -> Facilitator | None:
        """Return who should be asked now, not one of *besides*."""
        for each in self._best_first(kind):
            if each.name not in besides:
                each.try_it()
                return each
        return None

    def by_name(self, name: str) -> Facilitator | None:
        """Return the facilitator of this name, whatever its health."""
        return self._by_name.get(name)

    async def verify(self, body: bytes, kind: Kind) -> Vouched:
        """Ask one after the other until one says something."""
        said: Vouched | None = None
        fault: Fault = NothingSent("no facilitator that settles " + " on ".join(kind) + " can be asked")
        for each in self._best_first(kind):
            each.try_it()
            try:
                said = Vouched(each.name, await each.verify(body))
            except Fault as missed:
                fault = missed
                continue
            if outcomes.tells(said.reply):
                return said
        if said is None:
            raise fault
        return said

    async def watch(self) -> None:
        """Ask now and then what they settle, until cancelled. A defect ends one round, never the task."""
        while True:
            try:
                await self.poll()
            except Exception as defect:
                self._observer.saw(NeedsAttention("facilitator_poll_failed", type(defect).__name__))
            await asyncio.sleep(TICK_S)

    async def poll(self) -> None:
        """Ask those whose turn it is what they settle."""
        now_us = self._clock.monotonic_us()
        await asyncio.gather(*(_list(each) for each in self._all if each.health.poll_us <= now_us))

    def states(self) -> Mapping[str, State]:
        """Return each facilitator's state by its name."""
        return {each.name: each.state for each in self._all}

    def lacking(self, kinds: Collection[Kind]) -> tuple[Kind, ...]:
        """Return those of *kinds* that nobody settles who is in order."""
        settled = {kind for each in self._all if each.state[0] for kind in each.health.kinds}
        return tuple(sorted(set(kinds) - settled))

    def _admitting(self, kind: Kind) -> Health | None:
        return admitting([each.health for each in self._all], kind, self._clock.monotonic_us())

    def _best_first(self, kind: Kind) -> list[Watched]:
        best = order([each.health for each in self._all], kind, self._clock.monotonic_us())
        return [self._by_name[name] for name in best]


async def _list(each: Watched) -> None:
    with contextlib.suppress(Fault):  # its health has noted it
        await each.supported()
