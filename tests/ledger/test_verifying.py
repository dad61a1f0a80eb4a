"""Verifying finds every changed bit of every sealed column, and what the chain alone cannot show."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from ledger import book, reports, sealing
from ledger.book import Created
from ledger.closing import LATE_US
from ledger.closing import close as closing_unit
from ledger.queries import Reads
from ledger.signing import Signer
from ledger.store import Store
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.dialect import Connection
from ledger.stores.sqlite import SqliteStore, SqliteTx
from ledger.verifying import Bad, verify
from tests.ledger.examples import BUYER, CASH, OPEN, SALES, TILL, Ticks, hold, journal, move, post, void
from tests.ledger.stores.postgres.shared import chained, shared_store

SIGNER = Signer(bytes(range(32)))
SEALED = ("accounts", "journals", "transfers", "checkpoints", "periods")
SHARED = (*SEALED, "seals")
SHORT_BYTES = 32
Value = int | str | bytes | None


class Opened(Reads, Protocol):
    def close(self) -> None: ...


async def written(store: Store[Any], read: Callable[[], Opened]) -> None:
    """Write a closed book with two checkpoints, and a journal after them."""
    for asked in (
        journal("fund", move("fund/0", units=100), move("t", TILL, CASH, 5), move("o", OPEN, CASH, 5)),
        journal("holds", hold("h", units=30), hold("h2", units=30), subject="call_1"),
        replace(journal("sale", post("p", "h", 20), void("v", "h2")), note="a reason"),
        journal("more", move("m", BUYER, SALES, 1)),
    ):
        assert isinstance(await store.run(partial(book.submit, journal=asked)), Created)
        await chained(store)
        if asked.id != "more":
            await store.run(partial(sealing.seal, signer=SIGNER, least=2 if asked.id == "fund" else 1))
    for through_us in (5, 7):
        with closing(read()) as connection:
            trial = reports.trial(connection, through_us)
        await store.run(partial(closing_unit, signer=SIGNER, through_us=through_us, trial=trial))
    await store.close()


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """The file of the book."""
    path = tmp_path / "book.db"
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks(2 * LATE_US))
    store.open()
    await written(store, lambda: sqlite3.connect(path))
    return path


@pytest.fixture
async def shared(postgres: str) -> AsyncIterator[Connection]:
    """The same book in a PostgreSQL, with nothing but its keys to stop a change."""
    store = shared_store(postgres, now_us=Ticks(2 * LATE_US))
    store.open()
    await written(store, lambda: Connection(connect(postgres)))
    with closing(Connection(connect(postgres))) as connection:
        for table in SHARED:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        for table, name in connection.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint"
            " WHERE contype IN ('c', 'f') AND conrelid::regclass::text = ANY (?)",
            (list(SHARED),),
        ).fetchall():
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name} CASCADE")
        yield connection


@pytest.fixture
def broken(path: Path) -> Iterator[sqlite3.Connection]:
    """The book in memory, with no trigger and no constraint to stop a change."""
    with closing(sqlite3.connect(path)) as kept, closing(sqlite3.connect(":memory:")) as connection:
        kept.backup(connection)
        connection.isolation_level = None
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection


def flipped(value: Value) -> Iterator[Value]:
    """Every value that is one bit away; of a long one, one bit of each byte."""
    if isinstance(value, int):
        yield from (value ^ (1 << bit) for bit in range(63))
    elif value is not None:
        content = value.encode() if isinstance(value, str) else value
        for place in range(len(content)):
            for bit in range(8 if len(content) <= SHORT_BYTES else 1):
                changed = bytearray(content)
                changed[place] ^= 1 << bit
                yield bytes(changed)


def test_a_good_book_is_what_was_sealed(broken: sqlite3.Connection) -> None:
    """All of it, up to the last checkpoint with a signature."""
    verdict = verify(broken, SIGNER.public_key)

    assert (verdict.head.seq, verdict.signed, verdict.checkpoints, verdict.bad) == (4, 3, 2, None)
    assert verdict.periods == 2
    assert not broken.in_transaction


@pytest.mark.parametrize("table", SEALED)
def test_every_flipped_bit_is_found(broken: sqlite3.Connection, table: str) -> None:
    """Whatever bit of whatever column of whatever row: the first bad row is named."""
    columns = [name for (name,) in broken.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    key = "journal_seq, position" if table == "transfers" else columns[0]
    rows = broken.execute(f"SELECT {key}, * FROM {table}").fetchall()
    keys = key.count(",") + 1
    where = " AND ".join(f"{name} = ?" for name in key.split(", "))
    tried, missed = set(), []
    for row in rows:
        for column, value in zip(columns, row[keys:], strict=True):
            cast = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
            for changed in flipped(value):
                before = broken.total_changes
                sql = f"UPDATE OR IGNORE {table} SET {column} = {cast} WHERE {where}"
                broken.execute(sql, (changed, *row[:keys]))
                if broken.total_changes == before:
                    continue  # two rows would have one key: SQLite would not read such a file
                tried.add(column)
                if verify(broken, SIGNER.public_key).bad is None:
                    missed.append((row[:keys], column, value, changed))
                back = [
                    changed if name == column else kept
                    for name, kept in zip(columns, row[keys:], strict=True)
                ]
                place = [back[columns.index(name)] for name in key.split(", ")]
                broken.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *place))

    assert missed == []
    assert tried == set(columns)


def a_bit_away(value: Value, kind: str) -> Value:
    """A value that the column of a server can hold: a number, a text without NUL, bytes."""
    if isinstance(value, int):
        return value ^ (1 << 20)  # no other row has that key
    assert value is not None
    content = bytearray(value.encode() if isinstance(value, str) else value)
    content[len(content) // 2] ^= 1
    return content.decode() if kind == "text" else bytes(content)


@pytest.mark.parametrize("table", SHARED)
def test_every_column_flipped_in_a_shared_book_is_found(shared: Connection, table: str) -> None:
    """In every row of every sealed table, the chain's own among them."""
    columns = shared.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = ?::regclass AND attnum > 0 ORDER BY attnum",
        (table,),
    ).fetchall()
    rows = shared.execute(f"SELECT ctid, * FROM {table}").fetchall()
    tried, missed = set(), []
    for row in rows:
        place = row[0]
        for (column, kind), value in zip(columns, row[1:], strict=True):
            if value in {None, ""}:
                continue
            for written in (a_bit_away(value, kind), value):
                update = f"UPDATE {table} SET {column} = ? WHERE ctid = ?::tid RETURNING ctid"
                (place,) = shared.execute(update, (written, place)).fetchone() or (None,)
                bad = verify(shared, SIGNER.public_key).bad
                if (bad is None) == (written != value):
                    missed.append((table, row[1], column, value, written, bad))
            tried.add(column)

    assert missed == []
    assert tried == {column for column, _ in columns}


