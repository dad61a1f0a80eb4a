"""Rows that are kept back reach the file together and in order, or it is known that they did not."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import book
from ledger.book import Created
from ledger.store import Rollback, StorageFull
from ledger.stores import memories, migrate
from ledger.stores.memory import MemoryStore
from ledger.stores.transaction import SqliteTx
from ledger.stores.unwritten import Half, Unwritten
from ledger.stores.writer import Writer
from ledger.transfers import Journal
from tests.ledger.examples import BUYER, CASH, OPEN, SALES, Ticks, hold, journal, move, post, void

NUMBER = "INSERT INTO numbers (n) VALUES (?)"
PAIR = "INSERT INTO pairs (n, name) VALUES (?, ?)"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.execute("PRAGMA foreign_keys = ON")
        opened.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        opened.execute("CREATE TABLE pairs (n INTEGER NOT NULL REFERENCES numbers (n), name TEXT UNIQUE)")
        yield opened


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]


@pytest.mark.parametrize("rows", [1, 2, 31, 32, 33, 100])
def test_any_number_of_rows_is_written_in_a_few_statements(connection: sqlite3.Connection, rows: int) -> None:
    """A statement takes 32 rows, what is left goes by halves, and nothing is left out."""
    unwritten, ran = Unwritten(connection), list[str]()
    unwritten.begin()
    for n in range(rows):
        unwritten.add(NUMBER, [n])
        unwritten.add(PAIR, [n, f"a{n}", n, f"b{n}"])
    connection.set_trace_callback(ran.append)

    unwritten.write()

    connection.set_trace_callback(None)
    assert numbers(connection) == [*range(rows)]
    assert connection.execute("SELECT count(*) FROM pairs").fetchone() == (2 * rows,)
    assert len(ran) <= 2 * (2 * rows // 32 + 5)
    assert len(unwritten) == 0


def test_rows_of_other_units_are_counted_apart(connection: sqlite3.Connection) -> None:
    """So that it can be told whether the unit that runs has written anything itself."""
    unwritten = Unwritten(connection)
    unwritten.begin()
    unwritten.add(NUMBER, [1])
    unwritten.add(NUMBER, [2])
    unwritten.begin()
    unwritten.add(NUMBER, [3])
    unwritten.write()
    unwritten.add(NUMBER, [4])
    unwritten.write()

    assert (connection.total_changes, unwritten.others, unwritten.added) == (4, 2, 4)


def test_a_unit_apart_hears_what_the_file_says(connection: sqlite3.Connection) -> None:
    """Nothing of it is kept back, so what is refused is its own."""
    unwritten = Unwritten(connection)
    unwritten.begin(apart=True)
    unwritten.add(NUMBER, [1])

    with pytest.raises(sqlite3.IntegrityError):
        unwritten.add(NUMBER, [1])
    assert numbers(connection) == [1]


@pytest.mark.parametrize("bad", [[1], ["no number"], [2**63]])
def test_what_was_refused_once_stays_refused(connection: sqlite3.Connection, bad: list[int | str]) -> None:
    """A unit that goes on over it cannot have its group committed; a group that was undone is over."""
    connection.execute("INSERT INTO numbers VALUES (1)")
    unwritten = Unwritten(connection)
    unwritten.begin()
    unwritten.add(NUMBER, [*bad])
    with pytest.raises(Half) as first:
        unwritten.write()

    unwritten.begin()
    with pytest.raises(Half) as again:
        unwritten.write()
    assert first.value.__cause__ is again.value.__cause__ is not None  # still told from what it came

    unwritten.clear()
    unwritten.begin()
    unwritten.add(NUMBER, [5])
    unwritten.write()
    assert numbers(connection) == [1, 5]


ACCOUNTS = (CASH, SALES, BUYER, OPEN)
REFUSED = 13
"""Units that the file of the property refuses to write, which no rule of the ledger does."""

names = st.sampled_from([f"e{n}" for n in range(6)])
entries = (
    st.builds(move, names, st.sampled_from([CASH, OPEN]), st.just(BUYER), st.sampled_from([1, 700, REFUSED]))
    | st.builds(hold, names, st.just(BUYER), st.just(SALES), st.sampled_from([40, 90]))
    | st.builds(post, names, names, st.sampled_from([40, REFUSED]))
    | st.builds(void, names, names)
)
journals = st.builds(
    lambda name, listed: journal(name, *listed),
    st.sampled_from([f"j{n}" for n in range(6)]),
    st.lists(entries, min_size=1, max_size=2),
)
steps = st.tuples(journals, st.sampled_from(["nothing"] * 4 + ["balances", "names", "chain"]))
ends = st.sampled_from(["done", "done", Rollback, LookupError])
units = st.tuples(st.lists(steps, min_size=1, max_size=2), ends)
groups = st.lists(st.tuples(st.lists(units, min_size=1, max_size=5), st.booleans()), min_size=1, max_size=4)


def look(tx: Any, at: str) -> object:
    """Ask a transaction what it knows; limits are a setting of one use, so they are not compared."""
    if at == "balances":
        return [tx.balance(account.id) for account in ACCOUNTS]
    if at == "names":
        found = [tx.transfer(f"e{n}") for n in range(6)]
        rows = [each and (each.row.id, each.row.kind, each.row.units, each.resolution) for each in found]
        return rows, [each and each.seq for each in (tx.journal(f"j{n}") for n in range(6))]
    return (tx.hashes(first=1, count=tx.head.seq), tx.head) if at == "chain" else None


def unit_of(listed: list[tuple[Journal, str]], end: Any) -> Callable[[Any], Any]:
    def unit(tx: Any) -> object:
        told = list[object]()
        for asked, at in listed:
            told += [book.submit(tx, asked), look(tx, at)]
            if isinstance(tx, SqliteTx) or not isinstance(told[-2], Created):
                continue
            if any(row.units == REFUSED for row in tx.journal(asked.id).rows):
                raise sqlite3.IntegrityError("refused")
        if end != "done":
            raise end(told)
        return told

    return unit


def comparable(outcome: object) -> object:
    return (type(outcome), str(outcome)) if isinstance(outcome, Exception) else outcome


async def lead(groups: list[Any], connection: sqlite3.Connection) -> None:
    """Run the groups one after the other, and their units one by one in a book that knows no groups."""
    writer, plain = Writer(SqliteTx(connection, Ticks()), group_max=9), MemoryStore(now_us=Ticks())
    writer.start()
    for listed, full in groups:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages if full else 9_999}")
        group = [unit_of(*each) for each in listed]
        answers = await asyncio.gather(*map(writer.run, group), return_exceptions=True)
        if full and StorageFull in set(map(type, answers)):
            assert {type(each) for each in answers} == {StorageFull}
            continue
        apart = [(await asyncio.gather(plain.run(unit), return_exceptions=True))[0] for unit in group]
        assert [*map(comparable, answers)] == [*map(comparable, apart)]
    for at in ("balances", "names", "chain"):
        assert look(SqliteTx(connection, Ticks()), at) == await plain.run(partial(look, at=at))
    writer.close()
    await asyncio.get_running_loop().run_in_executor(None, writer.join)


@pytest.mark.parametrize("kept_max", [memories.KEPT_MAX, 1])
def test_units_of_a_group_are_answered_as_if_each_ran_alone(
    kept_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they book twice, read between or fail at, and whatever the file refuses or is too full for."""
    monkeypatch.setattr(memories, "KEPT_MAX", kept_max)

    @settings(max_examples=60)
    @given(groups)
    def law(groups: list[Any]) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA page_size = 512")  # so that it is full at any statement
        migrate.migrate(connection, Path("none"), ())
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(
            f"CREATE TRIGGER refuse AFTER INSERT ON transfers WHEN NEW.amount = {REFUSED} "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        asyncio.run(lead(groups, connection))

    law()
