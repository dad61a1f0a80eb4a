"""A worker's group is durable, or nothing, whatever happens to its connection and to its commit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest

from ledger import book
from ledger.balances import Balance
from ledger.book import Created, Exists, Rejected
from ledger.statuses import Status
from ledger.store import Rollback, StorageAway, StorageDead
from ledger.stores.postgres import groups, worker
from ledger.stores.postgres.connecting import Waits, connect
from ledger.stores.postgres.leases import Lease
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from ledger.transfers import Kind
from tests.ledger.examples import BUYER, CASH, SALES, hold, journal, move, post, void
from tests.ledger.stores.postgres.shared import shared_store

END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore[PostgresTx]]:
    opened = shared_store(postgres, connections=2)
    opened.open()
    yield opened
    await opened.close()


def submit(store: PostgresStore[PostgresTx], name: str) -> Any:
    return store.run(partial(book.submit, journal=journal(name)))


def end_all(address: str) -> None:
    with connect(address) as connection:
        connection.execute(END_OTHERS)


async def test_a_lost_connection_is_had_again(store: PostgresStore[PostgresTx], postgres: str) -> None:
    """Units are run again on a new connection; nothing is lost or doubled."""
    await submit(store, "a")
    end_all(postgres)

    assert isinstance(await submit(store, "b"), Created)
    assert isinstance(await submit(store, "a"), Exists)


async def test_a_server_that_took_over_is_asked_anew(store: PostgresStore[PostgresTx], postgres: str) -> None:
    """A standby may lack the newest accounts, and give their numbers to others."""
    await submit(store, "a")
    end_all(postgres)
    with connect(postgres) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE accounts SET no = no + 100")
        connection.execute("UPDATE balances SET account_no = account_no + 100")
        connection.execute("UPDATE transfers SET debit_no = debit_no + 100, credit_no = credit_no + 100")
        connection.execute("SELECT setval('accounts_no_seq', 200)")

    assert isinstance(await submit(store, "b"), Created)
    assert await store.run(lambda tx: tx.balance(BUYER.id).credits_posted) == 200


async def test_a_connection_lost_in_a_unit_is_no_fault_of_the_unit(
    store: PostgresStore[PostgresTx], postgres: str
) -> None:
    """The whole group is run again."""
    begun: list[int] = []

    def unit(tx: PostgresTx) -> Created | Exists | Any:
        begun.append(1)
        booked = book.submit(tx, journal("a"))
        if len(begun) == 1:
            end_all(postgres)
        return booked

    assert isinstance(await store.run(unit), Created)
    assert len(begun) == 2


class LosesCommits(psycopg.Connection[Any]):
    """A connection that is gone when the commit is answered, or before it is sent."""

    sent: bool
    losses: list[int]

    def execute(self, query: Any, params: Any = None, **settings: Any) -> Any:
        if query == "COMMIT" and self.losses:
            self.losses.pop()
            if self.sent:
                super().execute(query)
            self.close()
            raise psycopg.OperationalError("the connection was lost")
        return super().execute(query, params, **settings)


@pytest.mark.parametrize("sent", [True, False])
async def test_what_became_of_a_commit_is_asked(
    store: PostgresStore[PostgresTx], monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    """A commit whose answer was lost is told from one that never came; either way it is booked once."""
    lose(monkeypatch, store, sent)

    assert await submit(store, "a") == Created(1 if sent else 2)
    assert isinstance(await submit(store, "a"), Exists)
    assert await store.run(lambda tx: tx.balance(BUYER.id).credits_posted) == 100


@pytest.mark.parametrize("given_again", [True, False])
async def test_a_number_that_a_crash_gave_to_another_tells_nothing(
    store: PostgresStore[PostgresTx], monkeypatch: pytest.MonkeyPatch, postgres: str, given_again: bool
) -> None:
    """A server that crashed may know the number of a lost commit as another's, or as one to come."""
    begun: list[str] = []
    with connect(postgres) as other:
        found = other.execute("SELECT pg_current_xact_id()::text").fetchone()
    lost = found[0] if found and given_again else "9000000000000"

    def unit(tx: PostgresTx) -> Any:
        booked = book.submit(tx, journal("a"))
        begun.append(tx.number)
        tx.number = lost if len(begun) == 1 else tx.number
        return booked

    lose(monkeypatch, store, sent=False)

    assert isinstance(await store.run(unit), Created)
    assert len(begun) == 2
    assert isinstance(await submit(store, "a"), Exists)


