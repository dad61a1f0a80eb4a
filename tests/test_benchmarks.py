"""What is measured is what is told: the page, the bars and the steps follow the tables in the code."""

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bars, page, steps
from benchmarks.bars import BARS, Bar
from benchmarks.subjects import SUBJECTS, named

PAGE = (Path(__file__).resolve().parent.parent / "docs/performance.md").read_text(encoding="utf-8")
SHOWN = PAGE.partition(page.BEGIN)[2].partition(page.END)[0]


def a_row(subject: str, connections: int, **columns: float) -> dict[str, Any]:
    told = {"per_s": 100, "p50_ms": 1.0, "p99_ms": 2.0, "cpu_us": 300, "neighbours_us": 5, "load_us": 6}
    return {"subject": subject, "connections": connections, **told, **columns}


def a_run(**parts: Any) -> dict[str, Any]:
    """What a whole run finds, with every figure a bar is made of."""
    rows = [a_row(each.name, connections) for each in SUBJECTS for connections in each.connections]
    found: dict[str, Any] = {
        "machine": {"cores": 2, "system": "Linux", "python": "3.11.7"},
        "seconds": 4.0,
        "rows": rows,
        "steps": [{"subject": "sidecar: deferred", "step": "admit", "p50_us": 1500, "cpu_us": 1200}],
        "streams": {"streams_mib": 100, "first_byte_ms": 1, "body_mib": 3},
        "startup": {"seconds": 1.2},
        "booked": [
            a_row("sidecar: deferred", 32, booked=0),
            a_row("sidecar: deferred", 32, booked=100_000, per_s=96),
        ],
        **parts,
    }
    return found | {"bars": bars.held(found)}


def first_cells(table: str) -> list[str]:
    """The first column of the lines of Markdown tables, heads left out."""
    return re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)


def test_the_page_shows_the_subjects_there_are() -> None:
    """A subject that is gone is not told of, and a new one is not kept quiet."""
    named_there = set(first_cells(SHOWN))

    assert {each.name for each in SUBJECTS} <= named_there
    assert {name for name in named_there if re.match("sidecar|official|plain", name)} <= {
        each.name for each in SUBJECTS
    }


def test_the_page_shows_the_bars_there_are() -> None:
    """Each promise is told with its limit, reached or not."""
    assert {each.name for each in BARS} <= set(first_cells(SHOWN))


def test_the_page_is_what_a_run_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands around the figures stays; the figures are the run's, and a second time the same."""
    own = tmp_path / "performance.md"
    own.write_text(f"before\n\n{page.BEGIN}\nold\n{page.END}\n\nafter\n", encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", own)

    page.rewrite(a_run())
    once = own.read_text(encoding="utf-8")
    page.rewrite(a_run())

    assert once.startswith(f"before\n\n{page.BEGIN}\nOne run on 2 cores")
    assert once.endswith(f"{page.END}\n\nafter\n")
    assert "| sidecar: deferred | 32 | 100 | 1.0 | 2.0 | 300 | 5 | 6 |" in once
    assert "| admit | 1,200 (1,500) |" in once
    assert "| 100,000 | 96 | 1.0 | 2.0 | 300 |" in once
    assert own.read_text(encoding="utf-8") == once


@pytest.mark.parametrize(("found", "reached"), [(19.9, True), (20.0, True), (20.1, False)])
def test_a_bar_says_whether_it_is_reached(found: float, reached: bool) -> None:
    """A limit that is just met is met, from either side; without one there is nothing to reach."""
    most = Bar("p99", "ms", bars.of("sidecar: deferred", "p99_ms"), at_most=20)
    least = Bar("p99", "ms", bars.of("sidecar: deferred", "p99_ms"), at_least=20)
    free = Bar("p99", "ms", bars.of("sidecar: deferred", "p99_ms"))
    figures = {"rows": [a_row("sidecar: deferred", 32, p99_ms=found)]}

    assert most.row(figures)["reached"] is reached
    assert least.row(figures)["reached"] is (found >= 20)
    assert free.row(figures)["reached"] is None


def test_a_whole_run_is_held_against_every_bar() -> None:
    """Each bar finds its figure in a run of everything; what was not measured is left out, not passed."""
    whole = a_run()

    assert [row["bar"] for row in whole["bars"]] == [bar.name for bar in BARS]
    assert [row["figure"] for row in whole["bars"] if row["bar"].startswith("100,000")] == [96]
    assert bars.held({"rows": []}) == []


def test_a_short_run_has_what_ratios_are_made_of() -> None:
    """Every ratio of the table is printed after the short run too."""
    rows = [a_row(each.name, connections) for each in SUBJECTS for connections in each.quick]
    told = {row["bar"] for row in bars.held({"rows": rows})}

    assert {bar.name for bar in BARS if bar.unit == "x"} <= told
    assert all(set(each.quick) <= set(each.connections) for each in SUBJECTS)


@pytest.mark.parametrize(
    ("subject", "passed_by"),
    [
        ("sidecar: authorization, verify and settle", set[str]()),
        ("sidecar: deferred", {"sending", "settle", "result"}),
    ],
)
def test_each_step_of_a_paid_call_is_told(subject: str, passed_by: set[str], tmp_path: Path) -> None:
    """The watch is where the steps are: what a call goes through has its row, in order."""
    rows = steps.measured(named(subject), 0.3, tmp_path)

    assert [row["step"] for row in rows] == [step for step in steps.ENDS.values() if step not in passed_by]
