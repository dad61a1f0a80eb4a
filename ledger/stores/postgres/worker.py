"""A worker: one thread's connection, and a group of units run over it in one transaction.

What became of a commit whose answer was lost is asked, not guessed.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from ledger.store import Rollback, StorageAway, StorageDead, StorageFull
from ledger.stores.callers import Job, Raised, raisable
from ledger.stores.postgres.connecting import reason
from ledger.stores.postgres.direct import Overdue
from ledger.stores.postgres.leases import Fenced, Lease
from ledger.stores.postgres.signed import Taken
from ledger.stores.postgres.transaction import PostgresTx

T = TypeVar("T", bound=PostgresTx)

DOUBT_S: Final = 60
DOUBT_PAUSE_MS: Final = 250
"""How long it is asked what became of a commit, before the store gives up, and how often."""

_AGAIN: Final = (
    Taken,
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.UniqueViolation,  # somebody wrote the same meanwhile: the next attempt sees it
    errors.QueryCanceled,  # the statement timeout
)
_FULL: Final = (errors.DiskFull, errors.OutOfMemory, errors.TooManyConnections)


@dataclass(frozen=True, slots=True)
class Again:
    """The outcome of a unit that was undone to be run again; `error` is why.

    It `counts` as an attempt if the unit had its turn to wait; `alone` if it must
    have a group of its own, because one of its group cannot be written.
    """

    error: BaseException
    counts: bool
    alone: bool = False

    @property
    def why(self) -> str:
        """Say in one line why."""
        return reason(self.error) if isinstance(self.error, psycopg.Error) else str(self.error)


class Lost(Exception):
    """The connection went before the commit was sent: nothing of the group is on disk."""


class _Spoilt(Exception):
    """A statement of a unit that has no savepoint was refused: all of its group is undone.

    The `outcome` is the unit's, or that of `all` if nobody knows whose statement it was.
    """

    def __init__(self, outcome: Again | Raised, *, all: bool = False) -> None:  # noqa: A002
        super().__init__(outcome)
        self.outcome = outcome
        self.all = all


class Worker(Generic[T]):
    """One thread's connection, opened when it is needed and again when it was lost."""

    def __init__(
        self,
        connect: Callable[[], "psycopg.Connection[Any]"],
        tx: Callable[["psycopg.Connection[Any]"], T],
        lease: Lease,
        numbers: Iterator[int],
    ) -> None:
        self._numbers = numbers
        self._no = -1  # of the connection among all that this writer ever had
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
        outcomes: list[Any] = []
        try:
            tx.begin_group()
            self._lease.begin_group(tx.direct, tx.begun, self._no)
            for n, job in enumerate(jobs):
                outcomes.append(self._unit(connection, tx, job.unit, wait=n == 0))
            refused = self._write(connection, tx, alone=len(jobs) == 1)
            if refused is not None:
                self._roll_back(connection, tx)
                return [refused for _ in jobs]
        except _Spoilt as spoilt:
            self._roll_back(connection, tx)
            return [
                spoilt.outcome if spoilt.all or n == len(outcomes) else Again(spoilt, counts=False)
                for n in range(len(jobs))
            ]
        except BaseException as error:
            self._roll_back(connection, tx)
            if isinstance(error, psycopg.Error):
                raise _fault(error) from error
            raise
        self._commit(connection, tx)
        return outcomes

    def _opened(self) -> "tuple[psycopg.Connection[Any], T]":
        if self._open is None:
            try:
                connection = self._connect()
                self._open = connection, self._make_tx(connection)
                self._no = next(self._numbers)
            except psycopg.Error as error:
                raise StorageAway(f"the database cannot be reached: {reason(error)}") from error
        return self._open

    def _unit(
        self, connection: "psycopg.Connection[Any]", tx: T, unit: Callable[[T], Any], *, wait: bool
    ) -> Any:
        """Run one unit, and undo it unless it ended well; raises on a fault that is not its own."""
        decided: Any
        try:
            tx.begin(wait=wait)
            decided = unit(tx)
        except Rollback as rollback:
            decided = rollback.value
        except _AGAIN as error:
            decided = Again(error, counts=wait)
        except Overdue as overdue:
            if isinstance(overdue.error, Fenced):
                raise overdue.error from overdue
            raise _Spoilt(Again(overdue.error, counts=wait, alone=True), all=True) from overdue
        except BaseException as error:
            fault = _broken(error)
            if fault is not None:
                raise fault from error
            decided = Raised(raisable(error))
        else:
            if tx.number:
                _expect_transaction(connection)
            tx.keep()
            return decided
        if connection.info.transaction_status == TransactionStatus.INERROR and not tx.is_saved:
            assert isinstance(decided, Again | Raised), "a unit was refused a statement"
            raise _Spoilt(decided)
        tx.roll_back()
        tx.undo()
        return decided

    def _write(self, connection: "psycopg.Connection[Any]", tx: T, *, alone: bool) -> Again | Raised | None:
        """Write what the units have booked; tells what became of each of them if that was refused."""
        try:
            tx.write()
        except Exception as refused:
            error = refused.error if isinstance(refused, Overdue) else refused
            if isinstance(error, Fenced):
                raise error from refused
            if _broken(error) is not None:
                raise
            if alone and not isinstance(error, _AGAIN):
                return Raised(raisable(error))
            return Again(error, counts=alone, alone=True)
        _expect_transaction(connection)
        return None

    def _commit(self, connection: "psycopg.Connection[Any]", tx: T) -> None:
        mark = self._no, tx.number
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            self._roll_back(connection, tx)
            if not connection.closed or not self._is_committed(*mark):
                raise _fault(error) from error
        tx.end_group(committed=True)

    def _is_committed(self, connection_no: int, number: str) -> bool:
        """Ask what became of a commit; StorageDead if nobody can tell."""
        over = threading.Event()
        end = threading.Timer(DOUBT_S, over.set)  # not so many tries: one may wait for a connection
        end.start()
        try:
            while not over.is_set():
                told = self._told(connection_no, number)
                if told is not None:
                    return told
                pause(DOUBT_PAUSE_MS)
        finally:
            end.cancel()
        raise StorageDead("the connection was lost in a commit, and nobody can tell what became of it")

    def _told(self, connection_no: int, number: str) -> bool | None:
        try:
            return self._lease.is_committed(self._opened()[0], connection_no, number)
        except StorageAway:
            return None
        except psycopg.Error:
            self.close()  # the next one is asked over another connection
            return None

    def _roll_back(self, connection: "psycopg.Connection[Any]", tx: T) -> None:
        tx.end_group(committed=False)
        with contextlib.suppress(psycopg.Error):
            tx.direct.several("ROLLBACK")
        if connection.closed:
            self.close()


def _expect_transaction(connection: "psycopg.Connection[Any]") -> None:
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise StorageDead("a unit ended the transaction it was run in")


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
