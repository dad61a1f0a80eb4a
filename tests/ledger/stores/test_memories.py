"""Memories forget what was undone, and forget all rather than grow."""

from typing import Any

from ledger.stores.memories import Memories


def remembering(kept_max: int = 0) -> tuple[Memories, dict[str, int], dict[int, str]]:
    memories = Memories()
    return memories, memories.add({}, kept_max), memories.add({})


def test_an_undone_unit_is_forgotten_and_no_other() -> None:
    """What it wrote over is forgotten too: what is there now only the file knows."""
    memories, one, other = remembering()
    memories.begin()
    memories.keep(one, "a", 1)
    memories.keep(one, "b", 2)
    memories.begin()
    assert memories.keep(one, "b", 3) == 3
    memories.keep(one, "c", 4)
    memories.keep(one, "c", 5)
    memories.keep(other, 6, "d")
    memories.undo()

    assert (one, other) == ({"a": 1}, {})


def test_a_lost_group_leaves_nothing() -> None:
    """Nobody knows any more which of its units touched what."""
    memories, one, other = remembering()
    memories.keep(one, "a", 1)
    memories.begin()
    memories.keep(other, 1, "a")
    memories.clear()

    assert (one, other) == ({}, {})


def test_memories_are_bounded() -> None:
    """One that has too much is emptied, between two units and not inside one."""
    memories, one, other = remembering(kept_max=2)
    many: dict[Any, Any] = other
    for number in range(3):
        memories.keep(one, str(number), number)
    memories.keep(many, 1, "a")
    assert len(one) == 3

    memories.begin()
    assert (one, other) == ({}, {1: "a"})
