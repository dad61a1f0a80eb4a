"""Bars: what this promises of its speed, each a figure of one run, and whether it is reached; and ratios.

A ratio that nothing was promised of has no limit. What a run did not measure is not in its list.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.measuring import Row

Figures = dict[str, Any]
"""What a run found, as it is in the JSON: `rows`, `booked`, `streams`, `startup`."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise. *figure* raises LookupError if the run does not have what it is made of."""

    name: str
    unit: str
    figure: Callable[[Figures], float]
    at_most: float | None = None
    at_least: float | None = None

    def row(self, figures: Figures) -> Row:
        """Hold the figures of a run against it."""
        found = self.figure(figures)
        reached = None if self.at_most is self.at_least is None else self._holds(found)
        limit = self.at_least if self.at_most is None else self.at_most
        return {
            "bar": self.name,
            "figure": round(found, 2),
            "unit": self.unit,
            "limit": limit,
            "kind": "least" if self.at_most is None else "most",
            "reached": reached,
        }

    def _holds(self, found: float) -> bool:
        return (self.at_most is None or found <= self.at_most) and (
            self.at_least is None or found >= self.at_least
        )


def of(subject: str, column: str, connections: int = 32) -> Callable[[Figures], float]:
    """Return what finds a column of a subject's row."""

    def find(figures: Figures) -> float:
        for row in figures["rows"]:
            if (row["subject"], row["connections"]) == (subject, connections):
                return float(row[column])
        raise LookupError(subject)

    return find


def best(subject: str, column: str, choose: Callable[[Iterable[float]], float]) -> Callable[[Figures], float]:
    """Return what finds the best of a column over whatever starts with *subject*, at any concurrency."""

    def find(figures: Figures) -> float:
        found = [float(row[column]) for row in figures["rows"] if row["subject"].startswith(subject)]
        if not found:
            raise LookupError(subject)
        return choose(found)

    return find


def ratio(one: Callable[[Figures], float], other: Callable[[Figures], float]) -> Callable[[Figures], float]:
    """Return what divides one figure by another."""
    return lambda figures: one(figures) / max(other(figures), 1e-9)


def told(part: str, name: str) -> Callable[[Figures], float]:
    """Return what finds a figure that a part of the run tells by name."""
    return lambda figures: float(figures[part][name])


def grown(figures: Figures) -> float:
    """Return how much of its speed a sidecar has left with its books full, in percent."""
    empty, full = figures["booked"]
    return float(100 * full["per_s"] / empty["per_s"])


UNPAID: Final = "sidecar: 402"
PASSED_ON: Final = "sidecar: free call passed on"
AUTHORIZATION: Final = "sidecar: authorization, verify and settle"
DEFERRED: Final = "sidecar: deferred"
CREDIT: Final = "sidecar: from credit"
FASTAPI: Final = "official FastAPI: paid"
EXPRESS: Final = "official Express: paid"
BARS: Final = (
    Bar("402, c=32: rate", "/s", of(UNPAID, "per_s"), at_least=15_000),
    Bar("402, c=32: rate, over official FastAPI", "x",
        ratio(of(UNPAID, "per_s"), of("official FastAPI: 402", "per_s")), at_least=3),
    Bar("402, c=32: rate, over official Express", "x",
        ratio(of(UNPAID, "per_s"), of("official Express: 402", "per_s")), at_least=2),
    Bar("authorization, c=32: rate, over official FastAPI", "x",
        ratio(of(AUTHORIZATION, "per_s"), of(FASTAPI, "per_s")), at_least=8),
    Bar("authorization, c=32: rate, over official FastAPI at its best", "x",
        ratio(of(AUTHORIZATION, "per_s"), best(FASTAPI, "per_s", max)), at_least=4),
    Bar("authorization, c=32: rate, over official Express", "x",
        ratio(of(AUTHORIZATION, "per_s"), best(EXPRESS, "per_s", max)), at_least=2.5),
    Bar("deferred, c=32: rate", "/s", of(DEFERRED, "per_s"), at_least=3_500),
    Bar("deferred, c=32: rate, over official FastAPI", "x",
        ratio(of(DEFERRED, "per_s"), of(FASTAPI, "per_s")), at_least=15),
    Bar("from credit, c=32: rate", "/s", of(CREDIT, "per_s"), at_least=5_000),
    Bar("deferred, c=32: p99", "ms", of(DEFERRED, "p99_ms"), at_most=20),
    Bar("deferred, c=32: CPU, over a call passed on", "x",
        ratio(of(DEFERRED, "cpu_us"), of(PASSED_ON, "cpu_us")), at_most=2.5),
    Bar("1,000 open streams: memory over idle", "MiB", told("streams", "streams_mib"), at_most=200),
    Bar("1,000 open streams: first byte later by", "ms", told("streams", "first_byte_ms"), at_most=2),
    Bar("a body of 1 GB streamed: memory over idle", "MiB", told("streams", "body_mib"), at_most=16),
    Bar("from start to serving", "s", told("startup", "seconds"), at_most=1.5),
    Bar("100,000 calls booked: rate, of that with none", "%", grown, at_least=95),
    Bar("a call passed on, c=32: rate, over the plain proxy", "x",
        ratio(of(PASSED_ON, "per_s"), of("plain Starlette + httpx proxy", "per_s"))),
    Bar("authorization, c=32: CPU, over official FastAPI at its best", "x",
        ratio(of(AUTHORIZATION, "cpu_us"), best(FASTAPI, "cpu_us", min))),
)  # fmt: skip


def held(figures: Figures) -> list[Row]:
    """Hold a run against every bar it has the figures of."""
    rows = []
    for bar in BARS:
        try:
            rows.append(bar.row(figures))
        except LookupError:
            continue
    return rows


def limit_of(row: Row) -> str:
    """Write what was promised."""
    if row["limit"] is None:
        return "-"
    return f"{'at least' if row['kind'] == 'least' else 'at most'} {row['limit']:g} {row['unit']}"


def verdict_of(row: Row) -> str:
    """Write whether it is kept."""
    return {True: "yes", False: "NO", None: "-"}[row["reached"]]


def line(row: Row) -> str:
    """Write a row for people."""
    return f"{row['bar']:<62} {row['figure']:>8,} {row['unit']:<4} {limit_of(row):<18} {verdict_of(row)}"
