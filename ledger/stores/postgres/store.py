"""The shared store: a book in a PostgreSQL database that several processes write.

Knows no rule of the ledger and no table but its own; an application adds its tables
to the same database, and a subclass of PostgresTx that reads and writes them in the
same transaction.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Generic, TypeVar

import psycopg

from ledger import queries
from ledger.store import Lag, StorageDead, StoreUnusable
from ledger.stores.migrate import SQL
from ledger.stores.postgres import schema
from ledger.stores.postgres.connecting import WAITS, Waits, connect, opened, place_of, reason
from ledger.stores.postgres.directory import Known
from ledger.stores.postgres.groups import Groups
from ledger.stores.postgres.leases import Fenced, Lease, fence_expired, living
from ledger.stores.postgres.sealing import Sealer, lag
from ledger.stores.postgres.statements import Statements
from ledger.stores.postgres.transaction import PostgresTx, Times

__all__ = ["PostgresStore", "PostgresTx"]

R = TypeVar("R")
T = TypeVar("T", bound=PostgresTx)


class PostgresStore(Generic[T]):
    """See `ledger.store.Store`. `open` first; then units may be run from any event loop.

    `address` is a PostgreSQL URL or conninfo. `owner` names this run of this
    process, and nothing else ever. `tx` and `extra_schema` as for SqliteStore; the
    scripts are written for SQLite. `spread` is chance: a number below its argument.
    Every `beat_ms` the lease is renewed, expired writers are fenced and the chain
    is sealed.
    """

    def __init__(
        self,
        address: str,
        *,
        owner: str,
        now_us: Callable[[], int],
        spread: Callable[[int], int],
        tx: Callable[[Statements, Times, Known], T] = PostgresTx,  # type: ignore[assignment]  # then T is it
        extra_schema: Sequence[str] = (),
        connections: int = 3,
        group_max: int = 32,
        lease_s: int = 10,
        beat_ms: int = 1000,
        waits: Waits = WAITS,
    ) -> None:
        self._address = address
        self._now_us = now_us
        self._tx = tx
        self._extra_schema = tuple(extra_schema)
        self._beat_ms = beat_ms
        self._waits = waits
        self._lease = Lease(owner, lease_s)
        self._away = 0  # beats for which nobody is fenced, because this process was late itself
        self._times = Times(now_us, 0)
        self._known = Known()
        self._groups: Groups[T] = Groups(
            connect=lambda: connect(address, waits=waits),
            tx=self._begun,
            lease=self._lease,
            spread=spread,
            connections=connections,
            group_max=group_max,
        )
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="ledger-keeper", daemon=True)
        self._is_open = False
        self._lag = Lag()
        self._writers = 1

    @property
    def lag(self) -> Lag:
        """How far the chain was behind the book at the last beat, before it was sealed."""
        return self._lag

    @property
    def writers(self) -> int:
        """How many may write this book, as of the last beat; this one is among them."""
        return self._writers

    @property
    def failed(self) -> str | None:
        """Say why the store is finished; None while it lives."""
        return self._groups.failed

    def open(self) -> None:
        """Create the book or bring it to the newest schema, become a writer, start the threads. Blocks.

        Raises StoreNotOurs, StoreTooNew or StoreUnusable, each with one sentence.
        """
        assert not self._is_open, "a store is opened once"
        place = place_of(self._address)
        with opened(self._address, self._waits) as connection:
            schema.migrate(connection, place, self._extra_schema)
            try:
                found = connection.execute(_LAST_RECORDED).fetchone()
                self._times = Times(self._now_us, found[0] if found else 0)
                self._lease.enter(connection)
                self._writers = len(living(connection))
            except psycopg.Error as error:
                raise StoreUnusable(f"{place} cannot be written: {reason(error)}") from error
        self._groups.start()
        self._keeper.start()
        self._is_open = True

    async def run(self, unit: Callable[[T], R]) -> R:
        """See `ledger.store.Store`."""
        if not self._is_open:
            raise StorageDead("the store is not open")
        return await self._groups.run(unit)

    async def close(self) -> None:
        """See `ledger.store.Store`. What is booked is sealed first, if this process has the turn."""
        if not self._is_open:
            return
        self._groups.close()
        await asyncio.get_running_loop().run_in_executor(None, self._end)

    def _begun(self, connection: "psycopg.Connection[Any]") -> T:
        self._known.forget()
        return self._tx(Statements(connection), self._times, self._known)

    def _end(self) -> None:
        self._groups.join()
        self._stop.set()
        self._keeper.join()

    def _keep(self) -> None:
        """Renew, fence and seal until the store is closed; a database that is away is tried again."""
        sealer = Sealer(self._lease.owner)
        connection: psycopg.Connection[Any] | None = None
        more = True
        while more:
            more = not self._stop.wait(timedelta(milliseconds=self._beat_ms).total_seconds())
            try:
                if connection is None:
                    connection = connect(self._address, waits=self._waits)
                    sealer = Sealer(self._lease.owner)  # what it knew was of the server that was lost
                self._beat(connection, sealer, last=not more)
            except Fenced as fenced:
                self._groups.fail(str(fenced))
                break
            except psycopg.Error:
                _drop(connection)
                connection = None
            except Exception as defect:  # without a keeper the chain stands still, and the lease runs out
                self._groups.fail(f"the keeper failed: {defect!r}")
                break
        _drop(connection)

    def _beat(self, connection: "psycopg.Connection[Any]", sealer: Sealer, *, last: bool) -> None:
        if self._lease.renew(connection):
            self._away = max(self._away - 1, 0)
        else:
            # Whoever was away with it, as when the database was, has as long to come back as a lease runs.
            self._away = self._lease.lease_s * 1000 // self._beat_ms
        if not self._away:
            fence_expired(connection, self._lease.owner)
        self._writers = len(living(connection))
        self._lag = lag(connection)
        while sealer.seal(connection):
            if not last:
                self._lease.renew(connection)
        if last:
            self._lease.leave(connection)


_LAST_RECORDED = queries.load(SQL / "postgres" / "book.sql")["last_recorded"].sql


def _drop(connection: "psycopg.Connection[Any] | None") -> None:
    if connection is not None:
        connection.close()
