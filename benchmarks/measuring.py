"""Measuring: one subject under load; what came back, how soon, and what each process spent on it."""

import json
import math
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.machines import OTHER_CORE, ROOT, Server, on, python, started
from benchmarks.payments import headers
from benchmarks.subjects import Places, Subject, serving

WARM_UP_S: Final = 0.5
WARM_UP_CONNECTIONS: Final = 4
PAYMENTS_PER_S: Final = 9_000
"""How many payments are signed for a second of a run, at most; a faster server ends early."""
FASTER: Final = 2.5
"""How much faster than warming up a run may become before its payments run out."""
QUIET_S: Final = 1.5
"""Longer than the sidecar waits for more to settle with."""
QUIET_MAX_S: Final = 120.0
IDLE_S: Final = 0.03
"""What a sidecar uses at the most in that time that has nothing to do."""
NEIGHBOURS: Final = ("agent", "facilitator", "node")
Row = dict[str, Any]


@dataclass(slots=True)
class Stage:
    """One subject that serves, with its neighbours; `per_s` is how fast it was the last time."""

    subject: Subject
    server: Server
    neighbours: Server
    agent_port: int
    folder: Path
    per_s: float = PAYMENTS_PER_S / FASTER

    def row(self, connections: int, seconds: float) -> Row:
        """Return what a run comes to; what is settled behind counts too, and is waited for."""
        self._quiet()
        server_s, neighbours_s = self.server.cpu_s, self.neighbours.cpu_s
        run = self.run(connections, seconds)
        self._quiet()
        count = max(1, run["count"])
        return {
            "subject": self.subject.name,
            "connections": connections,
            "per_s": round(run["count"] / run["seconds"]),
            "cpu_us": round(1e6 * (self.server.cpu_s - server_s) / count),
            "neighbours_us": round(1e6 * (self.neighbours.cpu_s - neighbours_s) / count),
            "load_us": round(1e6 * run["cpu_s"] / count),
            "p50_ms": round(run["p50_ms"], 2),
            "p99_ms": round(run["p99_ms"], 2),
            "statuses": run["statuses"],
            "right": run["statuses"].get(self.subject.status, 0) == run["count"] > 0,
        }

    def _quiet(self) -> None:
        """Wait until nothing is done behind any more."""
        used_s, until = -math.inf, time.monotonic() + QUIET_MAX_S
        while self.subject.settle == "deferred" and self.server.cpu_s - used_s > IDLE_S:
            assert time.monotonic() < until, "what was served first is not settled"
            used_s = self.server.cpu_s
            time.sleep(QUIET_S)

    def run(
        self, connections: int, seconds: float, *, payments: int = 0, pause_s: float = 0
    ) -> dict[str, Any]:
        """Keep that many connections busy; *payments* is how many are signed, if that is known."""
        file = "-"
        method, _, path = self.subject.line.partition(" ")
        if self.subject.paid:
            wanted = payments or int(seconds * min(PAYMENTS_PER_S, FASTER * self.per_s)) + connections
            signed = headers(wanted, f"http://127.0.0.1:{self.server.port}{path}")
            (self.folder / "payments").write_bytes(b"\n".join(signed))
            file = str(self.folder / "payments")
        load = python("-m", "benchmarks.load", str(self.server.port), str(connections))
        command = [*on(OTHER_CORE, load), str(seconds), str(pause_s), f"{method} {path}", file]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        run: dict[str, Any] = json.loads(told)
        self.per_s = max(1.0, run["count"] / run["seconds"])
        return run


def places_of(ports: Mapping[str, int]) -> Places:
    """Return where the neighbours are that listen on *ports*."""
    return Places(*(f"http://127.0.0.1:{ports[name]}" for name in NEIGHBOURS))


@contextmanager
def staged(subject: Subject, folder: Path, **environment: str) -> Iterator[Stage]:
    """Run a subject beside its neighbours, warmed up and with its wallets known."""
    neighbours = python("-m", "benchmarks.neighbours")
    with (
        started(neighbours, OTHER_CORE, folder, announces=True) as (process, ports),
        serving(subject, places_of(ports), folder, **environment) as server,
    ):
        stage = Stage(subject, server, Server(process, 0), ports["agent"], folder)
        stage.run(WARM_UP_CONNECTIONS, WARM_UP_S)
        yield stage
