"""Metrics: exactly the promised names, exact sums, and no label that names a person."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ledger.store import Lag
from sidecar.adapters.metrics import MetricsObserver
from sidecar.domain.events import (
    Answered,
    CallAdmitted,
    CallClosed,
    CostsReported,
    DependencyChanged,
    Event,
    Lifecycle,
    NeedsAttention,
    PaymentSeen,
    PaymentSettled,
    UpstreamAnswered,
)
from tests.sidecar.shop import NETWORK

CALL, PAYER, ENDPOINT = "call_1", "0x" + "aa" * 20, "POST /research"
NOW_US = 1_000_000_000
MONEY = {
    "holds_nano": 150_000_000,
    "unsettled_nano": 50_000_000,
    "unknown_settlements": 1,
    "oldest_unknown_us": NOW_US - 2_500_000,
}
EVENTS: tuple[Event, ...] = (
    Answered(ENDPOINT, "served", 200, CALL, 1_000),
    Answered(ENDPOINT, "served", 200, CALL, 1_000),
    Answered(ENDPOINT, "refused:payment_required", 402),
    CallAdmitted(CALL, ENDPOINT, PAYER, 50_000_000, 2_500),
    UpstreamAnswered(CALL, ENDPOINT, 200, 120_000),
    PaymentSettled(CALL, NETWORK, "settled", "https://f.example", "", "0x1", 250_000),
    PaymentSettled(CALL, NETWORK, "settled", "chain", "", "0x2", 0),
    PaymentSettled(CALL, NETWORK, "unknown", "https://f.example", "answer_lost", "", 30_000_000),
    CallClosed(CALL, ENDPOINT, "served", 50_000_000, 0, (("model", 12_000_001), ("tool", 3)), 0),
    CallClosed(CALL, ENDPOINT, "failed", 0, 50_000_000, (("retry", 5),), 1),
    PaymentSeen(CALL, NETWORK, "0x1"),
    NeedsAttention("clock_skew", "two seconds off", CALL),
    DependencyChanged("facilitator", ready=False),
    Lifecycle("started"),
)
PROMISED = {
    "sidecar_requests": {"endpoint", "outcome"},
    "sidecar_settlements": {"network", "result"},
    "sidecar_revenue_usd": {"endpoint"},
    "sidecar_cost_usd": {"endpoint", "kind"},
    "sidecar_upstream_seconds": {"le"},
    "sidecar_settle_seconds": {"le"},
    "sidecar_admit_seconds": {"le"},
    "sidecar_holds_usd": set(),
    "sidecar_unsettled_usd": set(),
    "sidecar_unknown_settlements": set(),
    "sidecar_oldest_unknown_seconds": set(),
    "sidecar_unsealed_journals": set(),
    "sidecar_oldest_unsealed_seconds": set(),
}


class StoppedClock:
    def now_us(self) -> int:
        return NOW_US

    def monotonic_us(self) -> int:
        return 0


@pytest.fixture
def metrics() -> MetricsObserver:
    metrics = MetricsObserver(StoppedClock())
    for event in EVENTS:
        metrics.saw(event)
    return metrics


def samples(text: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_the_names_and_labels_are_those_promised_and_no_others(metrics: MetricsObserver) -> None:
    """Dashboards rely on the names; wallets, runs and sessions are in none of the labels."""
    families = list(text_string_to_metric_families(metrics.exposition(MONEY).decode()))
    labels = {
        family.name: {name for sample in family.samples for name in sample.labels} for family in families
    }

    assert labels == PROMISED
    assert PAYER not in metrics.exposition(MONEY).decode()
    assert CALL not in metrics.exposition(MONEY).decode()


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("sidecar_requests_total", (ENDPOINT, "served"), 2),
        ("sidecar_requests_total", (ENDPOINT, "refused:payment_required"), 1),
        ("sidecar_settlements_total", (NETWORK, "settled"), 2),
        ("sidecar_settlements_total", (NETWORK, "unknown"), 1),
        ("sidecar_revenue_usd_total", (ENDPOINT,), 0.05),
        ("sidecar_cost_usd_total", (ENDPOINT, "model"), 0.012000001),
        ("sidecar_cost_usd_total", (ENDPOINT, "tool"), 0.000000003),
        ("sidecar_cost_usd_total", (ENDPOINT, "retry"), 0.000000005),
        ("sidecar_admit_seconds_sum", (), 0.0025),
        ("sidecar_admit_seconds_bucket", ("0.001",), 0),
        ("sidecar_admit_seconds_bucket", ("0.0025",), 1),
        ("sidecar_upstream_seconds_count", (), 1),
        ("sidecar_settle_seconds_count", (), 2),
        ("sidecar_settle_seconds_sum", (), 30.25),
        ("sidecar_settle_seconds_bucket", ("0.25",), 1),
        ("sidecar_settle_seconds_bucket", ("10.0",), 1),
        ("sidecar_settle_seconds_bucket", ("30.0",), 2),
        ("sidecar_settle_seconds_bucket", ("+Inf",), 2),
        ("sidecar_holds_usd", (), 0.15),
        ("sidecar_unsettled_usd", (), 0.05),
        ("sidecar_unknown_settlements", (), 1),
        ("sidecar_oldest_unknown_seconds", (), 2.5),
    ],
)
def test_what_happened_is_counted(
    metrics: MetricsObserver, name: str, labels: tuple[str, ...], value: float
) -> None:
    """Each event is in its counter, each duration up to and with its bound, each sum exact."""
    assert samples(metrics.exposition(MONEY))[name, labels] == value


def test_many_small_amounts_add_up_exactly() -> None:
    """Money is counted in whole nano-USD: ten thousand times 0.1 nano-something never drifts."""
    metrics = MetricsObserver(StoppedClock())
    for _ in range(10_000):
        metrics.saw(CallClosed(CALL, ENDPOINT, "served", 100_000_001, 0, (), 0))

    assert samples(metrics.exposition(None))["sidecar_revenue_usd_total", (ENDPOINT,)] == 1000.00001


def test_a_late_cost_counts_and_a_correction_does_not_count_back(metrics: MetricsObserver) -> None:
    """A counter only rises: what a report takes back is in the books alone."""
    before = samples(metrics.exposition(None))
    metrics.saw(CostsReported(CALL, ENDPOINT, 2, 0, (("model", -5), ("tool", 1_000))))
    after = samples(metrics.exposition(None))

    model, tool = (("sidecar_cost_usd_total", (ENDPOINT, kind)) for kind in ("model", "tool"))
    assert after[model] == before[model]
    assert after[tool] == before[tool] + 1e-6


def test_gauges_that_could_not_be_read_are_absent(metrics: MetricsObserver) -> None:
    """Money that cannot be read is not zero, and what was counted is still shown."""
    found = {name for name, _ in samples(metrics.exposition(None))}

    assert "sidecar_requests_total" in found
    assert not found & {"sidecar_holds_usd", "sidecar_unsettled_usd", "sidecar_unknown_settlements"}


def test_nothing_unknown_has_no_age(metrics: MetricsObserver) -> None:
    """Without an unknown settlement the oldest is zero seconds old."""
    money = {**MONEY, "unknown_settlements": 0, "oldest_unknown_us": None}

    assert samples(metrics.exposition(money))["sidecar_oldest_unknown_seconds", ()] == 0


def test_the_chains_lag_is_told(metrics: MetricsObserver) -> None:
    """How many journals wait for their place in it, and how long the oldest has; without any, zero."""
    metrics.chain = lambda: Lag(7, NOW_US - 1_500_000)
    late = samples(metrics.exposition(None))
    metrics.chain = Lag
    none = samples(metrics.exposition(None))

    names = ("sidecar_unsealed_journals", "sidecar_oldest_unsealed_seconds")
    assert [[found[name, ()] for name in names] for found in (late, none)] == [[7, 1.5], [0, 0]]


def test_two_observers_share_nothing() -> None:
    """Each has a registry of its own."""
    one, other = MetricsObserver(StoppedClock()), MetricsObserver(StoppedClock())
    one.saw(EVENTS[0])

    assert ("sidecar_requests_total", (ENDPOINT, "served")) not in samples(other.exposition(None))
