"""The writer answers a caller only with what is durable, and tells a full medium from a dead one."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger import book, queries
from ledger.balances import Balance
from ledger.book import Created, Exists, Rejected
from ledger.queries import several
from ledger.statuses import Status
from ledger.store import Rollback, StorageDead, StorageFull
from ledger.stores import memories, migrate
from ledger.stores.transaction import SqliteTx
from ledger.stores.writer import Writer
from tests.ledger.examples import BUYER, CASH, SALES, Ticks, hold, journal, move, post

_SQL = queries.load(migrate.SQL / "book.sql")
_ADD_JOURNAL = _SQL["add_journal"].sql


class Faulty(sqlite3.Connection):
    """A connection whose medium fails at the statements in `faults`, with the code given there."""

    faults: dict[str, int]
    committed: int

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql in self.faults:
            error = sqlite3.OperationalError("the medium failed")
            error.sqlite_errorcode = self.faults[sql]
            raise error
        self.committed += sql == "COMMIT"
        return super().execute(sql, parameters)


@pytest.fixture
async def connection(tmp_path: Path) -> Faulty:
    opened = sqlite3.connect(
        tmp_path / "book.db", isolation_level=None, check_same_thread=False, factory=Faulty
    )
    opened.faults, opened.committed = {}, 0
    migrate.migrate(opened, tmp_path / "book.db", ())
    return opened


@pytest.fixture
async def writer(connection: Faulty) -> AsyncIterator[Writer[SqliteTx]]:
    started = Writer(SqliteTx(connection, Ticks()), group_max=8)
    started.start()
    yield started
    started.close()
    await asyncio.get_running_loop().run_in_executor(None, started.join)


async def submit(writer: Writer[SqliteTx], name: str) -> Any:
    return await writer.run(partial(book.submit, journal=journal(name)))


def booking(name: str) -> Callable[[SqliteTx], Any]:
    return partial(book.submit, journal=journal(name))


async def together(writer: Writer[SqliteTx], *names: str) -> list[Any]:
    """Submit so that all units are of one group: the writer is busy until all of them wait."""
    busy, gate = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def occupy(_: SqliteTx) -> None:
        loop.call_soon_threadsafe(busy.set)
        gate.wait()

    first = writer.run(occupy)
    await busy.wait()
    waiting = [asyncio.create_task(submit(writer, name)) for name in names]
    await asyncio.sleep(0)
    gate.set()
    _, *answers = await asyncio.gather(first, *waiting, return_exceptions=True)
    return answers


async def test_units_that_wait_share_a_commit(writer: Writer[SqliteTx], connection: Faulty) -> None:
    """A group of waiting units is one commit; a group takes no more than its maximum."""
    before = connection.committed

    assert await together(writer, *"abcdefgh") == [Created(n) for n in range(1, 9)]
    assert connection.committed == before + 2  # the one that kept the writer busy, and the group

    assert await together(writer, *"ijklmnopq") == [Created(n) for n in range(9, 18)]
    assert connection.committed == before + 5  # eight, and one


async def test_a_full_commit_refuses_the_group(writer: Writer[SqliteTx], connection: Faulty) -> None:
    """When COMMIT says full nothing of the group is kept, and the next is numbered as if it never was."""
    await submit(writer, "a")
    connection.faults = {"COMMIT": sqlite3.SQLITE_FULL}

    refused = await asyncio.gather(submit(writer, "b"), submit(writer, "c"), return_exceptions=True)

    connection.faults = {}
    assert [type(each) for each in refused] == [StorageFull] * 2
    assert writer.failed is None
    assert await submit(writer, "b") == Created(2)
    assert await writer.run(lambda tx: tx.journal("c")) is None


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("COMMIT", sqlite3.SQLITE_IOERR_FSYNC),
        ("COMMIT", sqlite3.SQLITE_CORRUPT),
        ("COMMIT", sqlite3.SQLITE_BUSY),
        ("COMMIT", sqlite3.SQLITE_CONSTRAINT),
        ("BEGIN IMMEDIATE", sqlite3.SQLITE_BUSY),
    ],
)
async def test_any_other_fault_of_the_group_is_the_end(
    writer: Writer[SqliteTx], connection: Faulty, statement: str, code: int
) -> None:
    """What cannot be relied on is never used again: the group and every later unit hear why."""
    connection.faults = {statement: code}

    refused = await asyncio.gather(submit(writer, "a"), submit(writer, "b"), return_exceptions=True)

    connection.faults = {}
    assert [type(each) for each in refused] == [StorageDead] * 2
    assert "the medium failed" in str(writer.failed)
    with pytest.raises(StorageDead, match="the medium failed"):
        await submit(writer, "c")


def fail_late(tx: SqliteTx) -> None:
    """Fail after having written, so that the group is run again, each unit apart."""
    book.submit(tx, journal("late"))
    raise LookupError(tx.journal("late"))  # what is read is written first


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("ROLLBACK", sqlite3.SQLITE_IOERR),
        ("SAVEPOINT unit", sqlite3.SQLITE_IOERR),
        ("ROLLBACK TO unit", sqlite3.SQLITE_ERROR),
        ("RELEASE unit", sqlite3.SQLITE_ERROR),
    ],
)
async def test_what_cannot_be_undone_is_the_end(
    writer: Writer[SqliteTx], connection: Faulty, statement: str, code: int
) -> None:
    """A unit whose writes cannot be taken out of its group takes the group with it, and the store."""
    connection.faults = {statement: code}

    refused = await asyncio.gather(writer.run(fail_late), submit(writer, "a"), return_exceptions=True)

    connection.faults = {}
    assert [type(each) for each in refused] == [StorageDead] * 2
    assert "the medium failed" in str(writer.failed)


async def test_a_unit_that_fails_late_fails_alone(writer: Writer[SqliteTx], connection: Faulty) -> None:
    """Its group is run again, and all but that unit are booked, with numbers that have no gap."""
    await submit(writer, "first")
    before, runs = connection.committed, list[str]()

    def note(tx: SqliteTx, name: str) -> Any:
        runs.append(name)
        return book.submit(tx, journal(name))

    answers = await asyncio.gather(
        writer.run(partial(note, name="a")),
        writer.run(fail_late),
        writer.run(partial(note, name="b")),
        return_exceptions=True,
    )

    assert (answers[0], type(answers[1]), answers[2]) == (Created(2), LookupError, Created(3))
    assert (runs, connection.committed) == (["a", "a", "b"], before + 1)
    assert await writer.run(lambda tx: tx.journal("late")) is None


async def test_a_unit_that_fails_early_disturbs_nobody(writer: Writer[SqliteTx]) -> None:
    """What has written nothing needs no undoing: the units beside it run once."""
    runs = list[str]()

    def note(tx: SqliteTx, name: str) -> Any:
        runs.append(name)
        return book.submit(tx, journal(name))

    def refuse(tx: SqliteTx) -> Any:
        raise Rollback(tx.journal("a") and "seen")

    answers = await asyncio.gather(
        writer.run(partial(note, name="a")), writer.run(refuse), writer.run(partial(note, name="b"))
    )

    assert [*answers] == [Created(1), "seen", Created(2)]
    assert runs == ["a", "b"]


async def test_the_same_journal_twice_in_a_group_is_booked_once(writer: Writer[SqliteTx]) -> None:
    """What a group has booked and the file does not have yet is not new."""
    assert await together(writer, *"abac") == [Created(1), Created(2), Exists(1), Created(3)]


async def test_a_journal_that_cannot_happen_twice_is_told_that_it_has(writer: Writer[SqliteTx]) -> None:
    """It is refused as if it were new, so it is looked for: in the file, and among what is not there yet."""
    asked = journal("all", move("all/0", BUYER, SALES))
    await writer.run(partial(book.submit, journal=journal("in")))

    answers = await asyncio.gather(*(writer.run(partial(book.submit, journal=asked)) for _ in range(3)))

    assert answers == [Created(2), Exists(2), Exists(2)]
    assert await writer.run(partial(book.submit, journal=asked)) == Exists(2)


async def test_a_unit_reads_what_its_group_has_booked(writer: Writer[SqliteTx]) -> None:
    """Rows that are kept back are in the file before anybody looks there."""
    answers = await asyncio.gather(
        writer.run(lambda tx: tx.balance(CASH.id).debits_posted),
        writer.run(booking("a")),
        writer.run(booking("b")),
        writer.run(lambda tx: tx.balance(CASH.id).debits_posted),
        writer.run(lambda tx: len(tx.hashes(first=1, count=9))),
        writer.run(booking("c")),
    )

    assert [*answers] == [0, Created(1), Created(2), 200, 2, Created(3)]


async def test_a_group_that_remembers_nothing_decides_the_same(
    connection: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is forgotten between two units of a group is read again, with what the first has booked."""
    monkeypatch.setattr(memories, "KEPT_MAX", 0)
    started = Writer(SqliteTx(connection, Ticks()), group_max=8)
    started.start()
    asked = [
        journal("in", move("in/0")),
        journal("hold", hold("held", units=60)),
        journal("beyond", move("beyond/0", BUYER, SALES, 50)),
        journal("post", post("posted", "held", 50)),
        journal("rest", move("rest/0", BUYER, SALES, 50)),
    ]

    answers = await asyncio.gather(*(started.run(partial(book.submit, journal=each)) for each in asked))

    beyond = Rejected(Status.EXCEEDS_CREDITS, 0, "debit")
    assert answers == [Created(1), Created(2), beyond, Created(3), Created(4)]
    assert await started.run(lambda tx: tx.balance(BUYER.id)) == Balance(100, 100, 0, 0)
    started.close()
    await asyncio.get_running_loop().run_in_executor(None, started.join)


