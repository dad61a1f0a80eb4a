"""Steps: what a paid call spends on each, one call at a time, so that all its process does is this call's."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

from benchmarks.machines import a_folder
from benchmarks.measuring import Row, staged
from benchmarks.subjects import SUBJECTS, Subject

ENDS: Final = {
    "decoded": "decode",
    "checked": "verify",
    "admitted": "admit",
    "funded": "funds",
    "forwarded": "forward",
    "sending": "sending",
    "asked": "settle",
    "recorded": "result",
    "started": "answer",
    "streamed": "body",
    "closed": "close",
    "after": "after",
}
"""The steps in their order, by what is passed when each ends. What a call does not pass, it has not.

`after` is the rest of the process's CPU: parsing before the app, lines of the log, settling behind, reports.
"""
PAUSE_S: Final = 0.01
"""Between two calls, so that one is closed before the next arrives."""
STEPPED: Final = tuple(subject for subject in SUBJECTS if subject.steps)


def measured(subject: Subject, seconds: float, folder: Path) -> list[Row]:
    """Return a row for each step of the subject's calls: its time (median) and its CPU (mean)."""
    told = folder / "steps"
    watched = replace(subject, server="stepped")
    with staged(watched, folder, BENCHMARK_STEPS=str(told)) as stage:
        cpu_s = stage.server.cpu_s
        count = stage.run(1, seconds, pause_s=PAUSE_S)["count"]
        cpu_us = 1e6 * (stage.server.cpu_s - cpu_s) / max(1, count)
    calls = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()][-count:]
    return _rows(subject.name, calls, cpu_us)


def _rows(name: str, calls: list[Any], cpu_us: float) -> list[Row]:
    """Put together what each call noted: `[point, nanoseconds, nanoseconds of CPU]`, from its arrival on."""
    taken: dict[str, list[tuple[float, float]]] = {}
    for call in calls:
        passed = [each for each in call if each[0] in {"arrived", *ENDS}]
        for (_, began, cpu_began), (point, ended, cpu_ended) in pairwise(passed):
            taken.setdefault(point, []).append(((ended - began) / 1e3, (cpu_ended - cpu_began) / 1e3))
    rows: list[Row] = [
        {
            "subject": name,
            "step": step,
            "p50_us": round(median(wall for wall, _ in taken[point])),
            "cpu_us": round(fmean(cpu for _, cpu in taken[point])),
        }
        for point, step in ENDS.items()
        if point in taken
    ]
    rest = round(cpu_us) - sum(row["cpu_us"] for row in rows)
    return [*rows, {"subject": name, "step": ENDS["after"], "p50_us": None, "cpu_us": rest}]


def line(row: Row) -> str:
    """Write a row for people."""
    waited = "" if row["p50_us"] is None else f"p50 {row['p50_us']:>6,} us"
    return f"{row['subject']:<46} {row['step']:<8} cpu {row['cpu_us']:>6,} us  {waited}"


def all_of_them(seconds: float) -> list[Row]:
    """Measure each subject whose steps are told, and print its rows."""
    rows = []
    for subject in STEPPED:
        with a_folder() as folder:
            for row in measured(subject, seconds, folder):
                rows.append(row)
                print(line(row), flush=True)
    return rows
