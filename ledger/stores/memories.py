"""Memories: what the only writer of a file has read from it or written to it, so that it need not ask again.

Knows no table. A memory may forget at any time: what it does not have is read from the file.
"""

from collections.abc import Hashable
from typing import Any, Final, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEPT_MAX: Final = 65_536
"""How many entries a memory has, give or take as many; when there are more, it is emptied."""


class Memories:
    """Dictionaries that say of each key they have what the file, as it is now, says of it.

    They are filled by `keep` alone, with what was just read or is written by the same unit.
    What a unit touched is forgotten when it is undone: the file is then what it was before it.
    """

    def __init__(self) -> None:
        self._all: list[tuple[dict[Any, Any], int]] = []
        self._touched: list[tuple[dict[Any, Any], Hashable]] = []
        self._kept = 0  # since it was last looked how many each has
        self._least = KEPT_MAX

    def add(self, memory: dict[K, V], kept_max: int = 0) -> dict[K, V]:
        """Look after *memory* too, which has at most *kept_max* entries; 0 stands for KEPT_MAX."""
        self._all.append((memory, kept_max or KEPT_MAX))
        self._least = min(self._least, kept_max or KEPT_MAX)
        return memory

    def keep(self, memory: dict[K, V], key: K, value: V) -> V:
        """Let *memory* say *value* of *key* from now on."""
        self._touched.append((memory, key))
        memory[key] = value
        return value

    def begin(self) -> None:
        """Start a unit: the one before has ended, and is undone alone no more."""
        self._kept += len(self._touched)
        self._touched.clear()
        if self._kept > self._least:
            self._kept = 0
            for memory, kept_max in self._all:
                if len(memory) > kept_max:
                    memory.clear()

    def undo(self) -> None:
        """Forget what the unit that was just rolled back has touched."""
        for memory, key in self._touched:
            memory.pop(key, None)
        self._touched.clear()

    def clear(self) -> None:
        """Forget everything, as after a whole group was rolled back."""
        self._touched.clear()
        for memory, _ in self._all:
            memory.clear()