async def test_what_the_file_refuses_is_one_units_alone(writer: Writer[SqliteTx], connection: Faulty) -> None:
    """A constraint speaks over the rows of a group; run apart, it is known whose they are."""
    refuse = "BEFORE INSERT ON journals WHEN NEW.id = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END"
    await writer.run(lambda tx: tx.connection.execute(f"CREATE TRIGGER refuse {refuse}").close())

    first, bad, last = await together(writer, "a", "bad", "b")

    assert (first, type(bad), last) == (Created(1), sqlite3.IntegrityError, Created(2))
    assert await writer.run(lambda tx: tx.journal("bad")) is None


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize(
    ("code", "fault"), [(sqlite3.SQLITE_FULL, StorageFull), (sqlite3.SQLITE_IOERR_WRITE, StorageDead)]
)
async def test_rows_that_the_medium_does_not_take_are_the_groups_fault(
    writer: Writer[SqliteTx], connection: Faulty, code: int, fault: type[Exception], *, reads: bool
) -> None:
    """Whether the group writes them at its end or a unit that reads does before."""
    connection.faults = {several(_ADD_JOURNAL, rows): code for rows in (1, 2)}

    def read(tx: SqliteTx) -> Any:
        return tx.journal("a") if reads else None

    told = await asyncio.gather(writer.run(booking("a")), writer.run(read), return_exceptions=True)

    connection.faults = {}
    assert {type(each) for each in told} == {fault}
    assert (writer.failed is None) == (fault is StorageFull)


