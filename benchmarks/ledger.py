"""`make bench-ledger`: how many journals a second each store books, durably; a table, and JSON beside it.

Journals have two to four transfers, one of them from a bounded account of one of 2,000
buyers. Everything is of one run on this machine: read the ratios, not the figures.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import aiosqlite

from benchmarks.machines import ROOT
from ledger import book
from ledger.accounts import Account, AccountClass, Constraint, Side
from ledger.book import Created
from ledger.money import USD, nano
from ledger.sealed import hash_chain
from ledger.store import Store, Tx
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from ledger.stores.sqlite import SqliteStore, SqliteTx
from ledger.transfers import Journal, Transfer
from tests.postgres_server import a_database, running_server

RESULT: Final = ROOT / "benchmarks/ledger.json"
BUYERS: Final = 2_000
Row = dict[str, Any]

CASH: Final = Account(("onchain",), USD, AccountClass.ASSET, Side.DEBIT)


def buyer(number: int) -> Account:
    """Return an account that may not be overdrawn, so that booking on it reads and locks it."""
    name = ("buyer", f"0x{number % BUYERS:040x}")
    return Account(name, USD, AccountClass.LIABILITY, Side.CREDIT, Constraint.NO_NEGATIVE)


def journal(name: str, number: int, endpoints: int) -> Journal:
    """Return a sale: money comes in, and two to four transfers take it to revenue and costs."""
    revenue = Account(("revenue", f"GET /{number % endpoints}"), USD, AccountClass.REVENUE, Side.CREDIT)
    payer = buyer(number * 7919)
    entries = [Transfer(f"{name}/in", debit=CASH, credit=payer, amount=nano(1_000))]
    entries += [
        Transfer(f"{name}/{part}", debit=payer, credit=revenue, amount=nano(100))
        for part in range(1 + number % 3)
    ]
    return Journal(name, "sale", tuple(entries), number)


async def booked(store: Store[Tx], callers: int, seconds: float, *, prefix: str, endpoints: int) -> Row:
    """Book from *callers* tasks for that long; every answer must be Created."""
    numbers, taken_s, transfers = count(), list[float](), 0
    began = time.perf_counter()

    async def caller() -> None:
        nonlocal transfers
        while (started := time.perf_counter()) - began < seconds:
            number = next(numbers)
            asked = journal(f"{prefix}{number}", number, endpoints)
            answer = await store.run(partial(book.submit, journal=asked))
            assert isinstance(answer, Created), answer
            taken_s.append(time.perf_counter() - started)
            transfers += len(asked.entries)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return figures(taken_s, transfers, time.perf_counter() - began)


def figures(taken_s: Sequence[float], transfers: int, elapsed_s: float) -> Row:
    """Return what a run comes to."""
    in_order = sorted(taken_s)
    return {
        "journals_per_s": round(len(in_order) / elapsed_s),
        "transfers_per_s": round(transfers / elapsed_s),
        "p50_ms": round(1e3 * in_order[len(in_order) // 2], 2),
        "p99_ms": round(1e3 * in_order[len(in_order) * 99 // 100], 2),
    }


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


async def postgres(address: str, callers: int, seconds: float, *, prefix: str, endpoints: int) -> Row:
    """Measure the shared store, as one writer of it."""
    owner = f"{prefix} {time.time_ns()}"
    store: PostgresStore[PostgresTx] = PostgresStore(
        address, owner=owner, now_us=now_us, spread=lambda below: below // 2
    )
    store.open()
    try:
        await booked(store, callers, 0.5, prefix=f"{owner} warm ", endpoints=endpoints)
        return await booked(store, callers, seconds, prefix=f"{owner} ", endpoints=endpoints)
    finally:
        await store.close()


async def together(address: str, seconds: float, writers: int) -> Row:
    """Measure several processes on one database; their rates are added up."""
    command = [sys.executable, "-m", "benchmarks.ledger", "--writer", address, "--seconds", str(seconds)]
    started = [
        await asyncio.create_subprocess_exec(*command, "--name", f"w{n}", stdout=asyncio.subprocess.PIPE)
        for n in range(writers)
    ]
    rows = [json.loads((await each.communicate())[0]) for each in started]
    added = {name: sum(row[name] for row in rows) for name in ("journals_per_s", "transfers_per_s")}
    return added | {name: max(row[name] for row in rows) for name in ("p50_ms", "p99_ms")}


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


def now_us() -> int:
    """Return microseconds since the epoch."""
    return time.time_ns() // 1_000


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
        for endpoints in (100, 1):
            row = await postgres(address, 64, seconds, prefix="one", endpoints=endpoints)
            keep(f"postgres, 64 callers, {endpoints} endpoints", row)
        keep("postgres, 1 caller", await postgres(address, 1, seconds, prefix="alone", endpoints=100))
        keep("postgres, 1 process of 64 callers", await together(address, seconds, 1))
        keep("postgres, 2 processes of 64 callers", await together(address, seconds, 2))
    return rows


def ratios(rows: dict[str, Row]) -> dict[str, float]:
    """Return what is compared, each of two figures of this run."""

    def ratio(one: str, other: str) -> float:
        return round(float(rows[one]["journals_per_s"] / rows[other]["journals_per_s"]), 2)

    return {
        "sqlite: groups / a commit each": ratio("sqlite, 64 callers", "sqlite, 64 callers, a commit each"),
        "sqlite: groups / aiosqlite": ratio("sqlite, 64 callers", "aiosqlite, 64 callers, no rules"),
        "postgres: one endpoint / spread over 100": ratio(
            "postgres, 64 callers, 1 endpoints", "postgres, 64 callers, 100 endpoints"
        ),
        "postgres: two processes / one": ratio(
            "postgres, 2 processes of 64 callers", "postgres, 1 process of 64 callers"
        ),
    }


def main() -> None:
    """Measure, print the table and write the JSON; or be one of several writers."""
    parser = argparse.ArgumentParser(prog="benchmarks.ledger")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--journals", type=int, default=100_000, help="in the chain that is verified")
    parser.add_argument("--writer", default="", help=argparse.SUPPRESS)
    parser.add_argument("--name", default="w", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.writer:
        row = asyncio.run(postgres(given.writer, 64, given.seconds, prefix=given.name, endpoints=100))
        print(json.dumps(row))
        return
    rows = asyncio.run(
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
