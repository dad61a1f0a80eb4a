"""The writer: one thread that owns the one connection, runs units of work and commits them in groups.

Knows no table. A group is one transaction and one fsync. A unit that fails before
it has booked anything is alone with that; if it fails later, or the file does not
take what the group wrote, the group is undone and run again, each unit now in a
savepoint, so that its failure is its own. What a commit could not make durable is
never answered as done.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from ledger.chain import Head
from ledger.store import Rollback, StorageDead, StorageFull
from ledger.stores.callers import Callers, Job, Raised, answer, raisable
from ledger.stores.unwritten import Half

R = TypeVar("R")

_FATAL: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
    }
)
"""Primary result codes after which nothing this connection says can be relied on."""


class Transaction(Protocol):
    """What the writer needs of a transaction object beside its connection."""

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, on which all that was written can be read."""
        ...

    @property
    def head(self) -> Head:
        """The end of the chain as this transaction sees it."""
        ...

    @property
    def written(self) -> int:
        """Grows with what units write or have kept back, not with what is written for those before them."""
        ...

    def begin(self, *, apart: bool) -> None:
        """Start a unit. Unless it is *apart*, what it writes may be kept back for `write`."""
        ...

    def write(self) -> None:
        """Write what was kept back; raises Half if the file does not take it."""
        ...

    def undo(self, head: Head) -> None:
        """Forget what is kept in memory of the unit that was just rolled back to *head*."""
        ...

    def lose(self, head: Head) -> None:
        """Forget what is kept in memory: a whole group was rolled back to *head*."""
        ...


T = TypeVar("T", bound=Transaction)


class _GroupLost(Exception):
    """The transaction of the group cannot go on; `fault` is what each of its callers is told."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(fault)
        self.fault = fault


class Writer(Generic[T]):
    """Runs units one after the other on its own thread; serves one event loop."""

    def __init__(self, tx: T, *, group_max: int) -> None:
        self._tx = tx
        self._connection = tx.connection
        self._group_max = group_max
        self._queue: queue.SimpleQueue[list[Job[T]] | None] = queue.SimpleQueue()
        self._callers: Callers[T] = Callers(self._queue.put)
        self._failed: str | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._main, name="ledger-writer", daemon=True)

    @property
    def failed(self) -> str | None:
        """Why no unit can be run any more, or None."""
        return self._failed

    def start(self) -> None:
        """Start the thread; from now on the connection belongs to it."""
        self._thread.start()

    def run(self, unit: Callable[[T], R]) -> "asyncio.Future[R]":
        """See `ledger.store.Store.run`."""
        if self._stopped or self._failed is not None:
            raise StorageDead(self._failed or "the store is closed")
        return self._callers.run(unit)

    def close(self) -> None:
        """Take no more units. Does not block; called in the loop that runs units."""
        if self._stopped:
            return
        self._stopped = True
        self._callers.flush()
        self._queue.put(None)

    def join(self) -> None:
        """Wait until the units that were taken are finished and the connection is closed. Blocks."""
        self._thread.join()

    def _main(self) -> None:
        more = True
        while more:
            jobs, more = self._collect()
            for start in range(0, len(jobs), self._group_max):
                group = jobs[start : start + self._group_max]
                answer(group, self._outcomes(group))
        self._connection.close()

    def _collect(self) -> tuple[list[Job[T]], bool]:
        """Wait for units, take with them what else waits; False when there will be no more."""
        found = self._queue.get()
        jobs: list[Job[T]] = []
        with contextlib.suppress(queue.Empty):
            while found is not None:
                jobs += found
                found = self._queue.get_nowait()
            return jobs, False
        return jobs, True

    def _outcomes(self, jobs: list[Job[T]]) -> list[Any]:
        """Run *jobs* as one group; an outcome is durable, a Raised, or the fault that the group shares."""
        if self._failed is not None:
            return [Raised(StorageDead(self._failed)) for _ in jobs]
        before = self._tx.head
        try:
            return self._group(jobs, before)
        except _GroupLost as lost:
            fault = self._abandon(before, lost.fault)
        except BaseException as error:
            fault = self._abandon(before, StorageDead(f"the writer failed: {error!r}"))
        return [Raised(type(fault)(str(fault))) for _ in jobs]

    def _group(self, jobs: list[Job[T]], before: Head) -> list[Any]:
        self._execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._unit(job.unit) for job in jobs]
            self._tx.write()
        except Half as half:
            fault = _fault(half)
            if fault is not None:
                raise _GroupLost(fault) from half
            self._execute("ROLLBACK")
            self._tx.lose(before)
            self._execute("BEGIN IMMEDIATE")
            outcomes = [self._unit_apart(job.unit) for job in jobs]
        self._execute("COMMIT")
        return outcomes

    def _unit(self, unit: Callable[[T], Any]) -> Any:
        """Run one unit; raises Half if it fails and has written, _GroupLost if the fault is not its own."""
        head, written = self._tx.head, self._tx.written
        outcome, kept = self._outcome(unit, apart=False)
        if not kept:
            if self._tx.written != written:
                raise Half
            self._tx.undo(head)
        return outcome

    def _unit_apart(self, unit: Callable[[T], Any]) -> Any:
        """Run one unit in its savepoint; raises _GroupLost if the fault is not its own."""
        head = self._tx.head
        self._execute("SAVEPOINT unit")
        outcome, kept = self._outcome(unit, apart=True)
        if not kept:
            self._execute("ROLLBACK TO unit")
        self._execute("RELEASE unit")
        if not kept:
            self._tx.undo(head)
        return outcome

    def _outcome(self, unit: Callable[[T], Any], *, apart: bool) -> tuple[Any, bool]:
        """Return what a unit comes to, and whether what it wrote is to be kept."""
        try:
            self._tx.begin(apart=apart)
            return unit(self._tx), True
        except Rollback as rollback:
            return rollback.value, False
        except BaseException as error:
            fault = _fault(error)
            if fault is not None:
                raise _GroupLost(fault) from error
            if isinstance(error, Half):
                raise
            return Raised(raisable(error)), False

    def _execute(self, sql: str) -> None:
        """Run a statement of the group itself: when one fails, so does the group."""
        try:
            self._connection.execute(sql)
        except sqlite3.Error as error:
            fault = _fault(error) or StorageDead(f"{sql} failed: {error}")
            raise _GroupLost(fault) from error

    def _abandon(self, before: Head, fault: Exception) -> Exception:
        """Roll the group back; after anything but a full medium the store is finished."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._tx.lose(before)  # reads; a medium that failed may not be readable either
        except sqlite3.Error as error:
            fault = StorageDead(f"ROLLBACK failed: {error}")
        if isinstance(fault, StorageDead):
            self._failed = str(fault)
        return fault


def _fault(error: BaseException | None) -> StorageFull | StorageDead | None:
    """Tell from the result code what happened to the medium, also behind an exception raised over it."""
    while error is not None:
        if isinstance(error, sqlite3.Error):
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                return StorageFull(str(error))
            if code in _FATAL:
                return StorageDead(f"the database cannot be used any more: {error}")
        error = error.__cause__ or error.__context__
    return None