async def test_a_connection_lost_in_the_asking_is_had_again(
    store: PostgresStore[PostgresTx], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that comes back may send its first callers away."""
    really, asked = Lease.is_committed, list[int]()

    def is_committed(lease: Lease, connection: Any, *of: Any) -> bool | None:
        asked.append(1)
        if len(asked) == 1:
            connection.close()
        return really(lease, connection, *of)

    monkeypatch.setattr(worker, "DOUBT_S", 5)
    monkeypatch.setattr(Lease, "is_committed", is_committed)
    lose(monkeypatch, store, True)

    assert await submit(store, "a") == Created(1)
    assert len(asked) == 2


async def test_a_doubt_that_nobody_resolves_is_the_end(
    store: PostgresStore[PostgresTx], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who cannot tell what is on disk does not go on."""
    lose(monkeypatch, store, True)
    monkeypatch.setattr(worker, "DOUBT_S", 1)
    monkeypatch.setattr(Lease, "is_committed", lambda *_: None)

    with pytest.raises(StorageDead, match="nobody can tell what became of it"):
        await submit(store, "a")
    with pytest.raises(StorageDead):
        await submit(store, "b")
    assert store.failed is not None


def lose(monkeypatch: pytest.MonkeyPatch, store: PostgresStore[PostgresTx], sent: bool) -> None:
    LosesCommits.sent, LosesCommits.losses = sent, [1]
    monkeypatch.setattr(psycopg, "connect", LosesCommits.connect)


async def test_a_server_that_is_away_is_told_and_had_again(postgres: str) -> None:
    """While it cannot be reached units are refused with nothing written; the store lives on."""
    store = shared_store(postgres, connections=1)
    store.open()
    real = store._groups._workers[0]._connect

    def refuse() -> Any:
        raise psycopg.OperationalError("connection refused")

    worker_connects(store, refuse)
    end_all(postgres)
    # The connection that was ended is found out by the group itself, which then asks for another.
    with pytest.raises(StorageAway, match="cannot be reached: connection refused"):
        await submit(store, "a")
    worker_connects(store, real)

    assert isinstance(await submit(store, "b"), Created)
    assert store.failed is None
    await store.close()


def worker_connects(store: PostgresStore[PostgresTx], connect: Any) -> None:
    for each in store._groups._workers:
        each._connect = connect


async def test_a_unit_that_ends_the_transaction_is_the_end(store: PostgresStore[PostgresTx]) -> None:
    """A unit must not commit: nobody could then say what is durable."""
    with pytest.raises(StorageDead, match="a unit ended the transaction"):
        await store.run(lambda tx: tx.connection.execute("COMMIT").rowcount)
    assert store.failed is not None


async def test_what_cannot_be_written_is_its_units_own_fault(store: PostgresStore[PostgresTx]) -> None:
    """It is found out when the group is written; then each of it has a group of its own."""
    bad = replace(journal("bad"), note="\0")
    good = (submit(store, f"j{n}") for n in range(20))

    found = await asyncio.gather(
        *good, store.run(partial(book.submit, journal=bad)), submit(store, "late"), return_exceptions=True
    )

    assert [type(each).__name__ for each in found] == ["Created"] * 20 + ["DataError", "Created"]
    assert await store.run(lambda tx: tx.balance(BUYER.id).credits_posted) == 21 * 100


async def test_a_unit_that_is_refused_spoils_no_other(store: PostgresStore[PostgresTx]) -> None:
    """Without a savepoint its group is undone and run again; with one only itself."""

    def refused(tx: PostgresTx) -> object:
        return tx.connection.postgres.execute("SELECT 1 / 0")

    def saved(tx: PostgresTx) -> object:
        return tx.connection.execute("SELECT 1 / 0").fetchone()

    units: list[Any] = [partial(book.submit, journal=journal(f"j{n}")) for n in range(9)]
    found = await asyncio.gather(
        *map(store.run, (*units[:3], refused, *units[3:6], saved, *units[6:])), return_exceptions=True
    )

    names = [type(each).__name__ for each in found]
    assert names == [*["Created"] * 3, "DivisionByZero", *["Created"] * 3, "DivisionByZero", *["Created"] * 3]


@pytest.fixture
async def noting(postgres: str) -> AsyncIterator[PostgresStore[PostgresTx]]:
    opened = shared_store(
        postgres, connections=1, extra_schema=["CREATE TABLE notes (n INTEGER PRIMARY KEY)"]
    )
    opened.open()
    yield opened
    await opened.close()


def note(tx: PostgresTx, n: int, *, look: bool = False) -> int:
    """Write a row without waiting for it, and perhaps look at how many there are."""
    written = tx.connection.execute("INSERT INTO notes VALUES (?)", (n,))
    if look:
        assert written.rowcount == 1
    if n < 0:
        raise Rollback(n)
    return n


@pytest.mark.parametrize("look", [True, False])
async def test_who_left_what_is_refused_hears_of_it_alone(
    noting: PostgresStore[PostgresTx], look: bool
) -> None:
    """Found out when another unit of its group waits, or none does: all others are written."""
    await noting.run(partial(note, n=3))
    units = [partial(note, n=n, look=look and n % 2 == 0) for n in (1, 2, 3, 4, -5, 6, -7, 8)]

    found = await asyncio.gather(*map(noting.run, units), return_exceptions=True)

    assert [type(each).__name__ for each in found] == ["int", "int", "UniqueViolation", *["int"] * 5]
    seen = await noting.run(lambda tx: tx.connection.execute("SELECT n FROM notes ORDER BY n").fetchall())
    assert seen == [(n,) for n in (1, 2, 3, 4, 6, 8)]


async def test_what_is_refused_before_its_savepoint_undoes_the_group(
    noting: PostgresStore[PostgresTx],
) -> None:
    """It went with the savepoint, which then was never made: nobody goes back to another's."""
    begun: list[int] = []

    def refused(tx: PostgresTx) -> int:
        begun.append(1)
        if len(begun) == 1:
            tx.direct.later("SELECT 1 / 0")
        return note(tx, 2, look=True)

    units: list[Any] = [partial(note, n=1, look=True), refused, partial(note, n=3)]
    found = await asyncio.gather(*map(noting.run, units), return_exceptions=True)

    assert [type(each).__name__ for each in found] == ["int", "DivisionByZero", "int"]
    seen = await noting.run(lambda tx: tx.connection.execute("SELECT n FROM notes ORDER BY n").fetchall())
    assert seen == [(1,), (3,)]


@pytest.mark.parametrize("unit", [partial(note, n=1), partial(note, n=1, look=True), lambda _: None])
async def test_a_fenced_writer_ends_whatever_its_units_ask(
    noting: PostgresStore[PostgresTx], postgres: str, unit: Any
) -> None:
    """It is found out with what is first sent, be that at the very end; nothing is written."""
    with connect(postgres) as connection:
        connection.execute("UPDATE writers SET fenced = true")

    with pytest.raises(StorageDead, match="another process took its work over"):
        await noting.run(unit)
    with connect(postgres) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)


