"""Choosing: which facilitator to ask next, by what came of asking before. Pure; counts and microseconds.

Each facilitator has a breaker. *Closed*: it is asked. *Open*, after FAULTS_MAX faults in a
row: it is left alone for a pause, and each pause in a row is twice as long. *Half-open*, once
the pause is over and it has listed its kinds again: one call at a time tries it, and the first
answer closes the breaker. Times are those of a clock that never goes back.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from ledger.values import value

FAULTS_MAX: Final = 5
PAUSE_FIRST_US: Final = 5_000_000
PAUSE_LAST_US: Final = 300_000_000
TRIAL_US: Final = 10_000_000
"""How long one call has half-open to itself: a trial that never asks must not keep the door shut."""
POLL_US: Final = 60_000_000
"""How long a list of kinds is taken for true."""
POLL_FIRST_US: Final = 1_000_000
POLL_LAST_US: Final = 15_000_000
"""How soon one that gave no list is asked for it again: doubling from the first to the last."""
SLOW_US: Final = 1_000_000
"""Facilitators are ordered by whole steps of this: what differs by less stays as the seller listed it."""
FADE_US: Final = 60_000_000
"""An estimate halves each time this passes unasked: who was slow once is tried again some day."""
WEIGHT: Final = 4
"""A new measurement moves the estimate by a quarter of the difference."""

Kind = tuple[str, str]
"""What a facilitator settles: scheme, and network by its CAIP-2 name."""


class Breaker(StrEnum):
    """Whether a facilitator may be asked."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@value
class Health:
    """One facilitator, by what came of asking it.

    `faults`, `pauses` and `misses` count in a row: asks without an answer, pauses of
    the breaker, and polls without a list of kinds. `kinds` are the last ones it listed.
    """

    name: str
    kinds: frozenset[Kind] = frozenset()
    faults: int = 0
    pauses: int = 0
    open_until_us: int = 0
    listed_again: bool = False
    trial_until_us: int = 0
    latency_us: int = 0
    asked_us: int = 0
    misses: int = 0
    poll_us: int = 0

    @property
    def breaker(self) -> Breaker:
        """Return whether it may be asked."""
        if self.faults < FAULTS_MAX:
            return Breaker.CLOSED
        return Breaker.HALF_OPEN if self.listed_again else Breaker.OPEN

    def answered(self, took_us: int, now_us: int) -> "Health":
        """It answered, whatever it said."""
        return Health(
            name=self.name,
            kinds=self.kinds,
            latency_us=self._estimated(took_us, now_us),
            asked_us=now_us,
            misses=self.misses,
            poll_us=self.poll_us,
        )

    def failed(self, took_us: int, now_us: int) -> "Health":
        """It gave no answer that says anything. What was under way when it was opened opens nothing more."""
        latency_us = self._estimated(took_us, now_us)
        faulty = replace(self, faults=self.faults + 1, latency_us=latency_us, asked_us=now_us)
        if faulty.breaker is Breaker.CLOSED or self.breaker is Breaker.OPEN:
            return faulty
        pause_us = min(PAUSE_FIRST_US << min(self.pauses, 32), PAUSE_LAST_US)
        until_us = now_us + pause_us
        return replace(
            faulty, pauses=self.pauses + 1, open_until_us=until_us, listed_again=False, poll_us=until_us
        )

    def listed(self, kinds: frozenset[Kind], now_us: int) -> "Health":
        """It said what it settles; after a pause that also means that it may be tried."""
        again = self.listed_again or (self.faults >= FAULTS_MAX and now_us >= self.open_until_us)
        said = replace(self, kinds=kinds, listed_again=again, misses=0)
        return replace(said, poll_us=said.open_until_us if said.breaker is Breaker.OPEN else now_us + POLL_US)

    def missed(self, now_us: int) -> "Health":
        """It did not say what it settles; what it said before stays true."""
        wait_us = min(POLL_FIRST_US << min(self.misses, 32), POLL_LAST_US)
        return replace(self, misses=self.misses + 1, poll_us=now_us + wait_us)

    def on_trial(self, now_us: int) -> "Health":
        """One call tries it, and the others wait for what comes of that."""
        return replace(self, trial_until_us=now_us + TRIAL_US)

    def awaits_trial(self, now_us: int) -> bool:
        """Tell whether a call should try it now."""
        return self.breaker is Breaker.HALF_OPEN and now_us >= self.trial_until_us

    def slowness(self, now_us: int) -> int:
        """Return how slow it is, in whole steps."""
        return self._estimate_us(now_us) // SLOW_US

    def _estimated(self, took_us: int, now_us: int) -> int:
        known_us = self._estimate_us(now_us)
        return known_us + (took_us - known_us) // WEIGHT

    def _estimate_us(self, now_us: int) -> int:
        return self.latency_us >> min((now_us - self.asked_us) // FADE_US, 63)


def order(candidates: Sequence[Health], kind: Kind, now_us: int) -> tuple[str, ...]:
    """Return the names of those that settle *kind* and may be asked, the best first.

    One that awaits its trial goes first, once; then those that are closed, the fast
    before the slow; then those another call is trying. Equals stay as they are listed.
    """
    # Its breaker is closed, or half-open.
    able = [
        each for each in candidates if kind in each.kinds and (each.faults < FAULTS_MAX or each.listed_again)
    ]
    if len(able) == 1:
        return (able[0].name,)
    return tuple(each.name for each in sorted(able, key=lambda each: _rank(each, now_us)))


def _rank(health: Health, now_us: int) -> tuple[int, int]:
    if health.awaits_trial(now_us):
        return 0, 0
    return (1 if health.breaker is Breaker.CLOSED else 2), health.slowness(now_us)


def admitting(candidates: Sequence[Health], kind: Kind, now_us: int) -> Health | None:
    """Return who makes it worth to begin a call that pays by *kind*: one that is closed, else a trial."""
    awaiting: Health | None = None
    for each in candidates:
        if kind in each.kinds:
            if each.faults < FAULTS_MAX:  # its breaker is closed
                return each
            if awaiting is None and each.awaits_trial(now_us):
                awaiting = each
    return awaiting
