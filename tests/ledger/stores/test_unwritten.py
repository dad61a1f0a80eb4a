"""Rows that are kept back reach the file together and in order, or it is known that they did not."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from ledger.stores.unwritten import Half, Unwritten

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


def test_a_unit_that_is_undone_takes_its_own_rows_along(connection: sqlite3.Connection) -> None:
    """What the units before it added stays."""
    unwritten = Unwritten(connection)
    unwritten.begin()
    unwritten.add(NUMBER, [1])
    unwritten.begin()
    unwritten.add(NUMBER, [2])
    unwritten.undo()
    unwritten.write()

    assert numbers(connection) == [1]


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

    assert (connection.total_changes, unwritten.others) == (4, 2)


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
    with pytest.raises(Half):
        unwritten.write()

    unwritten.undo()
    with pytest.raises(Half):
        unwritten.write()

    unwritten.clear()
    unwritten.begin()
    unwritten.add(NUMBER, [5])
    unwritten.write()
    assert numbers(connection) == [1, 5]
