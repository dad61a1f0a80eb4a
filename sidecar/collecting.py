"""Collecting: settles, behind the buyers' backs and in batches, what was delivered before it was paid.

One task. It takes what ends first, commits whom it asks for all of a batch, asks for
several at once, and commits all that came of it. What could not be sent stays owed and
is tried again; what has no answer is left to evidence.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sidecar.commits import in_units, together
from sidecar.domain import fees
from sidecar.domain.call import Offer
from sidecar.domain.collecting import Answered, answers_unit, naming_unit
from sidecar.domain.events import NeedsAttention
from sidecar.domain.outcomes import NotSent, Unknown
from sidecar.domain.payments import State
from sidecar.domain.records import Payment, RecordsTx
from sidecar.domain.settling import Recorded
from sidecar.ports import Fault, StorageGone
from sidecar.services import Services
from sidecar.settlement import (
    ask_again,
    ask_in_turn,
    by_till,
    facilitator_body,
    kind_of,
    settled,
    till_of,
)

US_PER_S: Final = 1_000_000
ASK_AGAIN_US: Final = 30 * US_PER_S
"""How often a facilitator is asked again about one settlement in doubt."""
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
        self._one_at_a_time = asyncio.Lock()
        self._asked_us: dict[bytes, int] = {}
        self._told: set[bytes] = set()

    async def run(self) -> None:
        """Collect now and then, and when told to, until cancelled."""
        while await self.round():
            await self._until_due()

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
                batch = await self._batch(left)
                left |= await self._ask_for(batch) if batch else set()
                await self._ask_again()
                await self._warn()
                if len(batch) < self._pace.batch:
                    return

    async def _until_due(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.every_s):
                await self._s.collect.wait()

    async def _batch(self, left: set[bytes]) -> list[Payment]:
        """Return what ends first of what is owed, without what is *left* in this round, which may grow."""
        facilitators = self._s.facilitators
        able = {offer.network for offer in self._offers.values() if facilitators.admits(offer.kind)}
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
        """Name whom all of *batch* are asked of, ask, and record; return what is still owed."""
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
        gate = asyncio.Semaphore(self._pace.at_once)
        first = {kind_of(payment): payment.claim_key for payment in reversed(payments)}
        answers = await asyncio.gather(
            *(self._ask(each, gate, first=first[kind_of(each)] == each.claim_key) for each in payments)
        )
        self._s.reached("answered")
        await self._record(answers)
        self._s.reached("collected")
        not_sent = {each.claim_key for each in answers if isinstance(each.outcome, NotSent)}
        return not_sent | {payment.claim_key for payment in batch} - named.keys()

    async def _ask(self, payment: Payment, gate: asyncio.Semaphore, *, first: bool) -> Answered:
        """Ask for one; not any more where nobody settles by now, or only to try out who does."""
        async with gate:
            asked_us = self._s.clock.monotonic_us()
            try:
                if first or self._s.facilitators.admits(kind_of(payment)):
                    body = facilitator_body(payment, self._offers[till_of(payment)])
                    payment, outcome = await ask_in_turn(self._s, payment, body)
                else:
                    outcome = NotSent()
            except Exception as defect:  # whatever it is, it may have been sent
                self._attention("collecting_failed", type(defect).__name__, payment.call)
                outcome = Unknown("defect")
            fee = fees.of_settlement(self._s.fees, payment.facilitator)
            return Answered(payment.claim_key, outcome, fee, self._s.clock.monotonic_us() - asked_us)

    async def _record(self, answers: Sequence[Answered]) -> None:
        """Commit what came of a batch; what the books refuse costs no other."""
        for some in in_units(answers):
            for answer, now in await together(self._commit, some, self._tripped):
                if now.payment.state is not State.OWED:
                    self._s.observer.saw(settled(now, answer.settle_us))
                if now.payment.state is State.DEFAULTED:
                    detail = f"delivered, and its settlement was refused: {now.payment.reason}"
                    self._attention("payment_defaulted", detail, now.payment.call)

    async def _commit(self, answers: Sequence[Answered]) -> list[Recorded]:
        unit = partial(answers_unit, answers=answers, now_us=self._s.clock.now_us())
        return await self._s.commits.insist(unit, "")

    def _tripped(self, defect: Exception, _: Sequence[Answered]) -> None:
        self._attention("collecting_failed", type(defect).__name__)

    async def _ask_again(self) -> None:
        """Ask again, now and then, for what may not have been sent: as long as it is good, it can be."""
        now_us = self._s.clock.now_us()
        doubtful = await self._s.commits.once(partial(_doubtful, limit=self._pace.batch))
        due = [
            each
            for each in doubtful
            if each.valid_before > now_us // US_PER_S
            and now_us - self._asked_us.get(each.claim_key, each.changed_us) >= ASK_AGAIN_US
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

    async def _warn(self) -> None:
        """Tell once of each payment that will soon be lost, as nobody settles it."""
        now_s = self._s.clock.now_us() // US_PER_S
        owed = await self._owed(self._pace.batch, {offer.network for offer in self._offers.values()})
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


def _owed(tx: RecordsTx, limit: int, networks: Sequence[str], now_s: int) -> list[Payment]:
    return tx.owed(limit, networks, now_s)


def _doubtful(tx: RecordsTx, limit: int) -> list[Payment]:
    return tx.doubtful(limit)
