"""Reports are folded while the process lives, by who has the turn, and never at the cost of anything else."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger import book
from ledger import folding as ledger_folding
from ledger.folding import usable
from ledger.money import INT64_MAX
from sidecar import folding as under_test
from sidecar.adapters.storage import margins
from sidecar.adapters.storage.margins import stale
from sidecar.adapters.storage.reading import Unreadable, open_read_only
from sidecar.domain.events import NeedsAttention
from sidecar.finops.margins import UNITS
from sidecar.folding import Folding
from sidecar.ports import StorageGone, StorageUnavailable
from tests.ledger.examples import journal
from tests.sidecar.builders import RUN, shared_storage
from tests.sidecar.fakes import ManualClock, RecordingObserver
from tests.sidecar.shop import Sale, Shop, line
from tests.sidecar.told import report


class Bench:
    """A shop whose folds are small, and a clock that is told the time."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        self.folding = Folding(shop.store, shop.path, RUN, self.clock, self.observer)

    @property
    def folded(self) -> int:
        with closing(open_read_only(self.shop.path)) as connection:
            return usable(connection, INT64_MAX, INT64_MAX).seq

    @property
    def chunks(self) -> list[tuple[str, int]]:
        with closing(open_read_only(self.shop.path)) as connection:
            return connection.execute("SELECT last, version FROM margin_chunks ORDER BY last").fetchall()


@pytest.fixture
def bench(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(ledger_folding.next_fold, "__defaults__", (4,))
    monkeypatch.setattr(margins.next_chunk, "__defaults__", (2,))
    monkeypatch.setattr(under_test, "PAUSE_S", 0)
    return Bench(shop)


async def test_all_that_is_full_is_folded_at_one_look(bench: Bench) -> None:
    """Journals, and calls that are old enough; the rest waits for more."""
    for number in range(1, 6):
        await bench.shop.serve(Sale(number, at_us=bench.clock.now_us()), line())
    await bench.folding.look()

    assert bench.folded == 20
    assert bench.chunks == []
    bench.clock.pass_s(61)
    await bench.folding.look()
    assert bench.chunks == [(Sale(2).call, 1), (Sale(4).call, 1)]


async def test_what_changed_is_added_up_again_after_a_while(bench: Bench) -> None:
    """Not at each look: until then its calls are read one by one."""
    for number in (1, 2):
        await bench.shop.serve(Sale(number, at_us=bench.clock.now_us()), line())
    bench.clock.pass_s(61)
    await bench.folding.look()
    await bench.shop.report(Sale(1), report("r1", line(name="late")))
    await bench.folding.look()
    assert bench.chunks == [(Sale(2).call, 1)]

    bench.clock.pass_s(61)
    await bench.folding.look()
    assert bench.chunks == [(Sale(2).call, 2)]
    with closing(open_read_only(bench.shop.path)) as connection:
        assert stale(connection) == []


async def test_eight_chunks_become_a_block(bench: Bench) -> None:
    """By every unit that a table can be made by."""
    for number in range(1, 18):
        await bench.shop.serve(Sale(number, at_us=bench.clock.now_us()), line())
    bench.clock.pass_s(61)
    await bench.folding.look()

    with closing(open_read_only(bench.shop.path)) as connection:
        blocks = connection.execute("SELECT dimension, size, n FROM margin_blocks").fetchall()
    assert sorted(blocks) == sorted((by, 8, 1) for by in UNITS)


async def test_who_has_not_the_turn_folds_nothing(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several processes on one database the one that seals does it."""
    storage = shared_storage(postgres)
    await storage.run(lambda tx: book.submit(tx, journal("a")))
    await storage.run(lambda tx: book.submit(tx, journal("b")))
    clock, observer = ManualClock(), RecordingObserver()
    asked: list[Callable[..., Any]] = []

    class Noting:
        async def run(self, unit: Callable[[Any], Any]) -> Any:
            asked.append(unit)
            return await storage.run(unit)

    monkeypatch.setattr(ledger_folding.next_fold, "__defaults__", (1,))
    await Folding(Noting(), postgres, "another", clock, observer).look()
    await storage.close()

    assert asked == []


async def test_a_full_disk_an_unreadable_file_or_a_defect_delays_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The process goes on and the operator is told; when the storage is gone there is nothing to fold."""
    faults: list[Exception] = [
        Unreadable("no file"),
        sqlite3.OperationalError("disk I/O error"),
        StorageUnavailable("the disk is full"),
        AssertionError("ours"),
        StorageGone("it is gone"),
    ]

    class Failing:
        def execute(self, *_: object) -> Any:
            raise faults.pop(0)

        def close(self) -> None:
            return

    async def at_once(_: float) -> None:
        return

    monkeypatch.setattr(asyncio, "sleep", at_once)
    monkeypatch.setattr(under_test, "open_read_only", lambda _: Failing())
    observer = RecordingObserver()
    shop = Shop(tmp_path / "none.db")
    await Folding(shop.store, shop.path, RUN, ManualClock(), observer).run()

    assert observer.events == [
        NeedsAttention("folding_delayed", "no file"),
        NeedsAttention("folding_delayed", f"{shop.path} could not be folded: disk I/O error"),
        NeedsAttention("folding_delayed", "the disk is full"),
        NeedsAttention("folding_failed", "AssertionError"),
    ]
