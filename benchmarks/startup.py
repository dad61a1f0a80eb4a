"""Startup: how long it takes from the command to the first answer, on new books; everybody else is there."""

import time
from statistics import median
from typing import Final

import httpx

from benchmarks.machines import OTHER_CORE, a_folder, python, started
from benchmarks.measuring import places_of
from benchmarks.subjects import named, serving

STARTS: Final = 5
SUBJECT: Final = "sidecar: authorization, funds by node"


def measured() -> dict[str, float]:
    """Return seconds to the first answer and seconds of CPU until then, the median of a few starts."""
    taken = [_started() for _ in range(STARTS)]
    found = {
        "seconds": median(seconds for seconds, _ in taken),
        "cpu_seconds": median(cpu_s for _, cpu_s in taken),
    }
    for name, figure in found.items():
        print(f"startup: {name:<37} {figure:>8,.2f}", flush=True)
    return found


def _started() -> tuple[float, float]:
    neighbours = python("-m", "benchmarks.neighbours")
    with a_folder() as folder, started(neighbours, OTHER_CORE, folder, announces=True) as (_, ports):
        began = time.perf_counter()
        with serving(named(SUBJECT), places_of(ports), folder) as server:
            url = f"http://127.0.0.1:{server.port}/__402/health"
            assert httpx.get(url, trust_env=False).status_code == 200
            return time.perf_counter() - began, server.cpu_s
