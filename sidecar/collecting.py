"""Collecting: settles, behind the buyers' backs and in batches, what was delivered before it was paid.

It takes what ends first, commits whom it asks for all of a batch, and lets a crew ask
and record. What could not be sent stays owed and is tried again; what has no answer is
left to evidence.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sidecar.asking import Crew
from sidecar.domain.call import Offer
from sidecar.domain.collecting import NEAR_S, naming_unit
from sidecar.domain.events import NeedsAttention
from sidecar.domain.records import Payment, RecordsTx
from sidecar.patience import Beside
from sidecar.ports import Fault, StorageGone
from sidecar.services import Services
from sidecar.settlement import ask_again, by_till, kind_of, till_of

US_PER_S: Final = 1_000_000
ASK_AGAIN_US: Final = 30 * US_PER_S
"""How often a facilitator is asked again about one settlement in doubt."""
ASK_SOON_US: Final = 5 * US_PER_S
"""The same for an authorization that ends soon: what a killed process never asked for would be lost."""
LATE_S: Final = 60
"""A person is told of what is owed when its authorization has no longer than this to live, in seconds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many are asked for in one batch, how many of them at once, and how often there is one."""

    batch: int
    at_once: int
    every_s: int


class Collector:
    """One per process; its state is on disk."""

    def __init__(self, services: Services, offers: Iterable[Offer], owner: str, pace: Pace) -> None:
        self._s = services
        self._offers = by_till(offers)
        self._owner = owner
        self._pace = pace
        self._networks = {offer.network for offer in self._offers.values()}
        self._one_at_a_time = asyncio.Lock()
        self._crew = Crew(services, self._offers, pace.at_once)
        self._doubts = Beside()
        self._asked_us: dict[bytes, int] = {}
        self._told: set[bytes] = set()

    async def run(self) -> None:
        """Collect now and then, and when told to, until cancelled."""
        try:
            while await self.round():
                await self._until_due()
        finally:
            self._crew.dismiss()
            self._doubts.stop()

    async def finish(self) -> None:
        """Collect what is owed now, and wait for all that was asked for."""
        await self.round()
        await self._crew.finish()
        await self._doubts.finish()

    async def round(self) -> bool:
        """Collect once; a fault ends the round, and False says that the storage is finished."""
        try:
            await self.collect()
        except StorageGone:
            return False
        except Fault as fault:
            self._attention("collecting_delayed", str(fault))
        except Exception as defect:  # one payment that trips it must not leave all others unpaid
            self._attention("collecting_failed", type(defect).__name__)
        return True

    async def collect(self) -> None:
        """Ask once for all that is owed and that somebody settles now, and again for what is in doubt."""
        async with self._one_at_a_time:
            self._s.collect.clear()
            left: set[bytes] = set()
            while True:
                able = {
                    offer.network
                    for offer in self._offers.values()
                    if self._s.facilitators.admits(offer.kind)
                }
                batch = await self._batch(left, able)
                left |= await self._ask_for(batch) if batch else set()
                await self._doubts.do(self._ask_again)
                if left or able < self._networks:
                    await self._warn()
                if len(batch) < self._pace.batch:
                    return

    async def _until_due(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.every_s):
                await self._s.collect.wait()

    async def _batch(self, left: set[bytes], able: Collection[str]) -> list[Payment]:
        """Return what ends first of what is owed on networks that are *able*.

        It is without what is *left* in this round, which may grow.
        """
        batch: list[Payment] = []
        while able:
            limit = self._pace.batch + len(left)
            found = await self._owed(limit, able)
            left |= {each.claim_key for each in found if till_of(each) not in self._offers}
            batch = [each for each in found if each.claim_key not in left][: self._pace.batch]
            if len(batch) == self._pace.batch or len(found) < limit:
                break
        return batch

    async def _ask_for(self, batch: Sequence[Payment]) -> set[bytes]:
        """Name whom all of *batch* are asked of, and ask; return what is known to be still owed."""
        await self._crew.ready()
        kinds = {kind_of(payment) for payment in batch}
        chosen = {kind: self._s.facilitators.choose(kind) for kind in sorted(kinds)}
        named = {
            payment.claim_key: facilitator.name
            for payment in batch
            if (facilitator := chosen[kind_of(payment)]) is not None
        }
        naming = partial(naming_unit, named=named, owner=self._owner, now_us=self._s.clock.now_us())
        payments = await self._s.commits.once(naming)
        self._s.reached("collecting")
        not_sent = await self._crew.ask(payments)
        return not_sent | {payment.claim_key for payment in batch} - named.keys()

    async def _ask_again(self) -> None:
        """Ask again, now and then, for what may not have been sent: as long as it is good, it can be."""
        now_us = self._s.clock.now_us()
        doubtful = await self._s.commits.once(partial(_doubtful, limit=self._pace.batch))
        due = [
            each
            for each in doubtful
            if each.valid_before > now_us // US_PER_S
            and self._rested(each, now_us)
            and till_of(each) in self._offers
            and self._s.facilitators.admits(kind_of(each))
        ]
        kept = {each.claim_key for each in doubtful}
        self._asked_us = {key: at_us for key, at_us in self._asked_us.items() if key in kept}
        self._asked_us |= {each.claim_key: now_us for each in due}
        gate = asyncio.Semaphore(self._pace.at_once)

        async def ask(payment: Payment) -> None:
            async with gate:
                await ask_again(self._s, payment, self._offers[till_of(payment)])

        await asyncio.gather(*map(ask, due))

    def _rested(self, payment: Payment, now_us: int) -> bool:
        """Tell whether it was asked for long enough ago, or the clock was set back, which tells nothing."""
        since_us = now_us - self._asked_us.get(payment.claim_key, payment.changed_us)
        return not 0 <= since_us < _pause_us(payment, now_us)

    async def _warn(self) -> None:
        """Tell once of each payment that will soon be lost, as nobody settles it."""
        now_s = self._s.clock.now_us() // US_PER_S
        owed = await self._owed(self._pace.batch, self._networks)
        late = {each.claim_key for each in owed if each.valid_before - now_s <= LATE_S}
        if late - self._told:
            self._attention(
                "collecting_late", f"{len(late)} payments end within {LATE_S} s, and nobody settles them"
            )
        self._told = late

    async def _owed(self, limit: int, networks: Collection[str]) -> list[Payment]:
        now_s = self._s.clock.now_us() // US_PER_S
        return await self._s.commits.once(
            partial(_owed, limit=limit, networks=tuple(sorted(networks)), now_s=now_s)
        )

    def _attention(self, code: str, detail: str, call: str = "") -> None:
        self._s.observer.saw(NeedsAttention(code, detail, call))


def _pause_us(payment: Payment, now_us: int) -> int:
    """Return how long to leave a doubt alone before somebody is asked about it again."""
    return ASK_SOON_US if payment.valid_before - now_us // US_PER_S < NEAR_S else ASK_AGAIN_US


def _owed(tx: RecordsTx, limit: int, networks: Sequence[str], now_s: int) -> list[Payment]:
    return tx.owed(limit, networks, now_s)


def _doubtful(tx: RecordsTx, limit: int) -> list[Payment]:
    return tx.doubtful(limit)
