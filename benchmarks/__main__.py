"""`make bench`: every subject in one run on this machine; a table to read, and the same as JSON beside it."""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.machines import OTHER_CORE, ROOT, Server, on, python, started
from benchmarks.payments import headers
from benchmarks.subjects import SUBJECTS, Places, Subject, can_run, serving

RESULT: Final = ROOT / "benchmarks/result.json"
PAYMENTS_PER_S: Final = 9_000
"""How many payments are signed per second of a run, at most; a faster server ends early."""
Row = dict[str, Any]


def main() -> int:
    """Measure; 1 if a subject did not answer as it must."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--quick", action="store_true", help="shorter runs, and only what ratios are made of")
    parser.add_argument("--only", default="", help="subjects whose name holds this")
    arguments = parser.parse_args()
    seconds = 2.0 if arguments.quick else 4.0
    chosen = [each for each in SUBJECTS if arguments.only in each.name and can_run(each)]
    rows = []
    for subject in chosen:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            for row in _measured(subject, seconds, Path(folder)):
                rows.append(row)
                print(_line(row), flush=True)
    RESULT.write_text(json.dumps({"seconds": seconds, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row["right"] for row in rows) else 1


def _measured(subject: Subject, seconds: float, folder: Path) -> list[Row]:
    neighbours = python("-m", "benchmarks.neighbours")
    with started(neighbours, OTHER_CORE, folder, announces=True) as (_, ports):
        places = Places(*(f"http://127.0.0.1:{ports[name]}" for name in ("agent", "facilitator", "node")))
        with serving(subject, places, folder) as server:
            _run(subject, server, 4, 0.5, folder)  # warms up, and makes wallets known
            return [
                _row(subject, server, connections, seconds, folder) for connections in subject.connections
            ]


def _row(subject: Subject, server: Server, connections: int, seconds: float, folder: Path) -> Row:
    run, cpu_s = _run(subject, server, connections, seconds, folder)
    count = run["statuses"].get(subject.status, 0)
    return {
        "subject": subject.name,
        "connections": connections,
        "per_s": round(run["count"] / run["seconds"]),
        "cpu_us": round(1e6 * cpu_s / max(1, run["count"])),
        "p50_ms": round(run["p50_ms"], 2),
        "p99_ms": round(run["p99_ms"], 2),
        "statuses": run["statuses"],
        "right": count == run["count"] > 0,
    }


def _run(
    subject: Subject, server: Server, connections: int, seconds: float, folder: Path
) -> tuple[dict[str, Any], float]:
    file = "-"
    method, _, path = subject.line.partition(" ")
    if subject.paid:
        signed = headers(int(seconds * PAYMENTS_PER_S), f"http://127.0.0.1:{server.port}{path}")
        (folder / "payments").write_bytes(b"\n".join(signed))
        file = str(folder / "payments")
    before_s = server.cpu_s
    load = python("-m", "benchmarks.load", str(server.port), str(connections))
    told = subprocess.run(
        [*on(OTHER_CORE, load), str(seconds), f"{method} {path}", file],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    return json.loads(told), server.cpu_s - before_s


def _line(row: Row) -> str:
    wrong = "" if row["right"] else f"  WRONG: {row['statuses']}"
    return (
        f"{row['subject']:<46} c={row['connections']:<3} {row['per_s']:>7,}/s  cpu {row['cpu_us']:>6,} us"
        f"  p50 {row['p50_ms']:>7.2f} ms  p99 {row['p99_ms']:>7.2f} ms{wrong}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
