"""Recovery: closes by evidence what a crash or an unknown left open, and sees on chain what was reported.

It puts the calls of runs that are over to rest, at start those of this process
before, and later, where several share the books, those of a process that died. It
looks around for as long as the process lives, and never asks for money anew where
the chain can tell.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

from sidecar.commits import in_units, together
from sidecar.domain import metering
from sidecar.domain.call import Offer
from sidecar.domain.closing import abandon_unit, close_orphan_unit
from sidecar.domain.events import NeedsAttention
from sidecar.domain.payments import State
from sidecar.domain.records import Closing, Payment, RecordsTx
from sidecar.domain.resolving import undecided_unit
from sidecar.patience import Beside
from sidecar.ports import Fault, StorageGone
from sidecar.services import Services
from sidecar.settlement import ask_again, by_till, till_of
from sidecar.weighing import Watched, Weighing

BATCH: Final = 500
ASK_AGAIN_S: Final = 60
"""How often a facilitator is asked again about one unknown settlement, in seconds."""
ASKED_AT_ONCE: Final = 16
"""About how many at once: one that does not answer must not outlast the time of all others."""
_WITHOUT_A_CHAIN: Final = frozenset({State.UNKNOWN, State.DOUBTFUL, State.OWED})
"""What only a facilitator, or the time, can decide where no chain can be asked."""
_NOT_SERVED: Final = Closing("failed", 0, 0, (metering.unmetered(),))

_Question = Callable[[RecordsTx, tuple[str, ...], int], list[Payment]]

# Where no chain can be asked, only an unknown has anybody to ask. What is to be collected is not looked for
# while it can be: whoever is asked for it tells. Each is a unit of its own: no call waits for all of them.
_QUESTIONS: Final[tuple[_Question, ...]] = (
    lambda tx, _, __: tx.unknown(BATCH),
    lambda tx, networks, _: tx.unseen(BATCH, networks),
    lambda tx, networks, _: tx.watched(BATCH, networks),
    lambda tx, _, now_s: tx.overdue(BATCH, now_s),
)


class Recovery:
    """One per process; everything it does may be done twice."""

    def __init__(
        self,
        services: Services,
        watched: Mapping[str, Watched],
        offers: Sequence[Offer],
        owner: str,
        interval_ms: int,
    ) -> None:
        self._s = services
        self._watched = watched
        self._weighing = Weighing(services, watched)
        self._offers = by_till(offers)
        self._owner = owner
        self._interval_ms = interval_ms
        self._asked_us: dict[bytes, int] = {}
        self._words = Beside()

    async def put_to_rest(self) -> int:
        """Close what runs that are over left open, of this process or another; returns how many calls."""
        orphans = await self._s.commits.once(partial(_orphans, owner=self._owner))
        for some in in_units(orphans):
            for payment, rested in await together(self._abandon, some, self._tripped):
                self._attention("call_recovered", f"now {rested.state}", payment)
        calls = await self._s.commits.once(partial(_orphan_calls, owner=self._owner))
        for each in in_units(calls):
            await together(self._close, each, self._tripped)
        return len(orphans) + len(calls)

    async def _abandon(self, orphans: Sequence[Payment]) -> list[Payment]:
        return await self._s.commits.once(
            partial(_abandon_all, orphans=orphans, now_us=self._s.clock.now_us())
        )

    async def _close(self, calls: Sequence[tuple[str, str]]) -> list[None]:
        return await self._s.commits.once(partial(_close_all, calls=calls, now_us=self._s.clock.now_us()))

    def _tripped(self, defect: Exception, _: Sequence[object]) -> None:
        """Tell of a defect: what trips over it must not leave all others unwatched."""
        self._s.observer.saw(NeedsAttention("recovery_failed", type(defect).__name__))

    async def run(self) -> None:
        """Look around until cancelled. A fault ends one round, never the task."""
        try:
            while True:
                if not await self._round():
                    return
                await asyncio.sleep(self._interval_ms / 1000)
        finally:
            self._words.stop()

    async def _round(self) -> bool:
        """Look around once; False says that the storage is finished."""
        try:
            await self.put_to_rest()
            await self.look()
        except StorageGone:
            return False
        except Fault as fault:
            self._s.observer.saw(NeedsAttention("recovery_delayed", str(fault)))
        except Exception as defect:
            self._tripped(defect, ())
        return True

    async def look(self) -> None:
        """Look once: note new blocks, then weigh what the chain, or else the facilitator, can tell.

        Of what there is too much of for once the rest follows at once, as long as something comes of it.
        """
        asked = await asyncio.gather(*(self._head(network) for network in self._watched))
        seen = {network for network, ok in zip(self._watched, asked, strict=True) if ok}
        for question in _QUESTIONS:
            while await self._look_at(question, seen):
                pass

    async def _look_at(self, question: _Question, seen: Collection[str]) -> bool:
        """Weigh what is open of one kind; True if something came of it and there may be more."""
        found = await self._s.commits.once(
            partial(
                _open_questions,
                question=question,
                networks=tuple(self._watched),
                now_s=self._s.clock.now_us() // 1_000_000,
            )
        )
        proven = await self._weighing.weigh([each for each in found if each.network in seen])
        unwatched = [each for each in found if each.network not in self._watched]
        asked = [each for each in unwatched if each.state in _WITHOUT_A_CHAIN]
        if asked:
            await self._words.do(partial(self._ask_all_again, asked))
        return proven > 0 and len(found) == BATCH

    async def _head(self, network: str) -> bool:
        watched = self._watched[network]
        try:
            head = await watched.chain.head()
        except Fault as fault:
            watched.heads.missed(str(fault))
            self._s.observer.saw(NeedsAttention("chain_unreachable", str(fault)))
            return False
        watched.heads.saw(head.number, head.timestamp_s)
        return True

    async def _undecidable(self, payment: Payment) -> None:
        unit = partial(undecided_unit, claim_key=payment.claim_key, now_us=self._s.clock.now_us())
        self._asked_us.pop(payment.claim_key, None)
        if await self._s.commits.once(unit):
            self._attention("settlement_undecidable", "no evidence can be had: a person must decide", payment)

    async def _ask_all_again(self, payments: Sequence[Payment]) -> None:
        gate = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(payment: Payment) -> None:
            async with gate:
                await self._ask_again(payment)

        await asyncio.gather(*map(ask, payments))

    async def _ask_again(self, payment: Payment) -> None:
        """Without a chain to ask, the same facilitator's clean word is the only evidence there can be.

        It is asked for once more before nobody can tell: a process that was away was not there to ask.
        """
        now_us, asked_us = self._s.clock.now_us(), self._asked_us.get(payment.claim_key)
        offer = None if payment.state is State.OWED else self._offers.get(till_of(payment))
        over = now_us // 1_000_000 > payment.valid_before + ASK_AGAIN_S
        if over and (offer is None or asked_us is not None):
            await self._undecidable(payment)
            return
        # A clock that was set back tells nothing of how long ago that was.
        since_us = now_us - (payment.changed_us if asked_us is None else asked_us)
        if offer is None or (not over and 0 <= since_us < ASK_AGAIN_S * 1_000_000):
            return
        self._asked_us[payment.claim_key] = now_us
        if await ask_again(self._s, payment, offer):
            self._asked_us.pop(payment.claim_key, None)
        elif over:
            await self._undecidable(payment)

    def _attention(self, code: str, detail: str, payment: Payment) -> None:
        self._s.observer.saw(NeedsAttention(code, detail, payment.call))


def _open_questions(
    tx: RecordsTx, question: _Question, networks: tuple[str, ...], now_s: int
) -> list[Payment]:
    """Return what evidence may decide, of one kind."""
    return question(tx, networks, now_s)


def _orphans(tx: RecordsTx, owner: str) -> list[Payment]:
    return tx.orphans(owner)


def _abandon_all(tx: RecordsTx, orphans: Sequence[Payment], now_us: int) -> list[Payment]:
    return [abandon_unit(tx, each.claim_key, each.call, _NOT_SERVED, now_us) for each in orphans]


def _close_all(tx: RecordsTx, calls: Sequence[tuple[str, str]], now_us: int) -> list[None]:
    for call, endpoint in calls:
        close_orphan_unit(tx, call, endpoint, _NOT_SERVED, now_us)
    return [None] * len(calls)


def _orphan_calls(tx: RecordsTx, owner: str) -> list[tuple[str, str]]:
    return tx.orphan_calls(owner)
