"""The embedded store: a book in one SQLite file, written by one process through one connection.

Knows no rule of the ledger and no table but its own; an application adds its
tables to the same file, and a subclass of SqliteTx that reads and writes them in
the same transaction.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from ledger.store import StorageDead, StoreLocked, StoreUnusable
from ledger.stores import migrate
from ledger.stores.transaction import SqliteTx
from ledger.stores.writer import Writer

__all__ = ["SqliteStore", "SqliteTx"]

R = TypeVar("R")
T = TypeVar("T", bound=SqliteTx)

_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",  # so that REPLACE fires the triggers that keep rows immutable
    "PRAGMA temp_store = MEMORY",  # what a savepoint may have to undo is not written to another file
    "PRAGMA journal_mode = WAL",
    "PRAGMA wal_autocheckpoint = 4000",  # pages, 16 MiB: a page that many commits touch is copied once
    "PRAGMA cache_size = -32768",  # KiB: the pages that the next entries of thousands of accounts go to
    "PRAGMA synchronous = FULL",  # a group is on the disk, not in a cache, when its callers hear of it
)


class SqliteStore(Generic[T]):
    """See `ledger.store.Store`. `open` first; then units may be run from any event loop.

    `tx` makes the transaction object, once, from the connection and the clock
    (microseconds). `extra_schema` holds the application's own migrations, oldest
    first: a script is only ever appended, never changed. A group takes at most
    `group_max` units.
    """

    def __init__(
        self,
        path: Path,
        *,
        now_us: Callable[[], int],
        tx: Callable[[sqlite3.Connection, Callable[[], int]], T] = SqliteTx,  # type: ignore[assignment]  # then T is it
        extra_schema: Sequence[str] = (),
        group_max: int = 128,
    ) -> None:
        self._path = path.resolve()  # a file has one lock beside it, whatever links lead there
        self._now_us = now_us
        self._tx = tx
        self._extra_schema = tuple(extra_schema)
        self._group_max = group_max
        self._lock = -1
        self._writer: Writer[T] | None = None

    @property
    def failed(self) -> str | None:
        """Say why the store is finished; None while it lives."""
        return None if self._writer is None else self._writer.failed

    def open(self) -> None:
        """Lock the file, create it or bring it to the newest schema, and start the writer. Blocks.

        Raises StoreLocked, StoreNotOurs, StoreTooNew or StoreUnusable, each with
        one sentence; the file is then as it was.
        """
        assert self._writer is None, "a store is opened once"
        migrate.check(self._path, self._extra_schema)
        self._lock = _lock(self._path)
        try:
            connection = self._connect()
            self._writer = Writer(self._begun(connection), group_max=self._group_max)
        except BaseException:
            os.close(self._lock)
            raise
        self._writer.start()

    async def run(self, unit: Callable[[T], R]) -> R:
        """See `ledger.store.Store`."""
        return await self.submit(unit)

    def submit(self, unit: Callable[[T], R]) -> "asyncio.Future[R]":
        """Hand *unit* over as `run` does, without a coroutine, and return what becomes its outcome."""
        if self._writer is None:
            raise StorageDead("the store is not open")
        return self._writer.run(unit)

    async def close(self) -> None:
        """See `ledger.store.Store`."""
        if self._writer is None:
            return
        self._writer.close()
        await asyncio.get_running_loop().run_in_executor(None, self._writer.join)
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def _begun(self, connection: sqlite3.Connection) -> T:
        try:
            return self._tx(connection, self._now_us)
        except sqlite3.Error as error:
            connection.close()
            raise StoreUnusable(f"{self._path} cannot be read: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        # SQLite opens what it may only read as well, and would tell at the first write.
        if self._path.exists() and not os.access(self._path, os.W_OK):
            raise StoreUnusable(f"{self._path} cannot be opened for writing: it may only be read")
        try:
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, cached_statements=256
            )
        except sqlite3.Error as error:
            raise StoreUnusable(f"{self._path} cannot be opened: {error}") from error
        try:
            # The mark of ownership is in the file itself, not only in a log beside it, before WAL begins.
            migrate.migrate(connection, self._path, self._extra_schema)
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            _refuse_alone(connection, self._path)
            connection.executescript("BEGIN IMMEDIATE; ROLLBACK;")  # who knows no lock of ours may hold it
        except sqlite3.Error as error:
            connection.close()
            raise StoreUnusable(f"{self._path} cannot be written: {error}") from error
        except BaseException:
            connection.close()
            raise
        return connection


def _refuse_alone(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that readers would keep from its writer, whose commit would then fail."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        raise StoreUnusable(
            f"{path} cannot be written while it is read: its file system has no shared memory, as a network's"
            " has none; name a file on a disk of this machine"
        )


def _lock(path: Path) -> int:
    """Take the lock that one writing process holds until it ends; returns its descriptor."""
    name = path.with_name(path.name + ".lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be opened for writing: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StoreLocked(f"{path} is open in another process; only one may write") from error
    return lock
