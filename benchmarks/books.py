"""Books that have grown: how a sidecar does with 100,000 calls in its books, beside what it did with none."""

import time
from typing import Final

from benchmarks.machines import a_folder
from benchmarks.measuring import Row, Stage, staged
from benchmarks.subjects import named

CALLS: Final = 100_000
DEALT: Final = 10_000
"""How many payments are signed at a time: they are good for a few minutes only."""
CONNECTIONS: Final = 32
TURNS: Final = 5
SUBJECT: Final = "sidecar: deferred"
FOLDED_S: Final = 75
"""After that long without a call the last chunks are folded, and no row pays for the booking before it."""


def measured(seconds: float, calls: int = CALLS) -> list[Row]:
    """Return the row of empty books, and that of a sidecar with so many calls in them.

    They are measured in turns and the median is told of each: a machine's speed is another one minutes later.
    """
    empty: list[Row] = []
    full: list[Row] = []
    with a_folder() as folder, staged(named(SUBJECT), folder) as stage:
        _book(stage, calls)
        time.sleep(FOLDED_S)
        for _ in range(TURNS):
            with a_folder() as new, staged(named(SUBJECT), new) as beside:
                empty.append(beside.row(CONNECTIONS, seconds))
            full.append(stage.row(CONNECTIONS, seconds))
    return [_median(empty) | {"booked": 0}, _median(full) | {"booked": calls}]


def _median(rows: list[Row]) -> Row:
    return sorted(rows, key=lambda row: float(row["per_s"]))[len(rows) // 2]


def _book(stage: Stage, calls: int) -> None:
    booked = 0
    while booked < calls:
        run = stage.run(CONNECTIONS, 600.0, payments=min(DEALT, calls - booked))
        wrong = {status: count for status, count in run["statuses"].items() if status != "200"}
        assert not wrong, wrong
        booked += run["count"]
