"""The embedded storage behind the port: the ledger's writer, with faults named as the core knows them."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ledger.store import Lag, StorageDead, StorageFull
from ledger.stores.sqlite import SqliteStore
from sidecar.adapters.storage.schema import SCHEMA
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.ports import StorageGone, StorageUnavailable

R = TypeVar("R")


class SqliteStorage:
    """Implements `ports.Storage` on one SQLite file that only this process writes."""

    def __init__(self, path: Path, now_us: Callable[[], int]) -> None:
        self._path = path
        self._store = SqliteStore(path, now_us=now_us, tx=RecordsSqliteTx, extra_schema=SCHEMA)

    @property
    def failed(self) -> str | None:
        """Say why no unit can be committed any more; None while it lives."""
        return self._store.failed

    @property
    def processes(self) -> int:
        """Say how many sidecars share the books: a file is one process's alone."""
        return 1

    @property
    def lag(self) -> Lag:
        """Say how far the chain is behind the book: here it is made in the commit."""
        return Lag()

    def open(self) -> None:
        """Open the file; `ledger.store.StoreRefused` with one sentence if it cannot be.

        It holds buyers' signatures, so a new one is only for its own user to read.
        """
        with contextlib.suppress(OSError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_RDWR, 0o600))
        self._store.open()

    async def run(self, unit: Callable[[Any], R]) -> R:
        """Run *unit* in a transaction of its own."""
        try:
            return await self._store.submit(unit)
        except StorageFull as full:
            raise StorageUnavailable("the disk is full") from full
        except StorageDead as dead:
            raise StorageGone(str(dead)) from dead

    async def close(self) -> None:
        """Finish what was accepted and release the file."""
        await self._store.close()
