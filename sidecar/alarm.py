"""An alarm: one timer of a connection that is set with every segment and seldom rings.

Setting it later costs a comparison: the loop's timer stays where it is, finds out that it
is early, and waits for the rest. Only an earlier moment needs another timer.
"""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls *ring* once the moment that was set last has come. Moments are the loop's own, in seconds."""

    __slots__ = ("_due_s", "_loop", "_ring", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._due_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due_s: float | None) -> None:
        """Ring at *due_s* and not at what was set before; None: do not ring."""
        self._due_s = due_s
        if due_s is None:
            return
        if self._timer is not None:
            if self._timer.when() <= due_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due_s, self._come)

    def stop(self) -> None:
        """Never ring, and leave nothing behind."""
        self._due_s = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _come(self) -> None:
        self._timer = None
        due_s = self._due_s
        if due_s is None:
            return
        if self._loop.time() < due_s:
            self._timer = self._loop.call_at(due_s, self._come)
        else:
            self._due_s = None
            self._ring()
