"""`sidecar serve` with a watch on it, for a benchmark alone: each call notes when it passes which point.

The points are where the sandbox may kill the process, and three before the first of them. What was noted
is written when the process ends, a line of JSON for each call, to the file that BENCHMARK_STEPS names.
"""

import json
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any, Final

from sidecar.sqlite_library import prefer_newer

prefer_newer(sys.modules)

from sidecar import cli, pipeline, wiring  # noqa: E402 whatever they import finds the one SQLite
from sidecar.http import selling  # noqa: E402

Call = list[tuple[str, int, int]]
CALLS: Final[list[Call]] = []
_call: ContextVar[Call | None] = ContextVar("call", default=None)


def reached(point: str) -> None:
    """Note that the call whose task this is has passed *point*."""
    call = _call.get()
    if call is not None:
        call.append((point, perf_counter_ns(), process_time_ns()))


def watch() -> None:
    """Put the watch where a call begins, where its payment is read, and where it is checked."""
    sell, decode, serve = selling.Selling.sell, vars(selling)["decode"], pipeline.Pipeline.serve

    async def arriving(*arguments: Any, **named: Any) -> None:
        call: Call = []
        CALLS.append(call)
        _call.set(call)
        reached("arrived")
        await sell(*arguments, **named)

    def decoding(*arguments: Any) -> Any:
        decoded = decode(*arguments)
        reached("decoded")
        return decoded

    async def serving(*arguments: Any, **named: Any) -> None:
        reached("checked")
        await serve(*arguments, **named)

    def points(_: str) -> Callable[[str], None]:
        return reached

    for place, name, watched in (
        (selling.Selling, "sell", arriving),
        (selling, "decode", decoding),
        (pipeline.Pipeline, "serve", serving),
        (wiring, "_fault_point", points),
    ):
        assert hasattr(place, name), f"{name} is elsewhere now"
        setattr(place, name, watched)


def main() -> int:
    """Serve, and tell what was noted."""
    watch()
    try:
        return cli.main()
    finally:
        whole = [call for call in CALLS if call[-1][0] == "closed"]
        told = "".join(json.dumps(call) + "\n" for call in whole)
        Path(os.environ["BENCHMARK_STEPS"]).write_text(told, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