@pytest.mark.parametrize(
    ("code", "fault"), [(sqlite3.SQLITE_FULL, StorageFull), (sqlite3.SQLITE_IOERR_WRITE, StorageDead)]
)
async def test_a_unit_that_goes_on_over_a_fault_does_not_hide_it(
    writer: Writer[SqliteTx], connection: Faulty, code: int, fault: type[Exception]
) -> None:
    """The rows that were not taken are others' too, and the medium is as it is."""
    connection.faults = {_ADD_JOURNAL: code}

    def go_on(tx: SqliteTx) -> None:
        with suppress(Exception):
            tx.journal("b")
        connection.faults = {}

    told = await asyncio.gather(writer.run(booking("a")), writer.run(go_on), return_exceptions=True)

    assert {type(each) for each in told} == {fault}
    assert (writer.failed is None) == (fault is StorageFull)


@pytest.mark.parametrize("end", [Rollback, LookupError])
async def test_what_is_answered_and_undone_is_as_true_as_what_is_booked(
    writer: Writer[SqliteTx], end: type[Exception]
) -> None:
    """A unit that books what was booked before, and then fails, has not been told that it was new."""
    await submit(writer, "a")

    def in_vain(tx: SqliteTx) -> Any:
        raise end(book.submit(tx, journal("a")))

    answers: list[Any] = [
        *await asyncio.gather(writer.run(in_vain), submit(writer, "b"), return_exceptions=True)
    ]
    told, beside = answers

    assert (told if end is Rollback else told.args[0]) == Exists(1)
    assert beside == Created(2)


