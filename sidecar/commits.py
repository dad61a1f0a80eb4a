"""Commits: units of work as the paid path runs them, once or until they are on disk."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from sidecar.domain.events import NeedsAttention
from sidecar.ports import Observer, Storage, StorageGone, StorageUnavailable

R = TypeVar("R")
PAUSES_S: Final = (0.2, 1.0, 5.0)
"""How long to wait between tries of a commit that must be made; the last one repeats."""


class Commits:
    """The storage of the paid path, and what to do when it does not take a commit."""

    def __init__(self, storage: Storage, observer: Observer) -> None:
        self._storage = storage
        self._observer = observer

    def once(self, unit: Callable[..., R]) -> Coroutine[Any, Any, R]:
        """Run *unit*; StorageUnavailable if it was not committed."""
        return self._storage.run(unit)

    async def insist(self, unit: Callable[..., R], call: str) -> R:
        """Run *unit* until it is committed: it closes what is open on disk.

        StorageGone ends the tries: the process must end, and the next one's
        recovery finds what was left open.
        """
        tried = 0
        while True:
            try:
                return await self._storage.run(unit)
            except StorageGone:
                raise
            except StorageUnavailable as fault:
                self._observer.saw(NeedsAttention("commit_delayed", str(fault), call))
            await asyncio.sleep(PAUSES_S[min(tried, len(PAUSES_S) - 1)])
            tried += 1
