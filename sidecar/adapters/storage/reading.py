"""Reading: the named read-only queries, for the server and for commands beside it. Writes nothing.

Books are at a path, or at the address of a PostgreSQL. One query is one
statement, so its rows are of one moment. Nothing here waits for the writer, nor
the writer for it: readers see the last commit.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Protocol, overload

import aiosqlite

from ledger import queries
from ledger.queries import Query, Reads
from ledger.store import StoreRefused
from ledger.stores import migrate
from ledger.stores.migrate import Version
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


Place = Path | str
"""Where books are: the path of a file, or the address of a PostgreSQL database."""


READ_MS: Final = 600_000
"""How long a reader's statement may take, and the work on its rows: an audit of large books takes minutes."""


def name_of(place: Place) -> str:
    """Return what sentences call the books at *place*; an address may carry a password."""
    return str(place) if isinstance(place, Path) else "the database"


class Opened(Reads, Protocol):
    """Open books; reads of them block."""

    def close(self) -> None:
        """Let go of them."""
        ...


@overload
def open_read_only(place: Path) -> sqlite3.Connection: ...
@overload
def open_read_only(place: Place) -> Opened: ...
def open_read_only(place: Place) -> Opened:
    """Open the books at *place* for reading only, beside a running sidecar or without one."""
    return _open_file(place) if isinstance(place, Path) else _open_shared(place)


def _open_file(path: Path) -> sqlite3.Connection:
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
    _must_be_newest(str(path), migrate.version(connection, path, SCHEMA))


def _must_be_newest(name: str, found: Version) -> None:
    newest = migrate.newest(SCHEMA)
    if found != newest:
        raise Unreadable(
            f"{name} has schema {found.ledger}.{found.application}, and this version reads only "
            f"{newest.ledger}.{newest.application}: `sidecar serve` of this version brings it there"
        )


def _open_shared(address: str) -> Opened:
    import psycopg  # noqa: PLC0415 only where a config names a PostgreSQL

    from ledger.stores.postgres import schema  # noqa: PLC0415
    from ledger.stores.postgres.connecting import Waits, connect, place_of, reason  # noqa: PLC0415
    from ledger.stores.postgres.dialect import Connection  # noqa: PLC0415

    name = place_of(address)
    try:
        connection = connect(address, waits=Waits(statement_ms=READ_MS, idle_ms=READ_MS), read_only=True)
    except psycopg.Error as error:
        raise Unreadable(f"{name} cannot be read as a sidecar's database: {reason(error)}") from error
    try:
        _must_be_newest(name, schema.version(connection, name, SCHEMA) or Version(0, 0))
    except psycopg.Error as error:
        connection.close()
        raise Unreadable(f"{name} cannot be read as a sidecar's database: {reason(error)}") from error
    except StoreRefused as refused:
        connection.close()
        raise Unreadable(str(refused)) from refused
    except Unreadable:
        connection.close()
        raise
    return Connection(connection)


def fetch(connection: Reads, query: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Run the named *query* and return its rows by column name."""
    try:
        cursor = connection.execute(READS[query].sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]
    except Exception as error:
        if not of_database(error):
            raise
        raise Unreadable(f"the query {query} could not be answered: {error}") from error


def of_database(error: Exception) -> bool:
    """Tell whether a database raised *error*. Every driver names its own after the same standard."""
    return any(kind.__name__ == "Error" and kind.__module__ in _DRIVERS for kind in type(error).__mro__)


_DRIVERS: Final = ("sqlite3", "psycopg")


class SharedReader:
    """The same queries in a PostgreSQL without blocking the event loop: one connection, had again if lost."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: Opened | None = None
        self._alone = asyncio.Lock()

    async def open(self) -> None:
        """Open the books, which must exist; Unreadable says why not."""
        self._connection = await asyncio.to_thread(open_read_only, self._address)

    async def close(self) -> None:
        """Release the connection; safe at any time and more than once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def fetch(self, query: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run the named *query* and return its rows by column name."""
        async with self._alone:
            if self._connection is None:
                await self.open()
            assert self._connection is not None, "what was opened is open"
            try:
                return await asyncio.to_thread(fetch, self._connection, query, parameters)
            except Unreadable:
                await self.close()
                raise


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


AnyReader = Reader | SharedReader


def reader_of(place: Place) -> AnyReader:
    """Return the reader of the books at *place*, not open yet."""
    return Reader(place) if isinstance(place, Path) else SharedReader(place)


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