async def test_a_group_that_cannot_begin_is_tried_again_and_not_for_ever(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when somebody is closing a period all the time."""
    monkeypatch.setattr(groups, "PAUSE_MS", 1)
    store = shared_store(postgres, connections=1, waits=Waits(lock_ms=20))
    store.open()
    with connect(postgres) as closer, closer.transaction():
        closer.execute("SELECT pg_advisory_xact_lock(hashtextextended('periods', 0))")
        found = await asyncio.gather(submit(store, "a"), submit(store, "b"), return_exceptions=True)
    assert [type(each).__name__ for each in found] == ["StorageAway"] * 2

    assert isinstance(await submit(store, "a"), Created)
    await store.close()


async def test_a_unit_sees_what_its_group_has_booked(store: PostgresStore[PostgresTx]) -> None:
    """Before it is written too: journals, holds and how they ended, balances of every kind, and sums."""

    def unit(tx: PostgresTx) -> tuple[object, ...]:
        first = book.submit(tx, journal("a", move("a/0"), hold("h", BUYER, SALES, 60)))
        second = book.submit(tx, journal("b", post("b/0", "h", 50)))
        again = book.submit(tx, journal("a", move("a/0"), hold("h", BUYER, SALES, 60)))
        late = book.submit(tx, journal("c", void("c/0", "h")))
        held = tx.transfer("h")
        assert isinstance(first, Created)
        assert isinstance(second, Created)
        assert isinstance(again, Exists)
        assert held is not None
        return late, held.resolution, tx.balance(SALES.id), tx.balance(BUYER.id)

    expected = (
        Rejected(Status.PENDING_ALREADY_POSTED, 0, "pending_id"),
        Kind.POST,
        Balance(credits_posted=50),
        Balance(debits_posted=50, credits_posted=100),
    )
    assert await store.run(unit) == expected
    assert await store.run(lambda tx: (tx.balance(SALES.id), tx.balance(BUYER.id))) == expected[2:]


async def test_what_a_unit_booked_and_undid_is_seen_by_nobody(store: PostgresStore[PostgresTx]) -> None:
    """Neither in its group nor after it, whether or not it had been written for a sum."""

    def undone(tx: PostgresTx, look: bool) -> None:
        book.submit(tx, journal("a", move("a/0", CASH, SALES), hold("h", SALES, BUYER, 5)))
        if look:
            assert tx.balance(SALES.id).credits_posted == 107
        raise Rollback(None)

    await store.run(partial(book.submit, journal=journal("first", move("first/0", CASH, SALES, 7))))
    looks = [store.run(partial(undone, look=look)) for look in (False, True, False)]
    sums = [store.run(lambda tx: (tx.balance(SALES.id).credits_posted, tx.journal("a"))) for _ in range(3)]
    found = await asyncio.gather(*(each for pair in zip(looks, sums, strict=True) for each in pair))

    assert found == [None, (7, None)] * 3
    assert isinstance(await submit(store, "a"), Created)
