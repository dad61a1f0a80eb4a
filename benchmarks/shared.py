"""Shared: what several processes book on one PostgreSQL, and what a journal costs the CPU, here and there."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import psycopg

from benchmarks.machines import cpu_s
from benchmarks.sales import BUYERS, Row, booked, journal, now_us
from ledger import book
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from sidecar.http.servers import run
from sidecar.serving import spare_the_collector

ENDPOINTS: Final = 100


def shared(address: str, name: str) -> PostgresStore[PostgresTx]:
    """Return a writer of the shared book at *address*, not open yet."""
    owner = f"{name} {time.time_ns()}"
    return PostgresStore(address, owner=owner, now_us=now_us, spread=lambda below: below // 2)


async def in_use(address: str) -> None:
    """Open every account, so that no run does it for the next; and let the planner know what there is."""
    store = shared(address, "first")
    store.open()

    def unit(tx: PostgresTx, start: int) -> None:
        for number in range(start, start + 100):
            book.submit(tx, journal(f"first {number}", number, ENDPOINTS))

    for start in range(0, BUYERS, 100):
        await store.run(partial(unit, start=start))
    await store.close()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ANALYZE")


async def postgres(address: str, callers: int, seconds: float, *, prefix: str, endpoints: int) -> Row:
    """Measure the shared store, as one writer of it; and what a journal costs the CPU, here and there."""
    store = shared(address, prefix)
    store.open()
    name = f"{prefix} {time.time_ns()}"
    try:
        await booked(store, callers, 0.5, prefix=f"{name} warm ", endpoints=endpoints)
        began_s, servers_s = time.process_time(), spent_s(address)
        row = await booked(store, callers, seconds, prefix=f"{name} ", endpoints=endpoints)
        client_s, now_s = time.process_time() - began_s, spent_s(address)
    finally:
        await store.close()
    server_s = sum(now_s[process] - servers_s.get(process, 0) for process in now_s)
    costs_s = {"client_us": client_s, "server_us": server_s}
    return row | {name: round(1e6 * each / seconds / row["journals_per_s"]) for name, each in costs_s.items()}


def spent_s(address: str) -> dict[int, float]:
    """Return what CPU each server process of the book's writers has used."""
    ours = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'ledger' AND datname = current_database()"
    )
    spent: dict[int, float] = {}
    with psycopg.connect(address) as connection:
        for (process,) in connection.execute(ours).fetchall():
            with suppress(FileNotFoundError):  # its writer has ended
                spent[process] = cpu_s(process)
    return spent


async def together(address: str, seconds: float, writers: int) -> Row:
    """Measure several processes on one database; their rates are added up."""
    command = [sys.executable, "-m", "benchmarks.shared", address, "--seconds", str(seconds)]
    started = [
        await asyncio.create_subprocess_exec(*command, "--name", f"w{n}", stdout=asyncio.subprocess.PIPE)
        for n in range(writers)
    ]
    rows = [json.loads((await each.communicate())[0]) for each in started]
    added = {name: sum(row[name] for row in rows) for name in ("journals_per_s", "transfers_per_s")}
    # Each counts all server processes, and books its part of the journals that they have worked for.
    spent = {"client_us": writers, "server_us": writers**2}
    costs = {name: round(sum(row[name] for row in rows) / by) for name, by in spent.items()}
    return added | {name: max(row[name] for row in rows) for name in ("p50_ms", "p99_ms")} | costs


async def in_turns(measure: Callable[[int], Awaitable[Row]], one: int, other: int) -> dict[int, Row]:
    """Measure two cases in the order one, other, other, one: what grows meanwhile is no case's advantage."""
    rows: dict[int, list[Row]] = {one: [], other: []}
    for case in (one, other, other, one):
        rows[case].append(await measure(case))
    return {
        case: {name: round((first[name] + second[name]) / 2, 2) for name in first}
        for case, (first, second) in rows.items()
    }


def main() -> None:
    """Be one of several writers, and print what it came to."""
    parser = argparse.ArgumentParser(prog="benchmarks.shared")
    parser.add_argument("address")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--name", required=True)
    given = parser.parse_args()
    spare_the_collector()
    row = run(postgres(given.address, 64, given.seconds, prefix=given.name, endpoints=ENDPOINTS))
    print(json.dumps(row))


if __name__ == "__main__":
    main()
