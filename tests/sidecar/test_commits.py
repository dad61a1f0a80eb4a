"""Commits: a unit of work runs once, or until it is on disk."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sidecar import commits
from sidecar.commits import UNIT_MAX, Commits, in_units, together
from sidecar.domain.events import NeedsAttention
from sidecar.ports import StorageGone, StorageUnavailable
from tests.sidecar.fakes import RecordingObserver

FULL = StorageUnavailable("the disk is full")


class Disk:
    """A storage that fails as it is told, then runs the unit."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.tries = 0

    async def run(self, unit: Callable[[Any], Any]) -> Any:
        self.tries += 1
        if self.faults:
            raise self.faults.pop(0)
        return unit(None)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the pauses that were made, none of which takes any time."""
    made: list[float] = []

    async def pause(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)
    return made


async def test_once_is_once() -> None:
    """A unit that was not committed is the caller's to answer for."""
    disk, observer = Disk(FULL), RecordingObserver()
    with pytest.raises(StorageUnavailable, match="disk is full"):
        await Commits(disk, observer).once(lambda _: 1)

    assert (disk.tries, observer.events) == (1, [])
    assert await Commits(disk, observer).once(lambda _: 1) == 1


async def test_insisting_tries_until_it_is_on_disk(pauses: list[float]) -> None:
    """Each delay is told; the pauses grow to their last and stay there."""
    disk, observer = Disk(*[FULL] * 5), RecordingObserver()

    assert await Commits(disk, observer).insist(lambda _: "done", "call_1") == "done"
    assert disk.tries == 6
    assert pauses == [*commits.PAUSES_S, commits.PAUSES_S[-1], commits.PAUSES_S[-1]]
    assert observer.events == [NeedsAttention("commit_delayed", "the disk is full", "call_1")] * 5


async def test_a_storage_that_is_gone_ends_the_tries(pauses: list[float]) -> None:
    """What it was last asked to commit may be on disk: only the next run can tell."""
    disk = Disk(FULL, StorageGone("the database cannot be used any more"))
    with pytest.raises(StorageGone):
        await Commits(disk, RecordingObserver()).insist(lambda _: 1, "call_1")

    assert (disk.tries, len(pauses)) == (2, 1)


async def test_a_unit_that_fails_by_itself_is_not_tried_again(pauses: list[float]) -> None:
    """A programmer's error does not go away by itself."""
    disk = Disk(AssertionError("the book refused it"))
    with pytest.raises(AssertionError, match="refused"):
        await Commits(disk, RecordingObserver()).insist(lambda _: 1, "call_1")

    assert (disk.tries, pauses) == (1, [])


class Books:
    """Books that take numbers, and trip over some of them."""

    def __init__(self, *odd: int, fault: Exception | None = None) -> None:
        self.odd = set(odd)
        self.fault = fault
        self.units: list[list[int]] = []
        self.defects: list[tuple[str, list[int]]] = []

    async def commit(self, numbers: Sequence[int]) -> list[str]:
        self.units.append([*numbers])
        if self.fault:
            raise self.fault
        if self.odd & {*numbers}:
            raise ZeroDivisionError
        return [f"took {number}" for number in numbers]

    def tripped(self, defect: Exception, numbers: Sequence[int]) -> None:
        self.defects.append((type(defect).__name__, [*numbers]))


async def test_together_is_one_unit() -> None:
    """Nothing is committed alone that need not be."""
    books = Books()
    assert await together(books.commit, [1, 2], books.tripped) == [(1, "took 1"), (2, "took 2")]
    assert (books.units, books.defects) == ([[1, 2]], [])


@pytest.mark.parametrize(("numbers", "alone"), [([1, 2, 3], [[1], [2], [3]]), ([2], [])])
async def test_what_trips_costs_no_other(numbers: list[int], alone: list[list[int]]) -> None:
    """Each is then committed for itself, once; the odd one is told and left out."""
    books = Books(2)
    done = await together(books.commit, numbers, books.tripped)

    assert done == [(number, f"took {number}") for number in numbers if number != 2]
    assert books.units == [numbers, *alone]
    assert books.defects[-1] == ("ZeroDivisionError", [2])


async def test_a_storage_that_takes_nothing_is_not_asked_for_each() -> None:
    """A fault is the storage's, and no item's."""
    books = Books(fault=FULL)
    with pytest.raises(StorageUnavailable):
        await together(books.commit, [1, 2], books.tripped)

    assert (len(books.units), books.defects) == (1, [])


def test_many_are_cut_into_units() -> None:
    """All of them, in their order, and no unit is longer than a call in front should wait."""
    items = range(2 * UNIT_MAX + 1)
    units = [*in_units(items)]

    assert [item for unit in units for item in unit] == [*items]
    assert [len(unit) for unit in units] == [UNIT_MAX, UNIT_MAX, 1]
    assert [*in_units([])] == []
