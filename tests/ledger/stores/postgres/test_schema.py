"""A database goes forward through all versions of its schema, all at once or not at all."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ledger.store import StoreNotOurs, StoreTooNew, StoreUnusable
from ledger.stores.migrate import SQL, Version
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.schema import ledger_migrations, migrate, version
from tests.postgres_server import a_database

NOTES = "CREATE TABLE notes (t TEXT) STRICT;"
MORE = "ALTER TABLE notes ADD COLUMN more TEXT;"


@pytest.fixture
def connection(postgres: str) -> Iterator["psycopg.Connection[Any]"]:
    with connect(postgres) as opened:
        yield opened


PARTS = {
    "columns": (
        "a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation",
        "pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND c.relkind IN ('r', 'v')",
    ),
    "constraints": ("pg_get_constraintdef(x.oid)", "pg_constraint AS x ON x.conrelid = c.oid"),
    "indexes": ("pg_get_indexdef(i.indexrelid)", "pg_index AS i ON i.indrelid = c.oid"),
    "triggers": (
        "pg_get_triggerdef(t.oid)",
        "pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal",
    ),
    "views": ("pg_get_viewdef(v.oid)", "pg_class AS v ON v.oid = c.oid AND v.relkind = 'v'"),
}


def described(connection: "psycopg.Connection[Any]") -> dict[str, list[tuple[Any, ...]]]:
    """Return columns, constraints, indexes, triggers and views, as the database writes them."""
    ours = "c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'ledger_versions%'"
    return {
        part: connection.execute(
            f"SELECT c.relname, {what} FROM pg_class AS c JOIN {where} WHERE {ours} ORDER BY 1, 2"
        ).fetchall()
        for part, (what, where) in PARTS.items()
    }


def test_the_schema_is_all_migrations_applied(
    connection: "psycopg.Connection[Any]", postgres_server: str
) -> None:
    """schema.sql, which people read, is what the migrations make."""
    migrate(connection, "here", ())
    with a_database(postgres_server) as other, connect(other) as whole:
        whole.execute((SQL / "postgres" / "schema.sql").read_text(encoding="utf-8"))

        assert described(connection) == described(whole)


def test_both_parts_are_counted(connection: "psycopg.Connection[Any]") -> None:
    """The ledger's and the application's migrations have counts of their own; again is nothing."""
    own = len(ledger_migrations())

    for application in ([], [NOTES], [NOTES, MORE], [NOTES, MORE]):
        migrate(connection, "here", application)
        assert version(connection, "here", application) == Version(own, len(application))

    connection.execute("INSERT INTO notes (t, more) VALUES ('a', 'b')")


def test_a_script_that_fails_leaves_the_old_version(connection: "psycopg.Connection[Any]") -> None:
    """All missing scripts are one transaction."""
    migrate(connection, "here", [])

    with pytest.raises(StoreUnusable, match="here could not be brought to the newest schema"):
        migrate(connection, "here", [NOTES, "CREATE TABLE notes (again TEXT) STRICT;"])

    migrate(connection, "here", [NOTES])


def test_a_newer_database_is_refused(connection: "psycopg.Connection[Any]") -> None:
    """A database that has seen more migrations is not opened."""
    migrate(connection, "here", [NOTES, MORE])

    with pytest.raises(StoreTooNew, match=r"here has schema \d+\.2, this version knows \d+\.1"):
        migrate(connection, "here", [NOTES])


def test_a_foreign_database_is_refused(connection: "psycopg.Connection[Any]") -> None:
    """Where another application has its tables nothing is made."""
    connection.execute("CREATE TABLE theirs (n bigint)")

    with pytest.raises(StoreNotOurs, match="here is the database of another application"):
        migrate(connection, "here", ())
    assert connection.execute("SELECT to_regclass('journals')").fetchone() == (None,)


def test_many_may_migrate_at_once(postgres: str) -> None:
    """One makes the schema, the others wait for it and find nothing to do."""
    faults: list[Exception] = []

    def run() -> None:
        try:
            with connect(postgres) as own:
                migrate(own, "here", [NOTES])
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    with connect(postgres) as reader:
        assert version(reader, "here", [NOTES]) == Version(len(ledger_migrations()), 1)
