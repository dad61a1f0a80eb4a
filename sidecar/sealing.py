"""Sealing: while the process lives, signs what was booked, so that nothing can leave the books unseen."""

import asyncio
from functools import partial
from typing import Final

from ledger import sealing
from ledger.checkpoints import JOURNALS_MAX
from ledger.signing import Signer
from sidecar.domain.events import BooksSealed, NeedsAttention
from sidecar.ports import Clock, Observer, Storage, StorageGone, StorageUnavailable

LOOK_S: Final = 1
"""How often it is looked whether a full checkpoint waits, in seconds."""
SEAL_US: Final = 60_000_000
"""How long a journal waits at most for its checkpoint, microseconds."""


class Sealing:
    """Signs a checkpoint for every 1,000 journals, and for fewer after a minute."""

    def __init__(self, storage: Storage, signer: Signer, clock: Clock, observer: Observer) -> None:
        self._storage = storage
        self._signer = signer
        self._clock = clock
        self._observer = observer
        self._sealed_us = clock.monotonic_us()

    async def run(self) -> None:
        """Sign for as long as the process lives. A full disk delays it, nothing else does."""
        while True:
            try:
                await self.look()
            except StorageGone:
                return
            except StorageUnavailable as fault:
                self._observer.saw(NeedsAttention("sealing_delayed", str(fault)))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Sign what is full, or everything if the minute is over."""
        if self._clock.monotonic_us() - self._sealed_us < SEAL_US:
            await self._seal(JOURNALS_MAX)
        else:
            await self.seal()

    async def seal(self) -> None:
        """Sign everything that was booked."""
        await self._seal(least=1)
        self._sealed_us = self._clock.monotonic_us()

    async def _seal(self, least: int) -> None:
        unit = partial(sealing.seal, signer=self._signer, least=least)
        while (checkpoint := await self._storage.run(unit)) is not None:
            self._observer.saw(BooksSealed(checkpoint.head.seq, checkpoint.head.hash.hex()))