def test_a_good_shared_book_is_what_was_sealed(shared: Connection) -> None:
    """Over its chain, whatever numbers its journals have."""
    verdict = verify(shared, SIGNER.public_key)

    assert (verdict.head.seq, verdict.signed, verdict.checkpoints, verdict.periods) == (4, 3, 2, 2)
    assert verdict.bad is None


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        (
            "DELETE FROM journals WHERE id = 'more'",
            Bad("journals", 4, "is not what was sealed"),
        ),
        (
            "DELETE FROM seals WHERE place = 2",
            Bad("journals", 3, "journals 2 to 2 are missing"),
        ),
        (
            "DELETE FROM seals WHERE place > 2",
            Bad("checkpoints", 3, "covers journals after 2, which are gone"),
        ),
        (
            "UPDATE transfers SET amount = 31 WHERE id = 'h'",
            Bad("journals", 2, "is not what was sealed"),
        ),
        (
            "INSERT INTO transfers VALUES (99, 0, 'slipped in', 'transfer', 1, 2, 5, NULL)",
            Bad("journals", 99, "is not there and has an entry"),
        ),
        (
            "UPDATE sealing SET settled = 9; INSERT INTO journals VALUES (9, 'in', '', 9e12, 0, '', '')",
            Bad("journals", 9, "is not in the chain, which has passed it"),
        ),
    ],
)
def test_the_first_bad_row_of_a_shared_book_is_named(shared: Connection, change: str, bad: Bad) -> None:
    """By its place in the chain."""
    shared.execute(change)

    assert verify(shared, SIGNER.public_key).bad == bad


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ("UPDATE journals SET note = 'x' WHERE seq = 3", Bad("journals", 3, "is not what was sealed")),
        (
            "UPDATE transfers SET amount = 31 WHERE id = 'h'",
            Bad("journals", 2, "is not what was sealed"),
        ),
        (
            "UPDATE checkpoints SET signature = zeroblob(64) WHERE seq = 3",
            Bad("checkpoints", 3, "is not signed with this key"),
        ),
        (
            "DELETE FROM checkpoints WHERE seq = 2",
            Bad("checkpoints", 3, "does not cover the journals after the checkpoint before it"),
        ),
        (
            "DELETE FROM periods WHERE number = 1",
            Bad("periods", 2, "does not follow the close before it"),
        ),
        (
            "UPDATE periods SET through_us = 8 WHERE number = 2",
            Bad("periods", 2, "is not what was signed"),
        ),
        (
            "DELETE FROM journals WHERE seq > 2",
            Bad("checkpoints", 3, "covers journals after 2, which are gone"),
        ),
        (
            "INSERT INTO transfers VALUES (9, 0, 'slipped in', 'transfer', 1, 2, 5, NULL)",
            Bad("journals", 9, "is not there and has an entry"),
        ),
    ],
)
def test_the_first_bad_row_is_named(broken: sqlite3.Connection, change: str, bad: Bad) -> None:
    """Its table, its number, and what is wrong with it."""
    broken.execute(change)

    assert verify(broken, SIGNER.public_key).bad == bad


async def test_a_chain_made_anew_is_found(tmp_path: Path, path: Path) -> None:
    """Who can write the file can make another chain that is right in itself, but not its signatures."""
    forged = tmp_path / "forged.db"
    store: SqliteStore[SqliteTx] = SqliteStore(forged, now_us=Ticks())
    store.open()
    for n in range(4):
        await store.run(partial(book.submit, journal=journal(f"forged{n}")))
    await store.close()
    with closing(sqlite3.connect(forged)) as connection:
        connection.execute("ATTACH ? AS kept", (str(path),))
        connection.execute("INSERT INTO checkpoints SELECT * FROM kept.checkpoints")
        connection.commit()
        verdict = verify(connection, SIGNER.public_key)

    assert verdict.bad == Bad("checkpoints", 2, "signed other journals 1 to 2 than there are")


def test_another_key_verifies_nothing(broken: sqlite3.Connection) -> None:
    """The word of whoever signed is worth what the reader's trust in the key is."""
    bad = verify(broken, Signer(bytes(32)).public_key).bad

    assert bad == Bad("checkpoints", 2, "is not signed with this key")


def test_an_empty_book_is_what_was_sealed(broken: sqlite3.Connection) -> None:
    """Nothing is there, and nothing is missing."""
    for table in ("transfers", "periods", "checkpoints", "journals", "accounts"):
        broken.execute(f"DELETE FROM {table}")
    verdict = verify(broken, SIGNER.public_key)

    assert (verdict.head.seq, verdict.signed, verdict.bad) == (0, 0, None)
