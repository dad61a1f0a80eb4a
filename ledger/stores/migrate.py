"""Schema versions of a SQLite file: whose it is, how old it is, and the way forward. There is none back.

One file holds the ledger's tables and those of the application around it. Each
of the two counts its own migrations; both counts stand in `user_version`.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from ledger.store import StoreNotOurs, StoreTooNew, StoreUnusable

SQL: Final[Traversable] = files("ledger.stores") / "sql"

APPLICATION_ID: Final = 0x6C646772
"""Marks a file as ours: `ldgr` in ASCII."""

_PART: Final = 1000
"""`user_version` is the ledger's count times this, plus the application's count."""


@dataclass(frozen=True, slots=True)
class Version:
    """How many migrations of each part a file has seen."""

    ledger: int
    application: int


def ledger_migrations() -> tuple[str, ...]:
    """Return the ledger's own scripts, oldest first."""
    folder = SQL / "migrations"
    scripts = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(entry.read_text(encoding="utf-8") for _, entry in scripts)


def check(path: Path, application: Sequence[str]) -> None:
    """Refuse a file that is not ours or is too new, before anything is opened for writing.

    A file whose log needs repair before it can be read passes here; `migrate` asks again.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    logs = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
    # Without a log, immutable keeps SQLite from making one beside a file that may not be ours.
    mode = "mode=ro" if any(log.exists() for log in logs) else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
            version(connection, path, application)
    except sqlite3.OperationalError:
        return


def newest(application: Sequence[str]) -> Version:
    """Return the version that a file is brought to."""
    return Version(len(ledger_migrations()), len(application))


def version(connection: sqlite3.Connection, path: Path, application: Sequence[str]) -> Version:
    """Read the version of the file, or raise StoreNotOurs, StoreTooNew or StoreUnusable. Only reads."""
    try:
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (number,) = connection.execute("PRAGMA user_version").fetchone()
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT:
            raise StoreUnusable(f"{path} cannot be read: {error}") from error
        raise StoreNotOurs(f"{path} is not a database") from error
    if mark != APPLICATION_ID and (mark, number, objects) != (0, 0, 0):
        raise StoreNotOurs(f"{path} is the database of another application")
    found = Version(*divmod(number, _PART))
    known = newest(application)
    if found.ledger > known.ledger or found.application > known.application:
        raise StoreTooNew(
            f"{path} has schema {found.ledger}.{found.application}, this version knows"
            f" {known.ledger}.{known.application}: use the version that wrote it, or a newer one"
        )
    return found


def migrate(connection: sqlite3.Connection, path: Path, application: Sequence[str]) -> None:
    """Bring the file to the newest version: all missing scripts in one transaction, or nothing.

    Missing ledger scripts run before the application's. Raises as `version` does,
    and StoreUnusable if a script fails.
    """
    found = version(connection, path, application)
    ledger = ledger_migrations()
    missing = [*ledger[found.ledger :], *application[found.application :]]
    if not missing:
        return
    number = len(ledger) * _PART + len(application)
    marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number};"
    try:
        connection.executescript("\n".join(["BEGIN IMMEDIATE;", *missing, marks, "COMMIT;"]))
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise StoreUnusable(f"{path} could not be brought to the newest schema: {error}") from error
