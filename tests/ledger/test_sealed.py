"""Sealed rows are read as they were sealed, one by one or all of them."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ledger import book, chain, sealed
from ledger.chain import GENESIS
from ledger.folding import keep, next_fold
from ledger.stores.sqlite import SqliteStore, SqliteTx
from tests.ledger.examples import BUYER, SALES, Ticks, hold, journal, move, post


@pytest.fixture(params=[3, 1, 2])
async def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The file of a book of two journals, folded one by one, both at once, or not at all."""
    path = tmp_path / "book.db"
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks())
    store.open()
    for asked in (
        journal("a", hold("h", SALES, BUYER, 9)),
        journal("b", post("p", "h", 5), move("m", units=1)),
    ):
        await store.run(partial(book.submit, journal=asked))
    with closing(sqlite3.connect(path)) as connection:
        while (folded := next_fold(connection, "", request.param)) is not None:
            await store.run(partial(keep, folded=folded))
    await store.close()
    return path


async def test_a_journal_is_read_with_the_bytes_that_are_sealed(path: Path) -> None:
    """Its own content, the accounts it opened, and the hash before it give its hash."""
    with closing(sqlite3.connect(path)) as connection:
        head = GENESIS
        for name in ("a", "b"):
            found = sealed.booked(connection, name)
            assert found is not None
            booked, content, prev_hash = found
            assert prev_hash == head.hash
            kept = connection.execute("SELECT hash FROM journals WHERE id = ?", (name,)).fetchone()
            opened = [row.debit for row in booked.rows if row.debit.id == ("cash",)]
            head = chain.extend(head, booked, opened if name == "b" else [SALES, BUYER])
            assert (head.hash,) == kept
            assert content == chain.canonical(booked, opened if name == "b" else [SALES, BUYER])

        assert sealed.booked(connection, "c") is None


async def test_all_journals_are_read_in_order(path: Path) -> None:
    """Each with its entries, as one by one."""
    with closing(sqlite3.connect(path)) as connection:
        found = list(sealed.journals(connection))

        assert found == [kept[0] for name in "ab" if (kept := sealed.booked(connection, name))]
        assert [[row.id for row in each.rows] for each in found] == [["h"], ["p", "m"]]


async def test_bytes_that_are_no_text_are_read_as_a_change(path: Path) -> None:
    """A broken text does not end the search for what is wrong; afterwards the connection reads as before."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER journals_no_update")
        connection.execute("UPDATE journals SET note = CAST(x'ff' AS TEXT) WHERE id = 'b'")
        connection.commit()
        with sealed.snapshot(connection):
            found = list(sealed.hash_chain(connection))

        assert found == [(2, "is not what was sealed")]
        assert connection.text_factory is str
        assert not connection.in_transaction
