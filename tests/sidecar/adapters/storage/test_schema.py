"""Books of every earlier schema are brought to the newest with all that is in them, and go on."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ledger import sealing
from ledger.stores import migrate
from ledger.stores.migrate import APPLICATION_ID, Version
from ledger.stores.postgres import dialect, schema
from ledger.stores.postgres.connecting import connect
from sidecar.adapters.storage.schema import SCHEMA, SHARED_SCHEMA
from sidecar.adapters.storage.sealed import verify_books
from sidecar.domain.closing import Ending
from tests.ledger.stores.postgres.test_store import sealed
from tests.postgres_server import a_database
from tests.sidecar.adapters.storage.test_postgres import SIGNER, answers, lived
from tests.sidecar.builders import Books, open_books, verified

LEDGER = len(migrate.ledger_migrations())
EARLIER = [
    *(Version(ledger, 1) for ledger in range(1, LEDGER)),
    *(Version(LEDGER, application) for application in range(1, len(SCHEMA))),
]
"""Each schema that there was, in their order; a new script of either part adds one."""


@pytest.mark.parametrize("version", EARLIER, ids=str)
async def test_an_earlier_file_goes_on(tmp_path: Path, version: Version) -> None:
    """Every question is answered as before, the seals hold, and the next call is sold."""
    old = tmp_path / "old"
    old.mkdir()
    async with open_books(tmp_path) as books:
        await lived(books)
        expected = answers(books)
    scripts = [*migrate.ledger_migrations()[: version.ledger], *SCHEMA[: version.application]]
    with closing(sqlite3.connect(old / "sidecar.db", isolation_level=None)) as connection:
        connection.executescript("\n".join(scripts))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version.ledger * 1000 + version.application}")
        connection.execute("ATTACH ? AS newest", (str(tmp_path / "sidecar.db"),))
        for table in tables(connection, "main"):
            columns = ", ".join(
                name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
            )
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM newest.{table}")

    async with open_books(old) as books:
        assert answers(books) == expected
        await goes_on(books)
        with closing(sqlite3.connect(old / "sidecar.db")) as connection:
            assert migrate.version(connection, old, SCHEMA) == migrate.newest(SCHEMA)


@pytest.mark.parametrize("version", EARLIER, ids=str)
async def test_an_earlier_database_goes_on(
    tmp_path: Path, postgres: str, postgres_server: str, version: Version
) -> None:
    """The same of a PostgreSQL."""
    async with open_books(tmp_path, postgres) as books:
        await lived(books)
        await sealed(postgres)
        expected = answers(books)
    with a_database(postgres_server) as address:
        with connect(address) as connection, connect(postgres) as newest:
            made(
                connection, schema.ledger_migrations()[: version.ledger], SHARED_SCHEMA[: version.application]
            )
            connection.execute("SET session_replication_role = replica")
            for table in shared_tables(connection):
                copied(newest, connection, table)
            for table, column in (("accounts", "no"), ("journals", "seq"), ("payments", "no")):
                drawn = f"setval(pg_get_serial_sequence('{table}', '{column}'), max({column}))"
                connection.execute(f"SELECT {drawn} FROM {table}")

        async with open_books(tmp_path, address) as books:
            assert answers(books) == expected
            await goes_on(books)
            with connect(address) as connection:
                found = schema.version(connection, "here", SHARED_SCHEMA)
            assert found == Version(LEDGER, len(SHARED_SCHEMA))


def test_chunks_of_earlier_books_are_numbered(postgres: str) -> None:
    """In the order of their calls: a block finds its own by number."""
    add = (
        "INSERT INTO margin_chunks (last, after, version, at_min_us, at_max_us)"
        " VALUES ('c', 'b', 1, 0, 0), ('a', '', 1, 0, 0), ('b', 'a', 1, 0, 0)"
    )
    with closing(sqlite3.connect(":memory:")) as connection, connect(postgres) as shared:
        connection.executescript("\n".join((*SCHEMA[:2], f"{add};", SCHEMA[2])))
        made(shared, schema.ledger_migrations(), SHARED_SCHEMA[:2])
        shared.execute(add)
        shared.execute(dialect.schema(SHARED_SCHEMA[2]))
        for each in (connection, shared):
            found = each.execute("SELECT last, n FROM margin_chunks ORDER BY n").fetchall()
            assert found == [("a", 1), ("b", 2), ("c", 3)]


async def goes_on(books: Books) -> None:
    """Sell a call, sign the books and verify them."""
    await books.close(await books.settled(verified(nonce=77, call="call_77"), 77), Ending.DELIVERED)
    if isinstance(books.place, str):
        await sealed(books.place)
    await books.storage.run(partial(sealing.seal, signer=SIGNER))
    verdict = verify_books(books.place, SIGNER.public_key)
    assert (verdict["verified"], verdict["signed_journals"]) == (True, verdict["journals"])


def tables(connection: sqlite3.Connection, where: str) -> list[str]:
    query = f"SELECT name FROM {where}.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    return [name for (name,) in connection.execute(query)]


def made(connection: "psycopg.Connection[Any]", ledger: Sequence[str], application: Sequence[str]) -> None:
    """Make what `migrate` made when there were only these scripts."""
    connection.execute("CREATE TABLE ledger_versions (part text PRIMARY KEY, number bigint NOT NULL)")
    for script in (*ledger, *map(dialect.schema, application)):
        connection.execute(script)
    numbers = {"ledger": len(ledger), "application": len(application)}
    connection.cursor().executemany("INSERT INTO ledger_versions VALUES (%s, %s)", [*numbers.items()])


def shared_tables(connection: "psycopg.Connection[Any]") -> Iterable[str]:
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND relname NOT IN ('ledger_versions', 'writers')"
    )
    return [name for (name,) in found.fetchall()]


def copied(source: "psycopg.Connection[Any]", target: "psycopg.Connection[Any]", table: str) -> None:
    """Copy a table's rows in place of what a script has put there."""
    target.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    columns = [name for name, *_ in target.execute(f"SELECT * FROM {table}").description or ()]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    where = sql.Identifier(table)
    rows = source.execute(sql.SQL("SELECT {} FROM {}").format(names, where)).fetchall()
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    target.cursor().executemany(sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(where, names, marks), rows)
