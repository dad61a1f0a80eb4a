"""Connecting: a connection whose server keeps what it acknowledges, with a limit on every wait.

No sentence repeats the address as it was given: it may hold a password.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import conninfo
from psycopg.types.string import TextLoader

from ledger.store import StoreNotReached, StoreUnfit
from ledger.stores.postgres.dialect import Whole

# It warns of every pipeline that ends with an error, which is how a unit learns that it must wait.
logging.getLogger("psycopg").setLevel(logging.ERROR)

SERVER_VERSION_MIN: Final = 140_000


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a connection waits at most, milliseconds but for `connect_s`."""

    connect_s: int = 5
    statement_ms: int = 10_000
    lock_ms: int = 5_000
    idle_ms: int = 5_000
    """Between two statements of a transaction: a process that stands still must not keep others waiting."""
    gone_s: int = 10
    """For a sign of life: a server that has vanished holds nobody to its limits, and TCP waits for hours."""


def place_of(address: str) -> str:
    """Return host and database of *address*, for sentences; nothing secret."""
    try:
        parts = conninfo.conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        return "the PostgreSQL address"
    host, port, database = parts.get("host") or "this machine", parts.get("port"), parts.get("dbname")
    return f"PostgreSQL database {database or 'of the default name'} at {host}{f':{port}' if port else ''}"


WAITS: Final = Waits()
"""The limits where nobody asks for others."""


def connect(address: str, *, waits: Waits = WAITS, read_only: bool = False) -> "psycopg.Connection[Any]":
    """Open a connection in autocommit mode; `psycopg.Error` if it cannot be had.

    What the address itself says of how long a silent server is waited for holds.
    """
    limited = conninfo.make_conninfo(**(_silence(waits) | conninfo.conninfo_to_dict(address)))
    connection = psycopg.connect(
        limited, autocommit=True, connect_timeout=waits.connect_s, application_name="ledger"
    )
    try:
        connection.adapters.register_loader("numeric", Whole)
        connection.adapters.register_loader("json", TextLoader)  # as SQLite gives it
        connection.execute(
            f"SET statement_timeout = {waits.statement_ms}; SET lock_timeout = {waits.lock_ms};"
            f"SET idle_in_transaction_session_timeout = {waits.idle_ms};"
            f"SET default_transaction_isolation = 'read committed'; SET timezone = 'UTC';"
            f"SET client_encoding = 'UTF8';"
            f"SET default_transaction_read_only = {'on' if read_only else 'off'}"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _silence(waits: Waits) -> dict[str, Any]:
    """Return libpq's limits on silence: of a server that owes an answer, and of one that has not heard us."""
    return {
        "keepalives": 1,
        "keepalives_idle": max(waits.gone_s // 2, 1),
        "keepalives_interval": 1,
        "keepalives_count": max(waits.gone_s // 2, 1),
        "tcp_user_timeout": waits.gone_s * 1000,
    }


def refuse_unfit(connection: "psycopg.Connection[Any]", place: str) -> None:
    """Raise StoreUnfit with one sentence if the server would not keep a book as promised."""
    version = connection.info.server_version
    if version < SERVER_VERSION_MIN:
        raise StoreUnfit(f"{place} is PostgreSQL {version // 10_000}; 14 or newer is needed")
    asked = (
        "SELECT pg_is_in_recovery(), current_setting('synchronous_commit'),"
        " current_setting('server_encoding'), current_setting('transaction_read_only')"
    )
    standby, commits, encoding, read_only = connection.execute(asked).fetchone() or (None,) * 4
    if standby:
        raise StoreUnfit(f"{place} is a standby; the books are written on the primary")
    if read_only == "on":
        raise StoreUnfit(f"{place} is read-only")
    if commits == "off":
        raise StoreUnfit(f"{place} has synchronous_commit off: it would lose what it acknowledged")
    if encoding != "UTF8":
        raise StoreUnfit(f"{place} has the encoding {encoding}; UTF8 is needed")


def opened(address: str, waits: Waits) -> "psycopg.Connection[Any]":
    """Open a connection to a server that is fit; StoreUnfit or StoreNotReached with one sentence if not."""
    place = place_of(address)
    try:
        connection = connect(address, waits=waits)
    except psycopg.Error as error:
        raise StoreNotReached(f"{place} cannot be reached: {reason(error)}") from error
    try:
        refuse_unfit(connection, place)
    except BaseException:
        connection.close()
        raise
    return connection


def reason(error: psycopg.Error) -> str:
    """Return what the server or the network said, in one line: the first, whose end says why."""
    said = error.diag.message_primary or str(error).strip().partition("\n")[0].rpartition(" failed: ")[2]
    return said.strip() or type(error).__name__
