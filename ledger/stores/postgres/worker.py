"""A worker: one thread's connection, and a group of units run over it in one transaction.

What became of a commit whose answer was lost is asked, not guessed.
"""

import contextlib
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from ledger.store import Rollback, StorageAway, StorageDead, StorageFull
from ledger.stores.callers import Job, Raised, raisable
from ledger.stores.postgres.connecting import reason
from ledger.stores.postgres.leases import Lease, outcome
from ledger.stores.postgres.signed import Taken
from ledger.stores.postgres.transaction import PostgresTx

T = TypeVar("T", bound=PostgresTx)

DOUBT_TRIES: Final = 20
DOUBT_PAUSE_MS: Final = 250
"""How often and how long it is asked what became of a commit, before the store gives up."""

_AGAIN: Final = (
    Taken,
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.UniqueViolation,  # somebody wrote the same meanwhile: the next attempt sees it
    errors.QueryCanceled,  # the statement timeout
)
_FULL: Final = (errors.DiskFull, errors.OutOfMemory, errors.TooManyConnections)


class Again:
    """The outcome of a unit that was undone to be run again; `error` is why."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @property
    def why(self) -> str:
        """Say in one line why."""
        return reason(self.error) if isinstance(self.error, psycopg.Error) else str(self.error)


class Lost(Exception):
    """The connection went before the commit was sent: nothing of the group is on disk."""


class Worker(Generic[T]):
    """One thread's connection, opened when it is needed and again when it was lost."""

    def __init__(
        self,
        connect: Callable[[], "psycopg.Connection[Any]"],
        tx: Callable[["psycopg.Connection[Any]"], T],
        lease: Lease,
    ) -> None:
        self._connect = connect
        self._make_tx = tx
        self._lease = lease
        self._open: tuple[psycopg.Connection[Any], T] | None = None

    def close(self) -> None:
        """Release the connection."""
        if self._open is not None:
            self._open[0].close()
            self._open = None

    def group(self, jobs: list[Job[T]]) -> list[Any]:
        """Run *jobs* in one transaction; an outcome is durable, a Raised, or an Again."""
        connection, tx = self._opened()
        try:
            begun = self._lease.begin_group(connection)
            tx.begin_group(begun.closed_us)
            outcomes = [self._unit(connection, tx, job.unit, wait=n == 0) for n, job in enumerate(jobs)]
        except BaseException as error:
            self._roll_back(connection, tx)
            if isinstance(error, psycopg.Error):
                raise _fault(error) from error
            raise
        self._commit(connection, tx, begun.number)
        return outcomes

    def _opened(self) -> "tuple[psycopg.Connection[Any], T]":
        if self._open is None:
            try:
                connection = self._connect()
                self._open = connection, self._make_tx(connection)
            except psycopg.Error as error:
                raise StorageAway(f"the database cannot be reached: {reason(error)}") from error
        return self._open

    def _unit(
        self, connection: "psycopg.Connection[Any]", tx: T, unit: Callable[[T], Any], *, wait: bool
    ) -> Any:
        """Run one unit in the open savepoint and leave one open; raises on a fault that is not its own."""
        decided: Any
        try:
            tx.begin(wait=wait)
            decided = unit(tx)
        except Rollback as rollback:
            decided = rollback.value
        except _AGAIN as error:
            decided = Again(error)
        except BaseException as error:
            fault = _broken(error)
            if fault is not None:
                raise fault from error
            decided = Raised(raisable(error))
        else:
            if connection.info.transaction_status != TransactionStatus.INTRANS:
                raise StorageDead("a unit ended the transaction it was run in")
            connection.execute("RELEASE unit; SAVEPOINT unit", prepare=False)
            return decided
        connection.execute("ROLLBACK TO unit")
        tx.undo()
        return decided

    def _commit(self, connection: "psycopg.Connection[Any]", tx: T, number: str) -> None:
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            self._roll_back(connection, tx)
            if not connection.closed or not self._is_committed(number):
                raise _fault(error) from error
        tx.committed()

    def _is_committed(self, number: str) -> bool:
        """Ask what became of a commit; StorageDead if nobody can tell."""
        for _ in range(DOUBT_TRIES):
            with contextlib.suppress(psycopg.Error, StorageAway):
                told = outcome(self._opened()[0], number)
                if told == "committed":
                    return True
                if told == "aborted":
                    return False
            pause(DOUBT_PAUSE_MS)
        raise StorageDead("the connection was lost in a commit, and nobody can tell what became of it")

    def _roll_back(self, connection: "psycopg.Connection[Any]", tx: T) -> None:
        tx.undo()
        with contextlib.suppress(psycopg.Error):
            connection.execute("ROLLBACK")
        if connection.closed:
            self.close()


def pause(milliseconds: int) -> None:
    """Let some time pass."""
    threading.Event().wait(timedelta(milliseconds=milliseconds).total_seconds())


def _broken(error: BaseException | None) -> Exception | None:
    """Tell a fault of the connection or the server, also behind an exception raised over it."""
    while error is not None:
        if isinstance(error, _FULL):
            return StorageFull(reason(error))
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return Lost(reason(error))
        error = error.__cause__ or error.__context__
    return None


def _fault(error: psycopg.Error) -> Exception:
    """Return what a statement of the group itself, and not of a unit, has met."""
    return _broken(error) or Lost(reason(error))
