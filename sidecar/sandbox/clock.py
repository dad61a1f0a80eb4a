"""The chain's time: the wall clock, and how far somebody has moved it on. Whole seconds since the epoch."""

from collections.abc import Callable


class Clock:
    """Moves on by itself, and only ever ahead of the wall clock it was given."""

    def __init__(self, wall_s: Callable[[], int]) -> None:
        self._wall_s = wall_s
        self._ahead_s = 0
        self._next_block_s: int | None = None

    def now_s(self) -> int:
        """Return the time of a call that runs now."""
        return self._next_block_s or self._wall_s() + self._ahead_s

    def block_s(self) -> int:
        """Return the time of the block that is made now; a time set for it is used up."""
        at_s, self._next_block_s = self.now_s(), None
        return at_s

    def forward(self, seconds: int) -> int:
        """Move on by *seconds* and return how far ahead of the wall clock this is in all."""
        self._ahead_s += seconds
        return self._ahead_s

    def set_next_block(self, at_s: int) -> None:
        """Let the next block have exactly this time, and the clock go on from there."""
        self._ahead_s = at_s - self._wall_s()
        self._next_block_s = at_s
