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
SUBJECT: Final = "sidecar: deferred"
FOLDED_S: Final = 75
"""After that long without a call the last chunks are folded, and no row pays for the booking before it."""


def measured(seconds: float, calls: int = CALLS) -> list[Row]:
    """Return the row of empty books, and that of the same sidecar with so many calls in them."""
    with a_folder() as folder, staged(named(SUBJECT), folder) as stage:
        empty = stage.row(CONNECTIONS, seconds)
        _book(stage, calls)
        time.sleep(FOLDED_S)
        full = stage.row(CONNECTIONS, seconds)
    return [empty | {"booked": 0}, full | {"booked": calls}]


def _book(stage: Stage, calls: int) -> None:
    booked = 0
    while booked < calls:
        run = stage.run(CONNECTIONS, 600.0, payments=min(DEALT, calls - booked))
        wrong = {status: count for status, count in run["statuses"].items() if status != "200"}
        assert not wrong, wrong
        booked += run["count"]
