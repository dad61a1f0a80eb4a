"""An application's statements are answered as SQLite answers them, and sent no sooner than somebody looks."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.statements import Statements


@pytest.fixture
def statements(postgres: str) -> Iterator[Statements]:
    with closing(Statements(connect(postgres))) as opened:
        opened.direct.several("CREATE TABLE t (n bigint PRIMARY KEY, name text, data bytea, done boolean)")
        yield opened


def test_values_come_back_as_they_were_given(statements: Statements) -> None:
    """Whole numbers, texts, bytes and nothing; sums are whole numbers, and every row is a tuple."""
    row = (2**63 - 1, "h\u00e9'\\ ${}", bytes(range(256)), None)
    statements.execute("INSERT INTO t VALUES (?, ?, ?, ?)", row)

    assert statements.execute("SELECT * FROM t WHERE name = :name", {"name": row[1]}).fetchall() == [row]
    assert statements.execute("SELECT sum(n) + 1, n > 5 FROM t GROUP BY n").fetchone() == (2**63, True)
    assert statements.execute("SELECT n FROM t WHERE data = ?", (b"",)).fetchone() is None


def test_rows_are_had_one_by_one_and_the_rest_together(statements: Statements) -> None:
    """As a cursor gives them; names of columns and numbers of rows are told too."""
    statements.executemany("INSERT INTO t (n, name) VALUES (?, ?)", [(n, "x") for n in range(5)])
    found = statements.execute("SELECT n, name FROM t ORDER BY n")

    assert found.fetchone() == (0, "x")
    assert next(iter(found)) == (1, "x")
    assert [n for n, _ in found] == [2, 3, 4]
    assert (found.fetchone(), found.fetchall()) == (None, [])
    assert found.description == [("n",), ("name",)]
    changed = statements.execute("UPDATE t SET name = 'y' WHERE n > ?", (2,))
    assert (changed.rowcount, changed.description) == (2, None)
    assert [*statements.scan("SELECT n FROM t WHERE name = 'y' ORDER BY n")] == [(3,), (4,)]


def test_what_nobody_looks_at_waits(statements: Statements, postgres: str) -> None:
    """It is sent with the next that somebody does look at, or before the driver is used."""
    with closing(connect(postgres)) as other:
        statements.execute("INSERT INTO t (n) VALUES (1)")
        assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert statements.execute("SELECT count(*) FROM t").fetchone() == (1,)
        statements.write_one("UPDATE t SET n = ? WHERE n = ?", (2, 1))
        assert statements.postgres.execute("SELECT n FROM t").fetchone() == (2,)


def test_a_write_of_one_row_that_is_not_there_is_told(statements: Statements) -> None:
    """By the time that anything else is answered."""
    statements.write_one("UPDATE t SET n = ? WHERE n = ?", (2, 1))

    with pytest.raises(AssertionError, match="what changes is stored"):
        statements.execute("SELECT 1").fetchone()


@pytest.mark.parametrize(("value", "fault"), [("a\0b", psycopg.DataError), ([1], psycopg.ProgrammingError)])
def test_what_is_no_value_is_refused_at_once(statements: Statements, value: object, fault: type) -> None:
    """Before anything is sent."""
    with pytest.raises(fault):
        statements.execute("SELECT ?", (value,))


def test_something_is_done_before_each(statements: Statements) -> None:
    """Whatever kind of statement it is."""
    done: list[int] = []
    statements.before = lambda: done.append(1)

    statements.execute("SELECT 1")
    statements.write_one("INSERT INTO t (n) VALUES (?)", (1,))
    statements.executemany("INSERT INTO t (n) VALUES (?)", [(2,), (3,)])
    statements.scan("SELECT 1")

    assert len(done) == 4
