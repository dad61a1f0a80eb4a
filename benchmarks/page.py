"""The page: docs/performance.md shows the last run, between two markers, as it was measured."""

from collections.abc import Sequence
from typing import Any, Final

from benchmarks import bars
from benchmarks.bars import BARS
from benchmarks.machines import ROOT
from benchmarks.measuring import Row
from benchmarks.steps import ENDS

PAGE: Final = ROOT / "docs/performance.md"
BEGIN: Final = "<!-- figures: written by python -m benchmarks --page -->"
NOT_MEASURED: Final = "not in this run"
END: Final = "<!-- end of the figures -->"


def rewrite(figures: dict[str, Any]) -> None:
    """Put *figures* between the markers."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{tables(figures)}\n{END}{after}", encoding="utf-8")


def tables(figures: dict[str, Any]) -> str:
    """Write what a run found, as tables of Markdown."""
    ran = figures["machine"]
    where = f"{ran['cores']} cores ({ran['system']}, Python {ran['python']})"
    parts = [
        f"One run on {where}, {figures['seconds']:g} seconds for each row.",
        _bars(figures["bars"]),
        _table(("subject", "c", "a second", "p50 ms", "p99 ms", "CPU us", "neighbours", "load"),
               map(_subject, figures["rows"])),
    ]  # fmt: skip
    if figures.get("steps"):
        parts.append(_steps(figures["steps"]))
    if figures.get("booked"):
        parts.append(_booked(figures["booked"]))
    return "\n\n".join(parts)


def _bars(rows: Sequence[Row]) -> str:
    """Write every bar there is, also those that this run had no figure for."""
    found = {row["bar"]: row for row in rows}
    cells = (_bar(found[bar.name]) if bar.name in found else (bar.name, NOT_MEASURED, "", "") for bar in BARS)
    return _table(("what is promised", "found", "limit", "reached"), cells)


def _bar(row: Row) -> Sequence[str]:
    return row["bar"], f"{row['figure']:g} {row['unit']}", bars.limit_of(row), bars.verdict_of(row)


def _subject(row: Row) -> Sequence[str]:
    columns = ("per_s", "p50_ms", "p99_ms", "cpu_us", "neighbours_us", "load_us")
    return row["subject"], str(row["connections"]), *(f"{row[name]:,}" for name in columns)


def _steps(rows: Sequence[Row]) -> str:
    """Write a line for each step: its CPU in each kind of call, and how long it took."""
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    found = {(row["subject"], row["step"]): row for row in rows}
    lines = []
    for step in ENDS.values():
        cells = [found.get((subject, step)) for subject in subjects]
        if any(cells):
            lines.append([step, *("" if cell is None else _cell(cell) for cell in cells)])
    total = [sum(row["cpu_us"] for row in rows if row["subject"] == subject) for subject in subjects]
    lines.append(["all", *(f"{each:,}" for each in total)])
    heads = ["step, c=1: CPU us (p50 us)", *(subject.removeprefix("sidecar: ") for subject in subjects)]
    return _table(heads, lines)


def _cell(row: Row) -> str:
    return f"{row['cpu_us']:,}" + ("" if row["p50_us"] is None else f" ({row['p50_us']:,})")


def _booked(rows: Sequence[Row]) -> str:
    columns = ("booked", "per_s", "p50_ms", "p99_ms", "cpu_us")
    heads = ("calls in the books", "a second", "p50 ms", "p99 ms", "CPU us")
    return _table(heads, ([f"{row[name]:,}" for name in columns] for row in rows))


def _table(heads: Sequence[str], rows: Any) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
