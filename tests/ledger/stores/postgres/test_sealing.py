"""The chain is added behind the book, what follows after what it follows from, by one process at a time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from typing import Any

import psycopg
import pytest

from ledger import book
from ledger.accounts import Account, AccountClass, Side
from ledger.audit import audit
from ledger.folding import keep, next_fold
from ledger.money import USD
from ledger.sealed import booked
from ledger.store import Lag
from ledger.stores.postgres.connecting import Waits, connect
from ledger.stores.postgres.dialect import Connection
from ledger.stores.postgres.sealing import Sealer, lag
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from tests.ledger.examples import SALES, Ticks, journal, move
from tests.ledger.stores.postgres.shared import shared_store

GOES_AWAY = """
CREATE FUNCTION goes_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'gone'; END $$;
CREATE CONSTRAINT TRIGGER goes_away AFTER INSERT ON seals DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION goes_away();
"""


@pytest.fixture
async def store(postgres: str) -> AsyncIterator[PostgresStore[PostgresTx]]:
    """Give a store that does not seal while the test runs."""
    opened = shared_store(postgres, now_us=Ticks(500), beat_ms=60_000)
    opened.open()
    yield opened
    await opened.close()


def sealed(connection: "psycopg.Connection[Any]") -> list[str]:
    found = connection.execute(
        "SELECT j.id FROM seals AS s JOIN journals AS j ON j.seq = s.journal_seq ORDER BY s.place"
    )
    return [name for (name,) in found]


def settled(connection: "psycopg.Connection[Any]") -> int:
    (number,) = connection.execute("SELECT settled FROM sealing").fetchone() or (-1,)
    return int(number)


async def test_the_lag_is_told(store: PostgresStore[PostgresTx], postgres: str) -> None:
    """Until they are sealed journals are counted, with the time of the oldest."""
    await store.run(partial(book.submit, journal=journal("a")))
    await store.run(partial(book.submit, journal=journal("b")))
    with connect(postgres) as connection:
        assert lag(connection) == Lag(2, 500)

        assert Sealer("x").seal(connection) is False

        assert lag(connection) == Lag(0, None)
        assert sealed(connection) == ["a", "b"]


async def test_what_is_committed_late_is_sealed_late(store: PostgresStore[PostgresTx], postgres: str) -> None:
    """A lower number that becomes visible after a higher one was sealed is not lost."""
    columns = "id, kind, happened_us, recorded_us, subject, note"
    await store.run(partial(book.submit, journal=journal("first")))
    with connect(postgres) as late, connect(postgres) as connection:
        sealer = Sealer("x")
        sealer.seal(connection)
        late.execute("BEGIN")
        late.execute(f"INSERT INTO journals ({columns}) VALUES ('l', '', 1, 1, '', '')")
        for name in "abc":
            await store.run(partial(book.submit, journal=journal(name)))
            sealer.seal(connection)
        assert sealed(connection) == ["first", "a", "b", "c"]
        assert settled(connection) < 2

        late.execute("COMMIT")
        sealer.seal(connection)
        assert sealed(connection) == ["first", "a", "b", "c", "l"]


async def test_what_the_newest_transaction_books_below_another_is_not_lost(
    store: PostgresStore[PostgresTx], postgres: str
) -> None:
    """It began last, drew a lower number than one that was committed, and outlives many rounds."""
    columns = "id, kind, happened_us, recorded_us, subject, note"
    add = f"INSERT INTO journals ({columns}) VALUES (%s, '', 1, 1, '', '')"
    with connect(postgres) as late, connect(postgres) as early, connect(postgres) as connection:
        sealer = Sealer("x")
        for each in (early, late):
            each.execute("BEGIN")
            each.execute("SELECT pg_current_xact_id()")
        late.execute(add, ("lower",))
        early.execute(add, ("higher",))
        early.execute("COMMIT")
        for n in range(3):
            sealer.seal(connection)
            early.execute(add, (f"more {n}",))
        sealer.seal(connection)
        late.execute("COMMIT")
        early.execute(add, ("last",))
        sealer.seal(connection)

        assert set(sealed(connection)) == {"lower", "higher", "more 0", "more 1", "more 2", "last"}


async def test_nothing_is_looked_for_below_what_is_settled(
    store: PostgresStore[PostgresTx], postgres: str
) -> None:
    """Once all that ran are over, the numbers up to then are not looked at again."""
    sealer = Sealer("x")
    with connect(postgres) as connection:
        for name in "abcd":
            await store.run(partial(book.submit, journal=journal(name)))
            sealer.seal(connection)

        assert settled(connection) >= 1
        assert sealed(connection) == [*"abcd"]
        with closing(Connection(connect(postgres))) as reader:
            assert audit(reader).clean


async def test_one_process_seals(store: PostgresStore[PostgresTx], postgres: str) -> None:
    """Who has the turn keeps it while it seals; another takes it when that one's time is over."""
    with connect(postgres) as connection:
        await store.run(partial(book.submit, journal=journal("a")))
        Sealer("x").seal(connection)
        await store.run(partial(book.submit, journal=journal("b")))

        Sealer("y").seal(connection)
        assert sealed(connection) == ["a"]

        connection.execute("UPDATE sealing SET until = clock_timestamp()")
        Sealer("y").seal(connection)
        assert sealed(connection) == ["a", "b"]


