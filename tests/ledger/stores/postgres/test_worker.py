"""A worker's group is durable, or nothing, whatever happens to its connection and to its commit."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import psycopg
import pytest

from ledger import book
from ledger.book import Created, Exists
from ledger.store import StorageAway, StorageDead
from ledger.stores.postgres import worker
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from tests.ledger.examples import BUYER, journal
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


async def test_a_doubt_that_nobody_resolves_is_the_end(
    store: PostgresStore[PostgresTx], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who cannot tell what is on disk does not go on."""
    lose(monkeypatch, store, True)
    monkeypatch.setattr(worker, "DOUBT_PAUSE_MS", 1)
    monkeypatch.setattr(worker, "outcome", lambda *_: None)

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
        await store.run(lambda tx: tx.connection.execute("COMMIT").close())
    assert store.failed is not None
