"""Commits: a unit of work runs once, or until it is on disk."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sidecar import commits
from sidecar.commits import Commits
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
