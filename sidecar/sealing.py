"""Sealing: while the process lives, signs what was booked, so that nothing can leave the books unseen."""

import asyncio
from functools import partial
from typing import Final

from ledger import sealing
from ledger.checkpoints import JOURNALS_MAX, Checkpoint
from ledger.signing import Signer, is_signed_by
from ledger.store import SealableTx
from sidecar.domain.events import BooksSealed, NeedsAttention
from sidecar.ports import Clock, Observer, Storage, StorageGone, StorageUnavailable

LOOK_S: Final = 1
"""How often it is looked whether a full checkpoint waits, in seconds."""
SEAL_US: Final = 60_000_000
"""How long a journal waits at most for its checkpoint, microseconds."""


class OtherKey(Exception):
    """The books are signed with another key; signed with two they could be verified with none."""


class Sealing:
    """Signs a checkpoint for every 1,000 journals, and for fewer after a minute."""

    def __init__(self, storage: Storage, signer: Signer, clock: Clock, observer: Observer) -> None:
        self._storage = storage
        self._signer = signer
        self._clock = clock
        self._observer = observer
        self._sealed_us = clock.monotonic_us()

    async def run(self) -> None:
        """Sign for as long as the process lives. A fault or defect delays it; another's signature ends it."""
        while True:
            try:
                await self.look()
            except StorageGone:
                return
            except StorageUnavailable as fault:
                self._observer.saw(NeedsAttention("sealing_delayed", str(fault)))
            except OtherKey as fault:
                self._observer.saw(NeedsAttention("signed_with_another_key", str(fault)))
                return
            except Exception as defect:
                self._observer.saw(NeedsAttention("sealing_failed", type(defect).__name__))
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
        unit = partial(_seal_unit, signer=self._signer, least=least)
        while (checkpoint := await self._storage.run(unit)) is not None:
            self._observer.saw(BooksSealed(checkpoint.head.seq, checkpoint.head.hash.hex()))


def _seal_unit(tx: SealableTx, signer: Signer, least: int) -> Checkpoint | None:
    before = tx.last_checkpoint()
    if before is not None and not is_signed_by(signer.public_key, before):
        raise OtherKey("the books are signed with the key of another secrets file, so not with this one")
    return sealing.seal(tx, signer, least)
