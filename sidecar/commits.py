"""Commits: units of work as the paid path runs them, once or until they are on disk."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, TypeVar

from sidecar.domain.events import NeedsAttention
from sidecar.ports import Fault, Observer, Storage, StorageGone, StorageUnavailable

R = TypeVar("R")
T = TypeVar("T")
PAUSES_S: Final = (0.2, 1.0, 5.0)
"""How long to wait between tries of a commit that must be made; the last one repeats."""
UNIT_MAX: Final = 32
"""How many payments one unit is about at the most: a call in front waits no longer than that takes."""


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


def in_units(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut *items* into what one unit is about."""
    for start in range(0, len(items), UNIT_MAX):
        yield items[start : start + UNIT_MAX]


async def together(
    commit: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
    items: Sequence[T],
    tripped: Callable[[Exception, Sequence[T]], None],
) -> list[tuple[T, R]]:
    """Commit *items* in one unit and return each with its result, in their order.

    If that trips over a defect, which *tripped* is told, each is committed for
    itself: what trips alone is left out, and costs no other. A Fault is raised.
    """
    try:
        return [*zip(items, await commit(items), strict=True)]
    except Fault:
        raise
    except Exception as defect:
        tripped(defect, items)
    if len(items) == 1:
        return []
    return [done for each in items for done in await together(commit, [each], tripped)]
