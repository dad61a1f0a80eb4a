"""Schema versions of a PostgreSQL database: whose it is, how old it is, and the way forward.

A script that needs more than PostgreSQL's words for what SQLite is told has a file
of its own here, under the same name; all others, the application's too, serve both.
"""

from collections.abc import Sequence
from importlib.resources.abc import Traversable
from typing import Any, Final

import psycopg

from ledger.store import StoreNotOurs, StoreTooNew, StoreUnusable
from ledger.stores.migrate import SQL, Version
from ledger.stores.postgres import dialect
from ledger.stores.postgres.connecting import reason

_LOCK: Final = 0x6C646772
"""Whoever holds it migrates; others wait and then find nothing to do."""


def ledger_migrations() -> tuple[str, ...]:
    """Return the ledger's scripts, oldest first: PostgreSQL's own, or SQLite's in its words."""
    own = SQL / "postgres" / "migrations"
    names = sorted(entry.name for entry in (SQL / "migrations").iterdir() if entry.name.endswith(".sql"))
    return tuple(_script(own.joinpath(name), SQL.joinpath("migrations", name)) for name in names)


def _script(own: Traversable, shared: Traversable) -> str:
    if own.is_file():
        return own.read_text(encoding="utf-8")
    return dialect.schema(shared.read_text(encoding="utf-8"))


def version(connection: "psycopg.Connection[Any]", place: str, application: Sequence[str]) -> Version | None:
    """Read the version, None where nothing is yet; raise StoreNotOurs or StoreTooNew. Only reads."""
    found = connection.execute(
        "SELECT to_regclass('ledger_versions') IS NOT NULL, count(*)"
        " FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v', 'p')"
    ).fetchone()
    ours, objects = found if found is not None else (False, 0)
    if not ours:
        if objects:
            raise StoreNotOurs(f"{place} is the database of another application")
        return None
    counts = dict(connection.execute("SELECT part, number FROM ledger_versions").fetchall())
    known = Version(len(ledger_migrations()), len(application))
    seen = Version(counts.get("ledger", 0), counts.get("application", 0))
    if seen.ledger > known.ledger or seen.application > known.application:
        raise StoreTooNew(
            f"{place} has schema {seen.ledger}.{seen.application}, this version knows"
            f" {known.ledger}.{known.application}: use the version that wrote it, or a newer one"
        )
    return seen


def migrate(connection: "psycopg.Connection[Any]", place: str, application: Sequence[str]) -> None:
    """Bring the database to the newest version: all missing scripts in one transaction, or nothing.

    Any number of processes may call this at once. Raises as `version` does, and
    StoreUnusable if a script fails.
    """
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            _forward(connection, version(connection, place, application), application)
    except psycopg.Error as error:
        raise StoreUnusable(f"{place} could not be brought to the newest schema: {reason(error)}") from error


def _forward(connection: "psycopg.Connection[Any]", seen: Version | None, application: Sequence[str]) -> None:
    ledger = ledger_migrations()
    if seen is None:
        connection.execute("CREATE TABLE ledger_versions (part text PRIMARY KEY, number bigint NOT NULL)")
        seen = Version(0, 0)
    missing = [*ledger[seen.ledger :], *map(dialect.schema, application[seen.application :])]
    for script in missing:
        connection.execute(script)
    if missing:
        connection.cursor().executemany(
            "INSERT INTO ledger_versions VALUES (%s, %s)"
            " ON CONFLICT (part) DO UPDATE SET number = excluded.number",
            [("ledger", len(ledger)), ("application", len(application))],
        )
