"""A file goes forward through all versions of its schema, all at once or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.store import StoreNotOurs, StoreTooNew, StoreUnusable
from ledger.stores import migrate
from ledger.stores.migrate import APPLICATION_ID, SQL, Version, ledger_migrations

NOTES = "CREATE TABLE notes (t TEXT) STRICT;"
OWN = len(ledger_migrations())
MORE = "ALTER TABLE notes ADD COLUMN more TEXT;"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        yield opened


def schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    return [(name, " ".join(sql.split())) for name, sql in found]


def test_the_schema_is_all_migrations_applied(connection: sqlite3.Connection, path: Path) -> None:
    """schema.sql, which people read, is what the migrations make."""
    migrate.migrate(connection, path, ())
    with closing(sqlite3.connect(":memory:")) as whole:
        whole.executescript((SQL / "schema.sql").read_text(encoding="utf-8"))

        assert schema(connection) == schema(whole)


def test_both_parts_are_counted(connection: sqlite3.Connection, path: Path) -> None:
    """The ledger's and the application's migrations have counts of their own."""
    migrate.migrate(connection, path, ())
    assert migrate.version(connection, path, ()) == Version(OWN, 0)
    migrate.migrate(connection, path, [NOTES])
    assert migrate.version(connection, path, [NOTES]) == Version(OWN, 1)
    migrate.migrate(connection, path, [NOTES, MORE])
    assert migrate.version(connection, path, [NOTES, MORE]) == Version(OWN, 2)

    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert [name for (name,) in connection.execute("SELECT name FROM pragma_table_info('notes')")] == [
        "t",
        "more",
    ]


def test_migrating_again_changes_nothing(connection: sqlite3.Connection, path: Path) -> None:
    """A file of the newest version is left alone."""
    migrate.migrate(connection, path, [NOTES])
    before = path.read_bytes()

    migrate.migrate(connection, path, [NOTES])

    assert path.read_bytes() == before


def test_a_script_that_fails_leaves_the_old_version(connection: sqlite3.Connection, path: Path) -> None:
    """All missing scripts are one transaction."""
    migrate.migrate(connection, path, ())
    before = path.read_bytes()

    with pytest.raises(StoreUnusable, match="could not be brought to the newest schema"):
        migrate.migrate(connection, path, [NOTES, "CREATE TABLE notes (again TEXT) STRICT;"])

    assert path.read_bytes() == before
    migrate.migrate(connection, path, [NOTES])


@pytest.mark.parametrize("known", [(), (NOTES,)])
def test_a_newer_file_is_refused(connection: sqlite3.Connection, path: Path, known: tuple[str, ...]) -> None:
    """A file that has seen more migrations of either part is not opened."""
    migrate.migrate(connection, path, [NOTES, MORE])

    with pytest.raises(StoreTooNew, match=f"has schema {OWN}.2, this version knows {OWN}.{len(known)}"):
        migrate.migrate(connection, path, known)


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE t (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"]
)
def test_a_foreign_database_is_refused(connection: sqlite3.Connection, path: Path, sql: str) -> None:
    """Another application's tables, version or mark make it another application's file."""
    connection.execute(sql)

    with pytest.raises(StoreNotOurs, match="is the database of another application"):
        migrate.migrate(connection, path, ())
    with pytest.raises(StoreNotOurs):
        migrate.check(path, ())


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """Any other file is named as what it is."""
    path.write_text("some text that is long enough to have a header " * 10)

    with pytest.raises(StoreNotOurs, match="is not a database"):
        migrate.check(path, ())


def test_nothing_there_is_a_new_book(path: Path) -> None:
    """A missing file and an empty one are where a book begins."""
    migrate.check(path, ())
    path.touch()
    migrate.check(path, ())


def test_looking_leaves_nothing_beside_the_file(connection: sqlite3.Connection, path: Path) -> None:
    """Not even an empty log is made by asking whose file it is."""
    migrate.migrate(connection, path, ())
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()

    migrate.check(path, ())

    assert [file.name for file in path.parent.iterdir()] == ["book.db"]