async def test_a_medium_that_cannot_be_read_either_is_the_end(
    writer: Writer[SqliteTx], connection: Faulty
) -> None:
    """Its callers hear of it, and so does everybody after them: nobody waits for a thread that is gone."""
    connection.faults = {"COMMIT": sqlite3.SQLITE_IOERR, _SQL["closed_through"].sql: sqlite3.SQLITE_IOERR}

    refused = await asyncio.gather(submit(writer, "a"), submit(writer, "b"), return_exceptions=True)

    assert [type(each) for each in refused] == [StorageDead] * 2
    with pytest.raises(StorageDead, match="the medium failed"):
        await submit(writer, "c")


async def test_units_that_wait_behind_the_end_hear_of_it(
    writer: Writer[SqliteTx], connection: Faulty
) -> None:
    """A unit that was queued when the store died is refused too, not forgotten."""
    connection.faults = {"COMMIT": sqlite3.SQLITE_IOERR}

    refused = await asyncio.gather(*(submit(writer, f"j{n}") for n in range(30)), return_exceptions=True)

    assert {type(each) for each in refused} == {StorageDead}


async def test_a_rollback_that_fails_is_the_end(writer: Writer[SqliteTx], connection: Faulty) -> None:
    """Not even a full medium is survived if its group cannot be undone."""
    connection.faults = {"COMMIT": sqlite3.SQLITE_FULL, "ROLLBACK": sqlite3.SQLITE_IOERR}

    with pytest.raises(StorageDead, match="ROLLBACK failed"):
        await submit(writer, "a")
    assert writer.failed is not None


@pytest.mark.parametrize(
    ("code", "fault"), [(sqlite3.SQLITE_FULL, StorageFull), (sqlite3.SQLITE_IOERR_READ, StorageDead)]
)
async def test_a_medium_fault_in_a_unit_is_the_groups(
    writer: Writer[SqliteTx], connection: Faulty, code: int, fault: type[Exception]
) -> None:
    """Also when the unit raises something of its own over it."""
    connection.faults = {"SELECT 1": code}

    def unit(tx: SqliteTx) -> None:
        try:
            tx.connection.execute("SELECT 1")
        except sqlite3.Error as error:
            raise LookupError("the unit's own words") from error

    refused = await asyncio.gather(writer.run(unit), return_exceptions=True)

    assert type(refused[0]) is fault
    assert (writer.failed is None) == (fault is StorageFull)


async def test_a_unit_that_ends_the_transaction_is_the_end(writer: Writer[SqliteTx]) -> None:
    """A unit must not commit: the writer can then no longer say what is durable."""
    with pytest.raises(StorageDead):
        await writer.run(lambda tx: tx.connection.execute("COMMIT").close())
    assert writer.failed is not None


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (ValueError("own"), ValueError),
        (sqlite3.IntegrityError("own"), sqlite3.IntegrityError),
        (StopIteration("own"), RuntimeError),  # a coroutine cannot raise StopIteration
    ],
)
async def test_a_units_own_exception_comes_out(
    writer: Writer[SqliteTx], error: Exception, seen: type[Exception]
) -> None:
    """Whatever a unit raises reaches its caller, and the writer lives."""

    def unit(_: SqliteTx) -> None:
        raise error

    with pytest.raises(seen, match=r"own|StopIteration"):
        await writer.run(unit)
    assert await submit(writer, "a") == Created(1)


async def test_each_caller_gets_an_exception_of_its_own(writer: Writer[SqliteTx], connection: Faulty) -> None:
    """Tracebacks of two callers do not mix."""
    connection.faults = {"COMMIT": sqlite3.SQLITE_FULL}

    first, second = await together(writer, "a", "b")

    assert (type(first), type(second)) == (StorageFull, StorageFull)
    assert first is not second


def test_a_loop_that_is_gone_disturbs_nobody(connection: Faulty) -> None:
    """The writer serves any event loop; one that closed without waiting loses only its answers."""
    writer = Writer(SqliteTx(connection, Ticks()), group_max=8)
    writer.start()

    async def leave() -> None:
        asyncio.create_task(submit(writer, "a")).cancel()
        task = asyncio.create_task(submit(writer, "b"))
        await asyncio.sleep(0)
        task.cancel()

    async def ask() -> Any:
        return await submit(writer, "b")

    asyncio.run(leave())
    booked = asyncio.run(ask())
    writer.close()
    writer.join()

    assert booked.seq == 1
