"""`make bench-ledger`: how many journals a second each store books, durably; a table, and JSON beside it.

Journals have two to four transfers, one of them from a bounded account of one of 2,000
buyers. The event loop is a sidecar's, and so is how often garbage is
looked for. Everything is of one run on this machine: read the ratios, not the figures; and
where others use its cores too, those of CPU.
"""

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import aiosqlite

from benchmarks.machines import ROOT
from benchmarks.sales import Row, booked, figures, journal, now_us
from benchmarks.shared import ENDPOINTS, in_turns, in_use, postgres, together
from ledger import book
from ledger.sealed import hash_chain
from ledger.stores.sqlite import SqliteStore, SqliteTx
from ledger.transfers import Transfer
from sidecar.http.servers import run
from sidecar.serving import spare_the_collector
from tests.postgres_server import a_database, running_server

RESULT: Final = ROOT / "benchmarks/ledger.json"


async def sqlite(folder: Path, callers: int, seconds: float, group_max: int = 128) -> Row:
    """Measure the embedded store."""
    path = folder / f"{callers}-{group_max}.db"
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=now_us, group_max=group_max)
    store.open()
    try:
        return await booked(store, callers, seconds, prefix="j", endpoints=100)
    finally:
        await store.close()


async def aiosqlite_naive(folder: Path, callers: int, seconds: float) -> Row:
    """Measure a first attempt: a hop per statement and a commit per journal, no rule checked."""
    path, numbers, taken_s, transfers = folder / "naive.db", count(), list[float](), 0
    alone = asyncio.Lock()
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE journals (id TEXT PRIMARY KEY);"
            "CREATE TABLE balances (id TEXT PRIMARY KEY, n INTEGER);"
            "CREATE TABLE transfers (id TEXT PRIMARY KEY, debit TEXT, credit TEXT, n INTEGER)"
        )
        began = time.perf_counter()

        async def caller() -> None:
            nonlocal transfers
            while (started := time.perf_counter()) - began < seconds:
                number = next(numbers)
                asked = journal(f"j{number}", number, 100)
                async with alone:
                    await connection.execute("BEGIN IMMEDIATE")
                    await connection.execute("INSERT INTO journals VALUES (?)", (asked.id,))
                    for entry in asked.entries:
                        assert isinstance(entry, Transfer)
                        names = (":".join(entry.debit.id), ":".join(entry.credit.id))
                        await connection.execute(
                            "INSERT INTO transfers VALUES (?, ?, ?, ?)",
                            (entry.id, *names, entry.amount.units),
                        )
                    await connection.execute(
                        "INSERT INTO balances VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1",
                        (names[1],),
                    )
                    await connection.execute("COMMIT")
                taken_s.append(time.perf_counter() - started)
                transfers += len(asked.entries)

        await asyncio.gather(*(caller() for _ in range(callers)))
        return figures(taken_s, transfers, time.perf_counter() - began)


async def verified(folder: Path, journals: int) -> Row:
    """Measure how long it takes to recompute the chain of so many journals."""
    path = folder / "chain.db"
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=now_us)
    store.open()

    def unit(tx: SqliteTx, start: int) -> None:
        for number in range(start, start + 500):
            book.submit(tx, journal(f"j{number}", number, 100))

    for start in range(0, journals, 500):
        await store.run(partial(unit, start=start))
    await store.close()
    began = time.perf_counter()
    with closing(sqlite3.connect(path)) as connection:
        assert list(hash_chain(connection)) == []
    return {"journals": journals, "seconds": round(time.perf_counter() - began, 2)}


async def measured(seconds: float, journals: int, show: Callable[[str, Row], None]) -> dict[str, Row]:
    """Run everything, one after the other."""
    rows: dict[str, Row] = {}

    def keep(name: str, row: Row) -> None:
        rows[name] = row
        show(name, row)

    with tempfile.TemporaryDirectory(prefix="bench-ledger-") as place:
        folder = Path(place)
        keep("sqlite, 1 caller", await sqlite(folder, 1, seconds))
        keep("sqlite, 64 callers", await sqlite(folder, 64, seconds))
        keep("sqlite, 64 callers, a commit each", await sqlite(folder, 64, seconds, group_max=1))
        keep("aiosqlite, 64 callers, no rules", await aiosqlite_naive(folder, 64, seconds))
        keep("sqlite, verify the chain", await verified(folder, journals))
    with running_server(durable=True) as server, a_database(server) as address:
        await in_use(address)
        spread = await in_turns(
            lambda endpoints: postgres(address, 64, seconds, prefix="one", endpoints=endpoints), ENDPOINTS, 1
        )
        for endpoints, row in spread.items():
            keep(f"postgres, 64 callers, {endpoints} endpoints", row)
        keep("postgres, 1 caller", await postgres(address, 1, seconds, prefix="alone", endpoints=ENDPOINTS))
        writing = await in_turns(lambda writers: together(address, seconds, writers), 1, 2)
        for writers, row in writing.items():
            keep(f"postgres, processes of 64 callers: {writers}", row)
    return rows


def ratios(rows: dict[str, Row]) -> dict[str, float]:
    """Return what is compared, each of two figures of this run."""

    def ratio(one: str, other: str) -> float:
        return round(float(rows[one]["journals_per_s"] / rows[other]["journals_per_s"]), 2)

    def cpu(one: str, other: str) -> float:
        spent = [rows[name]["client_us"] + rows[name]["server_us"] for name in (one, other)]
        return round(float(spent[0] / spent[1]), 2)

    return {
        "sqlite: groups / a commit each": ratio("sqlite, 64 callers", "sqlite, 64 callers, a commit each"),
        "sqlite: groups / aiosqlite": ratio("sqlite, 64 callers", "aiosqlite, 64 callers, no rules"),
        "postgres: one endpoint / spread over 100": ratio(
            "postgres, 64 callers, 1 endpoints", "postgres, 64 callers, 100 endpoints"
        ),
        "postgres: two processes / one": ratio(
            "postgres, processes of 64 callers: 2", "postgres, processes of 64 callers: 1"
        ),
        "postgres: CPU of a journal, one endpoint / spread": cpu(
            "postgres, 64 callers, 1 endpoints", "postgres, 64 callers, 100 endpoints"
        ),
        "postgres: CPU of a journal, two processes / one": cpu(
            "postgres, processes of 64 callers: 2", "postgres, processes of 64 callers: 1"
        ),
    }


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.ledger")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--journals", type=int, default=100_000, help="in the chain that is verified")
    given = parser.parse_args()
    spare_the_collector()
    rows = run(
        measured(
            given.seconds,
            given.journals,
            lambda name, row: print(
                f"{name:<40}", *(f"{key} {value:<10}" for key, value in row.items()), flush=True
            ),
        )
    )
    compared = ratios(rows)
    for name, value in compared.items():
        print(f"{name:<45} {value}")
    RESULT.write_text(json.dumps({"rows": rows, "ratios": compared}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
