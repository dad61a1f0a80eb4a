"""`make bench-ledger-big`: how long a margin table takes over a million calls, by each unit, in both stores.

The calls are written in bulk, with two cost lines each and without the payments and
journals that no margin table reads. Buyers, sessions and runs are spread over all of the
time, which is the worst that can be added up: a chunk has nearly as many runs as calls. The
table by 10,000 sessions is the longest that is answered; that by 50,000 runs is refused.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg

from benchmarks.machines import ROOT, cpu_s
from benchmarks.sales import Row, journal, now_us
from ledger import book
from ledger.folding import FoldableTx, has_turn
from sidecar.adapters.storage.costs import insert
from sidecar.adapters.storage.opening import OpenStorage, open_at
from sidecar.adapters.storage.reading import Place, fetch, open_read_only
from sidecar.adapters.system import SystemClock
from sidecar.domain.events import Event
from sidecar.finops.margins import UNITS, TableTooLong, margin_object, parameters
from sidecar.folding import Folding
from tests.postgres_server import a_database, running_server

R = TypeVar("R")

RESULT: Final = ROOT / "benchmarks/large_margins.json"
OWNER: Final = "benchmark"
UNIT: Final = 5_000
"""Calls written by one unit."""
BEGAN_US: Final = 1_767_225_600_000_000
EVERY_US: Final = 2_592_000
"""Between two calls: a million of them take a month."""
LOOKS: Final = 4
"""Until the largest blocks are there: each look makes what the one before made possible."""
SPREAD: Final = 7_919
"""A prime, so that a number times it goes through all buyers, or runs, before it comes back."""

ENDPOINTS: Final = 20
BUYERS: Final = 2_000
SESSIONS: Final = 10_000
RUNS: Final = 50_000
MODELS: Final = ("gpt-4o", "claude-sonnet", "mistral-large")


def call(n: int) -> dict[str, object]:
    """Return a call as it is stored: of a hundred one failed, and one is not settled yet."""
    failed, unsettled = n % 100 == 7, n % 100 == 11
    return {
        "id": f"call_{n:026d}",
        "at_us": BEGAN_US + n * EVERY_US,
        "endpoint": f"POST /tools/{n % ENDPOINTS}",
        "method": "POST",
        "target": f"/tools/{n % ENDPOINTS}",
        "buyer": f"0x{n * SPREAD % BUYERS:040x}",
        "network": "eip155:8453",
        "price_nano": 10_000_000,
        "held_nano": 10_000_000,
        "captured_nano": 0 if failed else 10_000_000,
        "price_version": 1,
        "owner": OWNER,
        "run": f"run_{n * SPREAD % RUNS:08d}",
        "session": f"session_{n * SPREAD % SESSIONS:08d}",
        "workflow": f"workflow-{n % 5}",
        "agent": f"agent-{n % 50}",
        "workspace": f"workspace-{n % 3}",
        "settlement": "none" if failed else "unknown" if unsettled else "settled",
        "outcome": "failed" if failed else "served",
        "status": 502 if failed else 200,
        "closed_us": BEGAN_US + n * EVERY_US + 900_000,
    }


def lines(n: int) -> tuple[dict[str, object], dict[str, object]]:
    """Return its cost lines: a model's, of which one of fifty is unknown, and a tool's or a fee."""
    unknown, tool = n % 50 == 3, n % 3 > 0
    shared = {
        "call_id": f"call_{n:026d}",
        "response_id": "",
        "step": "",
        "attempt": 1,
        "booked": 1,
        "retry": 0,
    }
    stands = {"booked": 1, "retry": 0}
    model = {
        "n": 0,
        "kind": "model",
        "name": MODELS[n % 3],
        "amount_nano": None if unknown else 3_000_000 + n % 1_000,
        "basis": "unknown" if unknown else "reported",
        "rate": "2026-01",
        "source": "usage",
        "provider": "a provider",
    }
    other = {
        "n": 1,
        "kind": "tool" if tool else "fee",
        "name": "web_search" if tool else "settlement",
        "amount_nano": 400_000,
        "basis": "measured",
        "rate": "",
        "source": "tariff",
        "provider": "",
    }
    return shared | model | stands, shared | other | stands


def write(tx: FoldableTx, first: int, last: int) -> None:
    """Write calls and their lines by the statements of the columns they have."""
    for table, rows in written(first, last).items():
        sql = insert(table, (*rows[0],))
        tx.connection.executemany(sql, [(*row.values(),) for row in rows])


def written(first: int, last: int) -> Mapping[str, Sequence[Mapping[str, object]]]:
    """Return the rows of so many calls by their tables."""
    return {
        "calls": [call(n) for n in range(first, last)],
        "cost_evidence": [line for n in range(first, last) for line in lines(n)],
    }


async def filled(storage: OpenStorage, place: Place, calls: int) -> Row:
    """Write so many calls; into a PostgreSQL as a copy of them is, without triggers."""
    began = time.perf_counter()
    for first in range(0, calls, UNIT):
        last = min(first + UNIT, calls)
        if isinstance(place, Path):
            await storage.run(partial(write, first=first, last=last))
        else:
            copy(place, first, last)
    return {"calls": calls, "seconds": round(time.perf_counter() - began)}


def copy(address: str, first: int, last: int) -> None:
    """Write calls and their lines as a backup is read in."""
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table, rows in written(first, last).items():
            with cursor.copy(f"COPY {table} ({', '.join(rows[0])}) FROM STDIN") as pipe:
                for row in rows:
                    pipe.write_row((*row.values(),))


async def turn(storage: OpenStorage, address: str) -> None:
    """Wait for the turn to fold, which the process has that seals what it has booked."""
    await storage.run(partial(book.submit, journal=journal("first", 1, 1)))
    with closing(open_read_only(address)) as connection:
        while not has_turn(connection, OWNER):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.1)


def asked(by: str, calls: int, share: float) -> Mapping[str, object]:
    """Return what is asked for a share of the time, from somewhere in a chunk to somewhere in another."""
    if share == 1:
        return parameters(by, None, None)
    from_us = BEGAN_US + int(calls * 0.3) * EVERY_US + 7
    return parameters(by, from_us, from_us + int(calls * share) * EVERY_US)


def table(place: Place, by: str, question: Mapping[str, object]) -> Row:
    """Make a table as the command does; the seconds of its query and its answer, and their CPU time.

    That of a PostgreSQL's process for this connection is in it.
    """
    with closing(open_read_only(place)) as connection:
        theirs = None
        if isinstance(place, str):
            (theirs,) = connection.execute("SELECT pg_backend_pid()").fetchone()
        began, used = time.perf_counter(), spent_s(theirs)
        rows = fetch(connection, "margin", question)
        read = time.perf_counter()
        try:
            margin_object(by, None, None, rows)
        except TableTooLong:
            refused = True
        else:
            refused = False
        ended, spent = time.perf_counter(), spent_s(theirs) - used
    return {
        "rows": "too many" if refused else len(rows),
        "query_s": round(read - began, 2),
        "answer_s": round(ended - read, 2),
        "cpu_s": round(spent, 2),
    }


def spent_s(other: int | None) -> float:
    """Return the CPU time of this process and of another one."""
    return time.process_time() + (0.0 if other is None else cpu_s(other))


class Loud:
    """Lets nothing that goes wrong pass unseen."""

    def saw(self, event: Event) -> None:
        """Fail."""
        raise AssertionError(event)


async def kept(storage: OpenStorage, place: Place) -> Row:
    """Add up all of it, as the sidecar does bit by bit; the longest unit is what a call would wait for."""
    longest_s, units = 0.0, 0

    class Watched:
        async def run(self, unit: Callable[[Any], R]) -> R:
            nonlocal longest_s, units
            began = time.perf_counter()
            answer = await storage.run(unit)
            longest_s, units = max(longest_s, time.perf_counter() - began), units + 1
            return answer

    if isinstance(place, str):
        await turn(storage, place)
    began, used = time.perf_counter(), time.process_time()
    folding = Folding(Watched(), place, OWNER, SystemClock(), Loud())
    for _ in range(LOOKS):
        await folding.look()
    return {
        "seconds": round(time.perf_counter() - began),
        "cpu_s": round(time.process_time() - used, 1),
        "units": units,
        "longest_unit_ms": round(1e3 * longest_s, 1),
    }


async def measured(name: str, place: Place, calls: int) -> dict[str, Row]:
    """Write the calls, and make every table before and after they are added up."""
    rows: dict[str, Row] = {}

    def note(what: str, row: Row) -> None:
        rows[f"{name}, {what}"] = row
        print(f"{name}, {what:<32}", *(f"{key} {value:<10}" for key, value in row.items()), flush=True)

    storage = open_at(place, now_us, OWNER)
    try:
        note("made", await filled(storage, place, calls))
        for by in ("endpoint", "session"):
            note(f"by {by}, call by call", table(place, by, asked(by, calls, 1)))
        note("added up", await kept(storage, place))
        for share in (1, 0.3, 0.01):
            for by in UNITS:
                note(f"by {by}, {share:.0%} of the time", table(place, by, asked(by, calls, share)))
    finally:
        await storage.close()
    return rows


def main() -> None:
    """Measure, print and write the JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.large_margins")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    given = parser.parse_args()
    rows: dict[str, Row] = {}
    if given.only != "postgres":
        with tempfile.TemporaryDirectory(prefix="bench-margins-") as folder:
            rows |= asyncio.run(measured("sqlite", Path(folder) / "calls.db", given.calls))
    if given.only != "sqlite":
        with running_server(durable=True) as server, a_database(server) as address:
            rows |= asyncio.run(measured("postgres", address, given.calls))
    RESULT.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
