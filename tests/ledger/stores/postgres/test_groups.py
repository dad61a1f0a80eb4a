"""Groups end for each caller with what is durable, whoever else decides over the same."""

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import psycopg
import pytest

from ledger import book
from ledger.book import Created
from ledger.store import StorageAway
from ledger.stores.postgres.connecting import Waits, connect
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from tests.ledger.examples import journal
from tests.ledger.stores.postgres.shared import shared_store


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore[PostgresTx]]:
    opened = shared_store(postgres, connections=2)
    opened.open()
    yield opened
    await opened.close()


def submit(store: PostgresStore[PostgresTx], name: str) -> Any:
    return store.run(partial(book.submit, journal=journal(name)))


async def test_a_lock_that_is_never_given_back_is_told(postgres: str) -> None:
    """After some attempts the caller hears that the database is too busy, and nothing is written."""
    store = shared_store(postgres, waits=Waits(lock_ms=10))
    store.open()
    await submit(store, "a")
    with connect(postgres) as other:
        other.execute("BEGIN; SELECT * FROM balances FOR UPDATE")
        with pytest.raises(StorageAway, match="the database is too busy"):
            await submit(store, "b")
        other.execute("ROLLBACK")

    assert isinstance(await submit(store, "b"), Created)
    await store.close()


async def test_a_unit_that_meets_a_lock_lets_its_group_go_on(
    store: PostgresStore[PostgresTx], postgres: str
) -> None:
    """Only the unit that needs what another holds waits for it; its neighbours are answered."""
    gate = threading.Event()
    loop, busy = asyncio.get_running_loop(), asyncio.Event()

    def occupy(tx: PostgresTx) -> Any:
        booked = book.submit(tx, journal("a"))
        loop.call_soon_threadsafe(busy.set)
        gate.wait()
        return booked

    first = asyncio.create_task(store.run(occupy))
    await busy.wait()
    free = asyncio.create_task(store.run(lambda tx: tx.journal("none")))
    waits = asyncio.create_task(submit(store, "b"))

    assert await free is None
    assert not waits.done()
    gate.set()
    assert [await first, await waits] == [Created(1), Created(2)]


async def test_the_units_own_violation_comes_out(store: PostgresStore[PostgresTx]) -> None:
    """What a unit breaks for good is its own exception in the end, and its neighbours live."""
    twice = "INSERT INTO writers VALUES ('twice', now(), true)"

    with pytest.raises(psycopg.errors.UniqueViolation):
        await store.run(lambda tx: [tx.connection.execute(twice) for _ in range(2)])
    assert isinstance(await submit(store, "a"), Created)
