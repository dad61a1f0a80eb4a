"""The books are signed while the process lives: often enough, and never at the cost of anything else."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import book
from ledger.signing import Signer
from ledger.store import Tx
from sidecar import sealing as under_test
from sidecar.adapters.storage.sqlite import SqliteStorage
from sidecar.domain.events import BooksSealed, NeedsAttention
from sidecar.ports import StorageGone, StorageUnavailable
from sidecar.sealing import OtherKey, Sealing
from tests.ledger.examples import journal
from tests.sidecar.builders import a_storage
from tests.sidecar.fakes import ManualClock, RecordingObserver

SIGNER = Signer(bytes(32))


class Bench:
    """A storage with journals to sign, and a clock that is told the time."""

    def __init__(self, folder: Path) -> None:
        self.storage: SqliteStorage = a_storage(folder)
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        self.sealing = Sealing(self.storage, SIGNER, self.clock, self.observer)

    async def book(self, *names: str) -> None:
        def several(tx: Tx) -> None:
            for name in names:
                book.submit(tx, journal(name))

        await self.storage.run(several)

    @property
    def sealed(self) -> list[int]:
        return [event.seq for event in self.observer.of(BooksSealed)]


async def test_a_few_journals_wait_for_the_minute(tmp_path: Path) -> None:
    """A look signs what is full, and everything after a minute; then the minute begins again."""
    bench = Bench(tmp_path)
    await bench.book("a", "b")
    await bench.sealing.look()
    assert bench.sealed == []

    bench.clock.pass_s(60)
    await bench.sealing.look()
    assert bench.sealed == [2]
    await bench.book("c")
    await bench.sealing.look()
    assert bench.sealed == [2]
    await bench.storage.close()


async def test_a_full_checkpoint_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy it is, no checkpoint covers more than it should, and all of it is signed at the end."""
    monkeypatch.setattr(under_test, "JOURNALS_MAX", 3)
    monkeypatch.setattr("ledger.sealing.JOURNALS_MAX", 3)
    bench = Bench(tmp_path)
    await bench.book(*"abcdefgh")
    await bench.sealing.look()
    assert bench.sealed == [3, 6]

    await bench.sealing.seal()
    assert bench.sealed == [3, 6, 8]
    await bench.storage.close()


async def test_a_full_disk_or_a_defect_delays_it_and_a_dead_one_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process goes on, the operator is told; when the storage is gone there is nothing to sign."""
    faults: list[Exception] = [
        StorageUnavailable("the disk is full"),
        AssertionError("ours"),
        StorageGone("it is gone"),
    ]

    class Failing:
        async def run(self, unit: Callable[[Any], Any]) -> Any:
            raise faults.pop(0)

    async def at_once(_: float) -> None:
        return

    monkeypatch.setattr(asyncio, "sleep", at_once)
    observer = RecordingObserver()
    await Sealing(Failing(), SIGNER, ManualClock(), observer).run()

    assert observer.events == [
        NeedsAttention("sealing_delayed", "the disk is full"),
        NeedsAttention("sealing_failed", "AssertionError"),
    ]
    assert faults == []


async def test_it_runs_until_it_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a task beside the listeners it looks at once, and ends with the process."""

    async def cancelled(_: float) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", cancelled)
    bench = Bench(tmp_path)
    await bench.book("a")
    bench.clock.pass_s(60)
    with pytest.raises(asyncio.CancelledError):
        await bench.sealing.run()

    assert bench.sealed == [1]
    await bench.storage.close()


async def test_what_another_key_has_signed_is_left_alone(tmp_path: Path) -> None:
    """Signed with two keys, the books could be verified with none: it is told once, and nothing is signed."""
    bench = Bench(tmp_path)
    await bench.book("a")
    await bench.sealing.seal()
    await bench.book("b")
    observer = RecordingObserver()
    bench.clock.pass_s(60)

    other = Sealing(bench.storage, Signer(bytes(range(32))), ManualClock(), observer)
    with pytest.raises(OtherKey):
        await other.seal()
    await other.run()

    assert [event.code for event in observer.of(NeedsAttention)] == ["signed_with_another_key"]
    await bench.sealing.seal()
    assert bench.sealed == [1, 2]
    await bench.storage.close()
