"""A transaction remembers between units only what is on disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger import book
from ledger.book import Created, Exists
from ledger.chain import GENESIS
from ledger.stores import memories, migrate
from ledger.stores.transaction import SqliteTx
from tests.ledger.examples import BUYER, CASH, SALES, Ticks, hold, journal, move, post


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        migrate.migrate(opened, Path(":memory:"), ())
        yield opened


def test_a_new_transaction_goes_on_where_the_book_ends(connection: sqlite3.Connection) -> None:
    """Number, hash and time are read from the last journal."""
    first = SqliteTx(connection, Ticks(500))
    first.begin()
    book.submit(first, journal("a"))

    second = SqliteTx(connection, Ticks(400))
    second.begin()

    assert (second.head, second.recorded_us) == (first.head, 500)
    assert book.submit(second, journal("b")) == Created(2)
    assert SqliteTx(connection, Ticks()).head == second.head


def test_undo_forgets_accounts_that_are_not_there(connection: sqlite3.Connection) -> None:
    """An account opened by a unit that was undone is opened again, under whatever number."""
    tx = SqliteTx(connection, Ticks())
    connection.execute("BEGIN")
    tx.begin()
    book.submit(tx, journal("a", move("a/0", CASH, SALES)))
    connection.execute("ROLLBACK")
    tx.undo(GENESIS)

    assert tx.account(CASH.id) is None
    assert book.submit(tx, journal("b", move("b/0", SALES, BUYER, 5))) == Created(1)
    assert tx.balance(SALES.id).debits_posted == 5


def test_forgetting_known_accounts_changes_no_answer(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memories are bounded and may be dropped at any moment."""
    monkeypatch.setattr(memories, "KEPT_MAX", 1)
    tx = SqliteTx(connection, Ticks())
    tx.begin()
    asked = journal("a", move("a/0"), hold("a/1"), post("a/2", "a/1", 60))

    assert book.submit(tx, asked) == Created(1)
    tx.begin()
    assert book.submit(tx, asked) == Exists(1)
    tx.begin()
    assert book.submit(tx, journal("b", move("b/0", units=5))) == Created(2)
    assert tx.balance(BUYER.id).debits_posted == 60
    assert tx.balance(SALES.id).credits_posted == 60