@pytest.mark.parametrize("journals", [1, 2, 9])
async def test_an_account_is_first_used_once_whoever_seals(
    store: PostgresStore[PostgresTx], postgres: str, journals: int
) -> None:
    """Turns change, and folds come between them, or do not: the chain says of each account where it began."""
    sealers = (Sealer("x"), Sealer("y"))
    with closing(Connection(connect(postgres))) as reader:
        for n, name in enumerate("abcdefg"):
            sealer = sealers[n % 2]
            other = Account((name,), USD, AccountClass.ASSET, Side.DEBIT)
            asked = journal(name, move(f"{name}/0"), move(f"{name}/1", other, SALES, 1))
            await store.run(partial(book.submit, journal=asked))
            reader.postgres.execute("UPDATE sealing SET until = clock_timestamp()")
            sealer.seal(reader.postgres)
            if (folded := next_fold(reader, "xy"[n % 2], journals)) is not None:
                assert await store.run(partial(keep, folded=folded))

        assert sealed(reader.postgres) == [*"abcdefg"]
        folds, hashes = (
            reader.execute(sql).fetchall()
            for sql in ("SELECT seq FROM folds", "SELECT hash FROM seals ORDER BY place")
        )
        assert bool(folds) == (journals < 9)
        assert audit(reader).clean
        for name, (digest,) in zip("abcdefg", hashes, strict=True):
            found = booked(reader, name)
            assert found is not None
            _, content, prev_hash = found
            assert hashlib.sha256(prev_hash + content).digest() == digest


async def test_a_turn_begins_however_much_is_not_folded(
    store: PostgresStore[PostgresTx], postgres: str
) -> None:
    """It reads all of that once, past every timeout: who cannot begin to seal would never fold either."""
    await store.run(partial(book.submit, journal=journal("a")))
    with connect(postgres, waits=Waits(statement_ms=1_000)) as connection:
        connection.execute("ALTER TABLE folds RENAME TO quick_folds")
        connection.execute("CREATE VIEW folds AS SELECT 0::bigint AS seq WHERE pg_sleep(1.3) IS NOT NULL")

        Sealer("x").seal(connection)

        assert sealed(connection) == ["a"]
        assert connection.execute("SHOW statement_timeout").fetchone() == ("1s",)


async def test_many_batches_are_one_chain(
    store: PostgresStore[PostgresTx], postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the size of a batch, the chain is the same and the audit finds it whole."""
    monkeypatch.setattr("ledger.stores.postgres.sealing.BATCH", 7)
    await asyncio.gather(*(store.run(partial(book.submit, journal=journal(f"j{n}"))) for n in range(30)))
    with connect(postgres) as connection:
        sealer = Sealer("x")
        while sealer.seal(connection):
            pass

        assert len(sealed(connection)) == 30
    with closing(Connection(connect(postgres))) as reader:
        assert audit(reader).clean


async def test_a_seal_that_was_not_committed_is_made_again(
    store: PostgresStore[PostgresTx], postgres: str
) -> None:
    """The database goes away in the commit: then the accounts it opened are not sealed yet either."""
    await store.run(partial(book.submit, journal=journal("a")))
    sealer = Sealer("x")
    with connect(postgres) as connection:
        connection.execute(GOES_AWAY)
        with pytest.raises(psycopg.Error):
            sealer.seal(connection)
        assert sealed(connection) == []

        connection.execute("DROP TRIGGER goes_away ON seals")
        sealer.seal(connection)

        assert sealed(connection) == ["a"]
    with closing(Connection(connect(postgres))) as reader:
        assert audit(reader).clean
