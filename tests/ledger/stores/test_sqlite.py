"""The SQLite store keeps what it acknowledged, whatever happens to its process, its disk or its file."""

import asyncio
import errno
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger import book
from ledger.audit import audit
from ledger.book import Created, Exists, Rejected
from ledger.store import (
    Rollback,
    StorageDead,
    StorageFull,
    StoreLocked,
    StoreNotOurs,
    StoreRefused,
    StoreTooNew,
    StoreUnusable,
)
from ledger.stores.sqlite import SqliteStore, SqliteTx
from tests.ledger.examples import BUYER, CASH, SALES, Ticks, hold, journal, move, void
from tests.ledger.test_rules import FUNDED, REFUSED

ROOT = Path(ledger.__file__).parent.parent


def a_store(path: Path, **settings: object) -> SqliteStore[SqliteTx]:
    return SqliteStore(path, now_us=Ticks(), **settings)  # type: ignore[arg-type]  # each test gives what it means


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore[SqliteTx]]:
    opened = a_store(path)
    opened.open()
    yield opened
    await opened.close()


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    yield connection
    connection.close()


@contextmanager
def child(name: str, path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.ledger.stores.children", name, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def lines(process: "subprocess.Popen[str]", count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def content(path: Path) -> str:
    """Return everything the file holds, row by row."""
    with reading(path) as connection:
        return "\n".join(connection.iterdump())


def files(path: Path) -> dict[str, str]:
    """Return the digest of every file around *path*."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in path.parent.iterdir()
        if file.is_file() and not file.name.endswith("-shm")
    }


async def test_a_killed_process_loses_nothing_it_acknowledged(path: Path) -> None:
    """After kill -9 every id that was printed is there, the chain is whole and work goes on."""
    with child("acknowledge", path) as process:
        said = lines(process, 300)
        process.kill()
        assert process.stdout is not None
        said += process.stdout.read().split("\n")[:-1]

    store = a_store(path)
    store.open()
    for name in said:
        booked = await store.run(partial(book.submit, journal=journal(name)))
        assert isinstance(booked, Exists), name
    assert isinstance(await store.run(partial(book.submit, journal=journal("next"))), Created)
    await store.close()
    with reading(path) as connection:
        assert audit(connection).clean


async def test_an_io_error_ends_the_store(path: Path) -> None:
    """When the system refuses a write the store is dead for ever, and what it acknowledged is on disk."""
    with child("fail", path) as process:
        assert process.stdout is not None
        *said, last = process.stdout.read().split("\n")[:-1]

    assert last == "dead: True"
    assert len(said) > 5
    with reading(path) as connection:
        assert audit(connection).clean
        kept = {name for (name,) in connection.execute("SELECT id FROM journals")}
    assert set(said) <= kept


async def test_a_full_disk_refuses_and_passes(store: SqliteStore[SqliteTx], path: Path) -> None:
    """SQLITE_FULL undoes its whole group and names it; with room again the same units succeed."""

    def book_much(tx: SqliteTx, name: str) -> None:
        for n in range(50):
            assert isinstance(book.submit(tx, journal(f"{name}/{n}")), Created)

    def allow(tx: SqliteTx, pages: int) -> None:
        (used,) = tx.connection.execute("PRAGMA page_count").fetchone()
        tx.connection.execute(f"PRAGMA max_page_count = {used + pages}")

    await store.run(partial(book.submit, journal=journal("first")))
    await store.run(partial(allow, pages=2))
    before = content(path)

    answers = await asyncio.gather(
        *(store.run(partial(book_much, name=f"u{n}")) for n in range(4)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [StorageFull] * 4
    assert content(path) == before
    assert store.failed is None

    await store.run(partial(allow, pages=10_000))
    await asyncio.gather(*(store.run(partial(book_much, name=f"u{n}")) for n in range(4)))

    with reading(path) as connection:
        assert audit(connection).clean
        assert connection.execute("SELECT count(*), max(seq) FROM journals").fetchone() == (201, 201)


@pytest.mark.parametrize(
    "unit",
    [
        lambda tx: book.submit(tx, journal("j", move("j/0"), hold("j/1", units=10_000))),
        lambda tx: book.submit(tx, journal("first")),
        lambda tx: tx.balance(SALES.id),
    ],
)
async def test_a_unit_that_books_nothing_writes_nothing(
    store: SqliteStore[SqliteTx], path: Path, unit: Callable[[SqliteTx], object]
) -> None:
    """Rejected, repeated or only read: not one byte of the file or its log changes."""
    await store.run(partial(book.submit, journal=journal("first")))
    before = files(path)

    await store.run(unit)

    assert files(path) == before


async def test_no_refusal_changes_a_byte(store: SqliteStore[SqliteTx], path: Path) -> None:
    """Whatever the reason: the file and its log are as before, and so is the end of the chain."""
    for asked in FUNDED:
        assert isinstance(await store.run(partial(book.submit, journal=asked)), Created)
    before, head = files(path), await store.run(lambda tx: tx.head)
    for entry, status, field in REFUSED:
        asked = journal("j", move("j/ok", units=1), entry)
        assert await store.run(partial(book.submit, journal=asked)) == Rejected(status, 1, field)

    assert files(path) == before
    assert await store.run(lambda tx: tx.head) == head


async def test_an_undone_unit_leaves_the_book_as_it_was(store: SqliteStore[SqliteTx], path: Path) -> None:
    """After Rollback and after an exception every row, number and hash is as before."""
    await store.run(partial(book.submit, journal=journal("first")))
    before = content(path)

    def undo(tx: SqliteTx) -> None:
        book.submit(tx, journal("j", move("j/0", CASH, SALES), move("j/1", SALES, BUYER, 5)))
        raise Rollback(None)

    def fail(tx: SqliteTx) -> None:
        book.submit(tx, journal("j", move("j/0", CASH, SALES)))
        raise LookupError

    await store.run(undo)
    with pytest.raises(LookupError):
        await store.run(fail)

    assert content(path) == before
    assert await store.run(lambda tx: tx.head.seq) == 1


async def test_one_process_writes(path: Path, tmp_path: Path) -> None:
    """A second process, and a second store in this one, are refused until the first is gone."""
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with child("hold_open", path) as process:
        assert lines(process, 1) == ["open"]
        with pytest.raises(StoreLocked, match="is open in another process; only one may write"):
            a_store(path).open()
        process.kill()
        process.wait()

    first = a_store(path)
    first.open()
    for name in (path, link):
        with pytest.raises(StoreLocked):
            a_store(name).open()
    await first.close()
    again = a_store(path)
    again.open()
    await again.close()


def newer(path: Path) -> None:
    store = a_store(path)
    store.open()
    asyncio.run(store.close())
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999000")
    connection.close()


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE notes (t TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "refusal", "sentence"),
    [
        (lambda path: path.write_bytes(b"not a database at all" * 99), StoreNotOurs, "is not a database"),
        (foreign, StoreNotOurs, "is the database of another application"),
        (newer, StoreTooNew, "has schema 999.0, this version knows"),
        (lambda path: path.mkdir(), StoreUnusable, "cannot be opened"),
    ],
)
def test_a_file_that_is_not_ours_is_left_alone(
    path: Path, make: Callable[[Path], object], refusal: type[StoreRefused], sentence: str
) -> None:
    """One sentence says what is wrong, and no byte is changed."""
    make(path)
    before = files(path)

    with pytest.raises(refusal, match=sentence):
        a_store(path).open()

    after = files(path)
    assert {name: after.get(name) for name in before} == before
    assert set(after) - set(before) <= {"book.db.lock"}


def test_a_damaged_file_is_told(path: Path) -> None:
    """Whichever page it is that cannot be read: by a sentence, or later, to the unit that needs it."""

    async def open_and_close(*names: str) -> None:
        store = a_store(path)
        store.open()
        for name in names:
            await store.run(partial(book.submit, journal=journal(name)))
        await store.close()

    asyncio.run(open_and_close("a"))
    whole, told = path.read_bytes(), set[str]()
    for page in range(4096, len(whole), 4096):
        path.write_bytes(whole[:page] + bytes(4096) + whole[page + 4096 :])
        try:
            asyncio.run(open_and_close())
        except StoreUnusable as refused:
            told.add(str(refused))

    assert told == {f"{path} cannot be read: database disk image is malformed"}


@pytest.mark.parametrize("folder", ["missing", "a file"])
def test_a_directory_that_cannot_be_written(tmp_path: Path, folder: str) -> None:
    """Where no file can be made, one sentence says so."""
    (tmp_path / "a file").touch()

    with pytest.raises(StoreUnusable, match="cannot be opened for writing"):
        a_store(tmp_path / folder / "book.db").open()


def test_a_read_only_disk_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own words, before anything is made."""

    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(StoreUnusable, match=r"cannot be opened for writing: Read-only file system$"):
        a_store(path).open()
    assert files(path) == {}


async def test_a_file_that_became_read_only_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder can be written and the database cannot."""
    store = a_store(path)
    store.open()
    await store.close()
    really = sqlite3.connect

    def read_only(_: Path, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = really(f"{path.as_uri()}?mode=ro", uri=True, **named)
        return connection

    monkeypatch.setattr("ledger.stores.migrate.check", lambda *_: None)
    monkeypatch.setattr(sqlite3, "connect", read_only)
    with path.open("r+b") as file:  # as a copy whose log was not kept
        file.seek(18)
        file.write(b"\x01\x01")
    with pytest.raises(StoreUnusable, match="cannot be written: attempt to write a readonly database"):
        a_store(path).open()


def test_a_file_system_without_shared_memory_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite goes on there without its log, and a report would end the sidecar."""
    really = sqlite3.connect

    def elsewhere(_: Path, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = really(f"{path.as_uri()}?vfs=unix-none", uri=True, **named)
        return connection

    monkeypatch.setattr(sqlite3, "connect", elsewhere)
    with pytest.raises(StoreUnusable, match="its file system has no shared memory"):
        a_store(path).open()


async def test_a_file_that_may_only_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself would open it, and refuse the first write, which may be a payment's."""
    store = a_store(path)
    store.open()
    await store.close()
    monkeypatch.setattr(os, "access", lambda *_: False)  # to an administrator every file is open

    with pytest.raises(StoreUnusable, match="it may only be read"):
        a_store(path).open()


async def test_an_application_adds_its_tables(path: Path) -> None:
    """The application's rows stand or fall with the ledger's, in one transaction."""

    class ShopTx(SqliteTx):
        def note(self, text: str) -> None:
            self.connection.execute("INSERT INTO notes VALUES (?)", (text,))

    store = SqliteStore(path, now_us=Ticks(), tx=ShopTx, extra_schema=["CREATE TABLE notes (t TEXT) STRICT;"])
    store.open()

    def sell(tx: ShopTx, name: str, units: int) -> Created | Exists | Rejected:
        tx.note(name)
        booked = book.submit(tx, journal(name, hold(name, units=units)))
        if isinstance(booked, Rejected):
            raise Rollback(booked)
        return booked

    await store.run(partial(book.submit, journal=journal("fund")))
    assert isinstance(await store.run(partial(sell, name="good", units=100)), Created)
    assert isinstance(await store.run(partial(sell, name="bad", units=1)), Rejected)

    assert await store.run(lambda tx: tx.connection.execute("SELECT t FROM notes").fetchall()) == [("good",)]
    await store.close()


async def test_the_connection_is_as_durable_as_promised(store: SqliteStore[SqliteTx]) -> None:
    """WAL, FULL, foreign keys, no trust in the schema; and every table is STRICT."""

    def read(tx: SqliteTx) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "busy_timeout")
        return [tx.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await store.run(read) == ["wal", 2, 1, 0, 5000]
    loose = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0"
    assert await store.run(lambda tx: tx.connection.execute(loose).fetchall()) == [("sqlite_schema",)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journals SET note = 'x'",
        "DELETE FROM journals",
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "UPDATE accounts SET kind = 'equity'",
        "DELETE FROM accounts",
        "INSERT OR REPLACE INTO accounts SELECT * FROM accounts",
    ],
)
async def test_booked_rows_are_immutable(store: SqliteStore[SqliteTx], change: str) -> None:
    """The database itself refuses to change or remove what was booked."""
    await store.run(partial(book.submit, journal=journal("a")))

    with pytest.raises(sqlite3.IntegrityError, match="are immutable"):
        await store.run(lambda tx: tx.connection.execute(change))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE balances SET debits_pending = 101", "CHECK constraint failed"),
        ("UPDATE balances SET debits_posted = 60, debits_pending = 41", "CHECK constraint failed"),
        ("UPDATE balances SET credits_posted = -1", "CHECK constraint failed"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'void', 1, 2, 5, 'h')", "UNIQUE constraint failed"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'transfer', 1, 1, 5, NULL)", "CHECK constraint failed"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'transfer', 1, 2, 0, NULL)", "CHECK constraint failed"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'post', 1, 2, 5, NULL)", "CHECK constraint failed"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'transfer', 1, 99, 5, NULL)", "FOREIGN KEY constraint"),
        ("INSERT INTO transfers VALUES (9, 0, 'x', 'transfer', 1, 2, 5, NULL)", "FOREIGN KEY constraint"),
    ],
)
async def test_the_schema_holds_the_laws_itself(store: SqliteStore[SqliteTx], change: str, why: str) -> None:
    """Overdrafts and second resolutions are refused by the database, whatever the code does."""
    await store.run(partial(book.submit, journal=journal("a", move("a/0"), hold("h"))))
    await store.run(partial(book.submit, journal=journal("b", move("b/0", CASH, SALES))))
    await store.run(partial(book.submit, journal=journal("c", void("c/0", "h"))))

    with pytest.raises(sqlite3.IntegrityError, match=why):
        await store.run(lambda tx: tx.connection.execute(change))


async def test_a_store_must_be_opened(path: Path) -> None:
    """Before open nothing runs, and close has nothing to do."""
    store = a_store(path)

    with pytest.raises(StorageDead, match="not open"):
        await store.run(lambda tx: tx.head)
    assert store.failed is None
    await store.close()
