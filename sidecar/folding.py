"""Folding: while the process lives, keeps what accounts and calls came to, so that reports stay quick.

Beside the paid path: sums are added up over a connection that only reads, and
written by units that are small. Nothing waits for it, and nothing is lost if it
never runs: a report then adds up more.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final, TypeVar

from ledger import folding
from ledger.folding import has_turn
from sidecar.adapters.storage import margin_blocks, margins
from sidecar.adapters.storage.reading import (
    Opened,
    Place,
    Unreadable,
    name_of,
    of_database,
    open_read_only,
)
from sidecar.domain.events import NeedsAttention
from sidecar.ports import Clock, Observer, Storage, StorageGone, StorageUnavailable

R = TypeVar("R")

LOOK_S: Final = 5
"""How often it is looked whether something can be folded, in seconds."""
PAUSE_S: Final = 0.1
"""Between two folds, so that a large book that has none yet leaves room for calls."""
QUIET_US: Final = 60_000_000
"""How old the calls of a chunk are at least: by then most have settled and were reported on."""
AGAIN_US: Final = 60_000_000
"""How often chunks of which something changed are added up again."""


class Folding:
    """Keeps folds of the books at *place*; *owner* is the run whose storage it is."""

    def __init__(self, storage: Storage, place: Place, owner: str, clock: Clock, observer: Observer) -> None:
        self._storage = storage
        self._place = place
        self._owner = owner
        self._clock = clock
        self._observer = observer
        self._began: int | None = None
        self._again_us = 0

    async def run(self) -> None:
        """Fold for as long as the process lives. What cannot be read or written, or trips, is tried again."""
        while True:
            try:
                await self.look()
            except StorageGone:
                return
            except (StorageUnavailable, Unreadable) as fault:
                self._observer.saw(NeedsAttention("folding_delayed", str(fault)))
            except Exception as defect:
                self._observer.saw(NeedsAttention("folding_failed", type(defect).__name__))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Fold all that can be, if it is this process's turn."""
        if not await self._read(partial(has_turn, owner=self._owner)):
            return
        while (folded := await self._read(partial(folding.next_fold, owner=self._owner))) is not None:
            await self._storage.run(partial(folding.keep, folded=folded))
            await asyncio.sleep(PAUSE_S)
        await self._watch()
        await self._add_up()
        await self._add_up_blocks()

    async def _watch(self) -> None:
        before_us = self._clock.now_us() - QUIET_US
        while (chunk := await self._read(partial(margins.next_chunk, before_us=before_us))) is not None:
            await self._storage.run(partial(margins.watch, chunk=chunk))
            self._began = None

    async def _add_up(self) -> None:
        """Add up what is watched, once nobody is at work any more who did not see it watched."""
        if self._began is None:
            self._began = await self._storage.run(margins.begun)
        if not await self._read(partial(margins.ended, before=self._began)):
            return
        again = self._clock.monotonic_us() >= self._again_us
        for chunk in await self._read(margins.stale):
            if chunk.version and not again:
                continue
            sums = await self._read(partial(margins.add_up, chunk=chunk))
            await self._storage.run(partial(margins.keep, sums=sums))
            await asyncio.sleep(PAUSE_S)
        if again:
            self._again_us = self._clock.monotonic_us() + AGAIN_US

    async def _add_up_blocks(self) -> None:
        for block in await self._read(margin_blocks.due):
            sums = await self._read(partial(margin_blocks.add_up, block=block))
            await self._storage.run(partial(margin_blocks.keep, sums=sums))
            await asyncio.sleep(PAUSE_S)

    async def _read(self, question: Callable[[Opened], R]) -> R:
        return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: Callable[[Opened], R]) -> R:
        with closing(open_read_only(self._place)) as connection:
            try:
                return question(connection)
            except Exception as error:
                if not of_database(error):
                    raise
                raise Unreadable(f"{name_of(self._place)} could not be folded: {error}") from error
