"""Each statement of a file has one name, a sentence and its text."""

import re
import sqlite3
from importlib.resources import files
from importlib.resources.abc import Traversable

import pytest

from ledger import queries
from ledger.queries import Query

FILES = sorted(
    (file for file in (files("ledger.stores") / "sql").iterdir() if file.name.endswith(".sql")),
    key=lambda file: file.name,
)


def test_statements_are_found_by_name() -> None:
    """Name, purpose and text are told apart, also over several lines."""
    text = "-- one: the first\nSELECT 1;\n\n-- two: the second\nSELECT\n    2\n;\n"

    assert queries.read(text) == {
        "one": Query("one", "the first", "SELECT 1"),
        "two": Query("two", "the second", "SELECT\n    2\n"),
    }


def test_a_name_stands_once() -> None:
    """Two statements of one name are a programmer's error."""
    with pytest.raises(AssertionError, match="two statements are named one"):
        queries.read("-- one: a\nSELECT 1;\n-- one: b\nSELECT 2;\n")


@pytest.mark.parametrize(
    "file", [each for each in FILES if each.name != "schema.sql"], ids=lambda file: file.name
)
def test_every_statement_of_the_ledger_compiles(file: Traversable) -> None:
    """Each named statement is one statement over the schema as it is."""
    connection = sqlite3.connect(":memory:")
    connection.executescript((files("ledger.stores") / "sql" / "schema.sql").read_text(encoding="utf-8"))

    for query in queries.load(file).values():
        names = re.findall(r":([a-z_]+)", query.sql)
        blanks: object = dict.fromkeys(names, "") if names else [None] * query.sql.count("?")
        connection.execute(f"EXPLAIN {query.sql}", blanks).close()  # type: ignore[arg-type]  # a list or a dict
    connection.close()


def test_an_insert_of_one_row_becomes_one_of_several() -> None:
    """The first list of parameters is repeated, and what stands around it is not."""
    one = "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET b = (excluded.b)"

    assert queries.several(one, 1) == one
    assert queries.several(one, 3) == one.replace("VALUES (?, ?)", "VALUES (?, ?), (?, ?), (?, ?)")
