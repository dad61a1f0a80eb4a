"""`make bench-ledger-big`: whether a book of five million transfers is written as fast as an empty one.

Both are written in turns, so that what the machine does beside it falls on both alike; a
turn in a book that had none before begins it anew. The large file is made first, which
takes minutes, and removed at the end.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.machines import ROOT
from benchmarks.sales import Row, booked, journal, now_us
from ledger import book, folding, reports
from ledger.stores.sqlite import SqliteStore, SqliteTx
from sidecar.http.servers import run
from sidecar.serving import spare_the_collector

RESULT: Final = ROOT / "benchmarks/large_books.json"
UNIT: Final = 500
"""Journals booked by one unit while the large file is made."""
CALLERS: Final = 64


async def filled(path: Path, transfers: int) -> Row:
    """Book so many transfers, by the same rules as always."""
    store = opened(path)
    done = number = 0

    def unit(tx: SqliteTx, first: int) -> int:
        asked = [journal(f"f{n}", n, 100) for n in range(first, first + UNIT)]
        for each in asked:
            book.submit(tx, each)
        return sum(len(each.entries) for each in asked)

    began = time.perf_counter()
    while done < transfers:
        done += await store.run(partial(unit, first=number))
        number += UNIT
    await store.close()
    return {"transfers": done, "journals": number, "seconds": round(time.perf_counter() - began)}


async def turn(path: Path, seconds: float, name: str) -> Row:
    """Write a book for a while; its rate, and the CPU time of a journal, ours and the system's."""
    store = opened(path)
    try:
        await booked(store, CALLERS, 0.5, prefix=f"{name} warm ", endpoints=100)
        before_s = time.process_time()
        row = await booked(store, CALLERS, seconds, prefix=f"{name} ", endpoints=100)
        used_s = time.process_time() - before_s
    finally:
        await store.close()
    return row | {"cpu_us": round(1e6 * used_s / (row["journals_per_s"] * seconds), 1)}


def opened(path: Path) -> SqliteStore[SqliteTx]:
    """Open a book as the sidecar does."""
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=now_us)
    store.open()
    return store


def trial(path: Path) -> Row:
    """Measure the trial balance."""
    with closing(sqlite3.connect(path)) as connection:
        began = time.perf_counter()
        lines = reports.trial_balance(connection)
        return {"accounts": len(lines), "seconds": round(time.perf_counter() - began, 2)}


async def folded(path: Path) -> Row:
    """Fold all of a book, as the sidecar does bit by bit; the longest unit is what calls waited for."""
    store, folds, longest_s = opened(path), 0, 0.0
    began = time.perf_counter()
    with closing(sqlite3.connect(path)) as connection:
        while (found := folding.next_fold(connection, "")) is not None:
            started = time.perf_counter()
            assert await store.run(partial(folding.keep, folded=found))
            longest_s = max(longest_s, time.perf_counter() - started)
            folds += 1
    await store.close()
    seconds = round(time.perf_counter() - began)
    return {"folds": folds, "seconds": seconds, "longest_unit_ms": round(1e3 * longest_s, 1)}


async def measured(transfers: int, seconds: float, turns: int) -> dict[str, Row]:
    """Make the large book, then write both in turns."""
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory(prefix="bench-large-") as place:
        large = Path(place) / "large.db"
        rows["made"] = await filled(large, transfers)
        rows["made"]["MiB"] = large.stat().st_size >> 20
        print("made", rows["made"], flush=True)
        for n in range(turns):
            for name, path in (("empty", Path(place) / f"empty-{n}.db"), ("large", large)):
                rows[f"{name} {n}"] = await turn(path, seconds, f"{name} {n}")
                print(f"{name} {n}", rows[f"{name} {n}"], flush=True)
        for name, measure in (("entries alone", None), ("folding", folded), ("folded", None)):
            rows[name] = trial(large) if measure is None else await measure(large)
            print(name, rows[name], flush=True)
    return rows


def main() -> None:
    """Measure, print and write the JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.large_books")
    parser.add_argument("--transfers", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--turns", type=int, default=4)
    given = parser.parse_args()
    spare_the_collector()
    rows = run(measured(given.transfers, given.seconds, given.turns))

    def best(name: str, figure: str) -> float:
        found = [row[figure] for key, row in rows.items() if key.startswith(name)]
        return float(max(found) if figure == "journals_per_s" else min(found))

    ratios = {
        "large / empty, journals a second": round(
            best("large", "journals_per_s") / best("empty", "journals_per_s"), 2
        ),
        "large / empty, CPU of a journal": round(best("large", "cpu_us") / best("empty", "cpu_us"), 2),
    }
    print(ratios)
    RESULT.write_text(json.dumps({"rows": rows, "ratios": ratios}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
