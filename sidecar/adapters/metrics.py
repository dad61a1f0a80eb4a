"""Metrics: events counted for Prometheus. Implements `ports.Observer`; knows no HTTP and no SQL.

Counts are whole numbers here (nano-USD, microseconds) and become the format's
floats only as they are written. No wallet, run or session is ever a label, and
every label has few values: endpoints, networks, and words of our own.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from ledger.store import Lag
from sidecar.domain.events import (
    Answered,
    CallAdmitted,
    CallClosed,
    CostsReported,
    Event,
    PaymentSettled,
    UpstreamAnswered,
)
from sidecar.ports import Clock

NANO_PER_USD: Final = 10**9
US_PER_S: Final = 10**6

COMMIT_US: Final = (250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000)
"""Bounds for what is one commit."""

REMOTE_US: Final = tuple(
    ms * 1_000 for ms in (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
)
"""Bounds for what waits for somebody else."""


class MetricsObserver:
    """Counts what happens, and writes it in Prometheus' text format from a registry of its own."""

    def __init__(self, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._requests: Counter[tuple[str, str]] = Counter()
        self._settlements: Counter[tuple[str, str]] = Counter()
        self._revenue_nano: Counter[tuple[str]] = Counter()
        self._cost_nano: Counter[tuple[str, str]] = Counter()
        self._upstream = _Histogram("sidecar_upstream_seconds", "Time to the agent's headers.", REMOTE_US)
        self._settle = _Histogram("sidecar_settle_seconds", "Time a settlement took.", REMOTE_US)
        self._admit = _Histogram("sidecar_admit_seconds", "Time to admit a call.", COMMIT_US)
        self._money: Mapping[str, Any] | None = None
        self.chain: Callable[[], Lag] = Lag
        """Tells how far the hash chain is behind the books."""
        self.registry.register(self)

    def saw(self, event: Event) -> None:
        """Count *event*; what has no metric is passed over."""
        match event:
            case Answered(endpoint=endpoint, outcome=outcome):
                self._requests[endpoint, outcome] += 1
            case CallAdmitted(admit_us=admit_us):
                self._admit.note(admit_us)
            case UpstreamAnswered(upstream_us=upstream_us):
                self._upstream.note(upstream_us)
            case PaymentSettled(network=network, result=result, settle_us=settle_us):
                self._settlements[network, result] += 1
                if settle_us > 0:  # recovery settles by evidence, and measures nothing
                    self._settle.note(settle_us)
            case CallClosed(endpoint=endpoint, captured_nano=captured_nano, cost_nano=cost_nano):
                self._revenue_nano[endpoint,] += captured_nano
                for kind, units in cost_nano:
                    self._cost_nano[endpoint, kind] += units
            case CostsReported(endpoint=endpoint, cost_nano=cost_nano):
                for kind, units in cost_nano:
                    self._cost_nano[endpoint, kind] += max(0, units)  # a counter cannot be corrected down
            case _:
                pass

    def exposition(self, money: Mapping[str, Any] | None) -> bytes:
        """Return the text of all metrics. *money* is the row of the query `gauges`.

        None says it could not be read: its gauges are left out, which is not zero.
        """
        self._money = money
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every family, as the registry asks for."""
        yield _counter(
            "sidecar_requests", "Requests answered.", ("endpoint", "outcome"), self._requests, one=1
        )
        yield _counter(
            "sidecar_settlements", "Settlements by result.", ("network", "result"), self._settlements, one=1
        )
        yield _counter(
            "sidecar_revenue_usd", "Revenue captured.", ("endpoint",), self._revenue_nano, one=NANO_PER_USD
        )
        yield _counter(
            "sidecar_cost_usd", "Costs booked.", ("endpoint", "kind"), self._cost_nano, one=NANO_PER_USD
        )
        yield self._upstream.family()
        yield self._settle.family()
        yield self._admit.family()
        yield from _chain(self.chain(), self._clock.now_us())
        if self._money is not None:
            yield from _gauges(self._money, self._clock.now_us())


class _Histogram:
    """Durations counted in buckets, each up to and with its bound."""

    def __init__(self, name: str, documentation: str, bounds_us: Sequence[int]) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds_us = bounds_us
        self._counts = [0] * (len(bounds_us) + 1)
        self._total_us = 0

    def note(self, duration_us: int) -> None:
        """Count one duration."""
        self._counts[bisect_left(self._bounds_us, duration_us)] += 1
        self._total_us += duration_us

    def family(self) -> HistogramMetricFamily:
        """Return it as the format wants it: each bucket counts all below it too, in seconds."""
        names = [*(str(bound / US_PER_S) for bound in self._bounds_us), "+Inf"]
        buckets = list(zip(names, map(float, accumulate(self._counts)), strict=True))
        total_s = self._total_us / US_PER_S
        return HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=total_s)


def _counter(
    name: str,
    documentation: str,
    labels: tuple[str, ...],
    counts: Mapping[tuple[str, ...], int] | Mapping[tuple[str, str], int] | Mapping[tuple[str], int],
    *,
    one: int,
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, documentation, labels=labels)
    for values, units in counts.items():
        family.add_metric(values, units / one)
    return family


def _chain(lag: Lag, now_us: int) -> Iterator[Metric]:
    age_us = 0 if lag.oldest_us is None else max(0, now_us - lag.oldest_us)
    yield GaugeMetricFamily(
        "sidecar_unsealed_journals", "Booked and not in the hash chain yet.", lag.journals
    )
    yield GaugeMetricFamily(
        "sidecar_oldest_unsealed_seconds", "Age of the oldest journal not in the chain.", age_us / US_PER_S
    )


def _gauges(money: Mapping[str, Any], now_us: int) -> Iterator[Metric]:
    oldest_us = money["oldest_unknown_us"]
    age_us = 0 if oldest_us is None else max(0, now_us - oldest_us)
    yield GaugeMetricFamily(
        "sidecar_holds_usd", "Signed for calls that are not closed.", money["holds_nano"] / NANO_PER_USD
    )
    yield GaugeMetricFamily(
        "sidecar_unsettled_usd",
        "Delivered or sent to be settled, no outcome yet.",
        money["unsettled_nano"] / NANO_PER_USD,
    )
    yield GaugeMetricFamily(
        "sidecar_unknown_settlements", "Settlements nobody can vouch for yet.", money["unknown_settlements"]
    )
    yield GaugeMetricFamily(
        "sidecar_oldest_unknown_seconds", "Age of the oldest unknown settlement.", age_us / US_PER_S
    )
