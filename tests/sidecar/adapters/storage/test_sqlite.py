"""The embedded storage: units on one file, faults named as the core knows them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.store import Rollback, StoreLocked
from sidecar.adapters.storage.sqlite import SqliteStorage
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.ports import StorageGone, StorageUnavailable
from tests.sidecar.builders import NOW_US, a_storage

FIRST = "INSERT INTO price_versions VALUES ('a', 1, 'x', 1)"


def versions(tx: RecordsSqliteTx) -> int:
    return int(tx.connection.execute("SELECT count(*) FROM price_versions").fetchone()[0])


async def test_what_a_unit_wrote_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    """Another connection reads it at once, and the next opening finds it."""
    storage = a_storage(tmp_path)
    assert await storage.run(lambda tx: tx.price_version("a", "x", NOW_US)) == 1
    with closing(sqlite3.connect(tmp_path / "sidecar.db")) as other:
        assert other.execute("SELECT endpoint, version FROM price_versions").fetchall() == [("a", 1)]
    await storage.close()

    again = a_storage(tmp_path)
    assert await again.run(lambda tx: tx.price_version("a", "x", NOW_US)) == 1
    await again.close()


async def test_a_unit_that_raises_leaves_nothing(tmp_path: Path) -> None:
    """Its exception comes out; a rollback comes out as its value; and the next unit runs."""

    def fail(tx: RecordsSqliteTx) -> None:
        tx.connection.execute(FIRST)
        raise ValueError("no")

    def undo(tx: RecordsSqliteTx) -> str:
        tx.connection.execute(FIRST)
        raise Rollback("refused")

    storage = a_storage(tmp_path)
    with pytest.raises(ValueError, match="no"):
        await storage.run(fail)
    assert await storage.run(undo) == "refused"
    assert await storage.run(versions) == 0
    assert storage.failed is None
    await storage.close()


async def test_a_full_disk_is_unavailable_and_passes(tmp_path: Path) -> None:
    """Nothing was written, the storage lives, and the same unit works once there is room."""

    def grow(tx: RecordsSqliteTx) -> None:
        tx.connection.execute("INSERT INTO price_versions VALUES ('a', 1, hex(zeroblob(100000)), 1)")

    def room(tx: RecordsSqliteTx, pages: int) -> None:
        tx.connection.execute(f"PRAGMA max_page_count = {pages}")

    storage = a_storage(tmp_path)
    await storage.run(lambda tx: room(tx, 1))
    with pytest.raises(StorageUnavailable, match="the disk is full") as full:
        await storage.run(grow)
    assert not isinstance(full.value, StorageGone)
    assert storage.failed is None
    assert await storage.run(versions) == 0

    await storage.run(lambda tx: room(tx, 1_000_000))
    await storage.run(grow)
    assert await storage.run(versions) == 1
    await storage.close()


async def test_a_storage_that_failed_or_closed_is_gone(tmp_path: Path) -> None:
    """After a fault of the medium every unit is told so, and the process can tell."""

    def broken(tx: RecordsSqliteTx) -> None:
        tx.connection.execute("PRAGMA writable_schema = ON")
        tx.connection.execute("UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'price_versions'")
        tx.connection.execute("PRAGMA schema_version = 4242")
        versions(tx)

    storage = a_storage(tmp_path)
    with pytest.raises(StorageGone):
        await storage.run(broken)
    assert storage.failed is not None
    with pytest.raises(StorageGone):
        await storage.run(versions)
    await storage.close()

    closed = a_storage(tmp_path)
    await closed.close()
    with pytest.raises(StorageGone):
        await closed.run(versions)


async def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """One process writes; the other hears a sentence, and the first is not disturbed."""
    storage = a_storage(tmp_path)
    with pytest.raises(StoreLocked, match="only one may write"):
        SqliteStorage(tmp_path / "sidecar.db", lambda: NOW_US).open()

    assert await storage.run(versions) == 0
    await storage.close()
