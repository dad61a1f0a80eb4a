"""Reading: the named read-only queries, for the server and for commands beside it. Writes nothing.

One query is one statement, so its rows are of one moment. Nothing here waits
for the writer, nor the writer for it: in WAL mode readers see the last commit.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import aiosqlite

from ledger import queries
from ledger.queries import Query
from ledger.store import StoreRefused
from ledger.stores import migrate
from sidecar.adapters.storage.schema import SCHEMA
from sidecar.ports import Fault


class Unreadable(Fault):
    """The books could not be read. The message is one sentence for the operator."""


def _load() -> Mapping[str, Query]:
    found: dict[str, Query] = {}
    folder = files("sidecar.adapters.storage") / "sql" / "reads"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        for name, query in queries.load(file).items():
            assert name not in found, f"two queries are named {name}"
            found[name] = query
    return found


READS: Final = _load()
"""The queries by name."""


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open the books at *path* for reading only, beside a running sidecar or without one."""
    try:
        connection = sqlite3.connect(_uri(path), uri=True)
    except sqlite3.Error as error:
        raise Unreadable(_why(path, error)) from error
    try:
        _must_be_ours(connection, path)
    except (sqlite3.Error, StoreRefused) as error:
        connection.close()
        raise Unreadable(_why(path, error)) from error
    except Unreadable:
        connection.close()
        raise
    return connection


def _must_be_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is no sidecar's database, or of another version than this one reads."""
    found, newest = migrate.version(connection, path, SCHEMA), migrate.newest(SCHEMA)
    if found != newest:
        raise Unreadable(
            f"{path} has schema {found.ledger}.{found.application}, and this version reads only "
            f"{newest.ledger}.{newest.application}: `sidecar serve` of this version brings it there"
        )


def fetch(
    connection: sqlite3.Connection, query: str, parameters: Mapping[str, object]
) -> list[dict[str, Any]]:
    """Run the named *query* and return its rows by column name."""
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in cursor.execute(READS[query].sql, parameters)]
    except sqlite3.Error as error:
        raise Unreadable(f"the query {query} could not be answered: {error}") from error


class Reader:
    """The same queries without blocking the event loop: one read-only connection, one thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None

    async def open(self) -> None:
        """Open the books, which must exist; Unreadable says why not."""
        # Tried first where it may fail: aiosqlite leaves its thread behind when it cannot connect.
        await asyncio.to_thread(_try, self._path)
        self._connection = await aiosqlite.connect(_uri(self._path), uri=True)
        self._connection.row_factory = sqlite3.Row

    async def close(self) -> None:
        """Release the connection; safe at any time and more than once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def fetch(self, query: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run the named *query* and return its rows by column name."""
        if self._connection is None:
            raise Unreadable("the books are not open")
        try:
            rows = await self._connection.execute_fetchall(READS[query].sql, dict(parameters))
        except sqlite3.Error as error:
            raise Unreadable(f"the query {query} could not be answered: {error}") from error
        return [dict(row) for row in rows]


def _try(path: Path) -> None:
    open_read_only(path).close()


def _uri(path: Path) -> str:
    return path.absolute().as_uri() + "?mode=ro"


def _why(path: Path, error: Exception) -> str:
    if not path.exists():
        return f"there is no database at {path}; `sidecar serve` makes it when it starts"
    if isinstance(error, StoreRefused):
        return str(error)
    return f"{path} cannot be read as a sidecar's database: {error}"
