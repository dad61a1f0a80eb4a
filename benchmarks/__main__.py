"""`make bench`: everything in one run on this machine; a table to read, and the same as JSON beside it."""

import argparse
import json
import math
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from benchmarks import bars, books, page, startup, steps, streams
from benchmarks.machines import ROOT, a_folder
from benchmarks.measuring import Row, staged
from benchmarks.subjects import SUBJECTS, Subject, can_run

RESULT: Final = ROOT / "benchmarks/result.json"
PART_OF_IT: Final = ROOT / "benchmarks/part.json"
"""What a short run found, or a part of a whole one: no page is made of it."""
QUICK_S: Final = 45.0
"""When the short run begins nothing more, so that it ends within a minute."""
PARTS: Final = ("rows", "steps", "streams", "startup", "booked")


def main() -> int:
    """Measure; 1 if a subject did not answer as it must. A bar that is missed is told, and no failure."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--quick", action="store_true", help="shorter, and only what ratios are made of")
    parser.add_argument("--only", default="", help="subjects whose name holds this")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part, or these")
    parser.add_argument("--page", action="store_true", help="put the last run into docs/performance.md")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends too
    if arguments.page:
        page.rewrite(json.loads(RESULT.read_text(encoding="utf-8")))
        return 0
    seconds = 1.0 if arguments.quick else 4.0
    parts = ("rows",) if arguments.quick or arguments.only else tuple(arguments.part or PARTS)
    chosen = [each for each in SUBJECTS if arguments.only in each.name and can_run(each)]
    measure: dict[str, Callable[[], object]] = {
        "rows": lambda: list(_shown(_rows(chosen, seconds, quick=arguments.quick))),
        "steps": lambda: steps.all_of_them(seconds),
        "streams": streams.measured,
        "startup": startup.measured,
        "booked": lambda: list(_shown(books.measured(seconds))),
    }
    figures: dict[str, Any] = {"machine": machine(), "quick": arguments.quick, "seconds": seconds}
    for part in parts:
        figures[part] = measure[part]()
        figures["bars"] = bars.held(figures)
        # Should a later part fail, this one is kept.
        (RESULT if parts == PARTS else PART_OF_IT).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(*map(bars.line, figures["bars"]), sep="\n", flush=True)
    return 0 if all(row["right"] for row in figures.get("rows", [])) else 1


def machine() -> dict[str, Any]:
    """Return what it is measured on, as far as others can make something of it."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}


def _rows(chosen: Iterable[Subject], seconds: float, *, quick: bool) -> Iterable[Row]:
    until = time.monotonic() + QUICK_S if quick else math.inf
    for subject in chosen:
        wanted = subject.quick if quick else subject.connections
        if wanted and time.monotonic() > until:
            print(f"{subject.name:<46} no time left: this machine is slow, or busy", flush=True)
        elif wanted:
            with a_folder() as folder, staged(subject, folder) as stage:
                yield from (stage.row(connections, seconds) for connections in wanted)


def _shown(rows: Iterable[Row]) -> Iterable[Row]:
    for row in rows:
        print(_line(row), flush=True)
        yield row


def _line(row: Row) -> str:
    wrong = "" if row["right"] else f"  WRONG: {row['statuses']}"
    booked = f"  with {row['booked']:,} calls booked" if "booked" in row else ""
    return (
        f"{row['subject']:<46} c={row['connections']:<3} {row['per_s']:>7,}/s"
        f"  p50 {row['p50_ms']:>7.2f} ms  p99 {row['p99_ms']:>7.2f} ms"
        f"  cpu {row['cpu_us']:>6,} us  neighbours {row['neighbours_us']:>5,}  load {row['load_us']:>5,}"
        f"{booked}{wrong}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
