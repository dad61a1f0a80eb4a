"""The settings' own shape."""

import pytest

from ledger.money import nano
from sidecar.configuration.model import KIB, MIB, Bearer, Limits, Network, Operator, Settings
from tests.sidecar.configs import MINIMAL, settings


def test_default_limits_are_the_promised_ones() -> None:
    """The figures of the documentation."""
    limits = Limits()

    assert (limits.request_line_bytes, limits.headers_bytes, limits.header_fields) == (8 * KIB, 32 * KIB, 100)
    assert (limits.payment_header_bytes, limits.paid_body_bytes) == (16 * KIB, MIB)
    assert (limits.read_ahead_bytes, limits.read_ahead_total_bytes) == (MIB, 64 * MIB)
    assert (limits.header_read_s, limits.body_idle_s, limits.upstream_connect_s) == (10, 15, 5)
    assert (limits.stream_total_s, limits.verify_s, limits.settle_s, limits.drain_s) == (600, 5, 30, 30)
    assert (limits.open_calls, limits.reentries) == (1_000, 3)
    assert (limits.flush_batch, limits.flush_every_s, limits.flush_concurrency) == (100, 5, 8)
    assert (limits.cost_reports, limits.close_window_s) == (100, 900)


@pytest.mark.parametrize("value", [Operator("hidden-token"), Network(("https://hidden",)), Bearer("hidden")])
def test_secrets_are_not_in_a_repr(value: object) -> None:
    """A log line with settings in it tells nothing."""
    assert "hidden" not in repr(value)


def test_the_default_exposure_is_a_dollar() -> None:
    """One payer may have one dollar open."""
    assert settings(MINIMAL).exposure.per_payer == nano(1_000_000_000)


def test_settings_are_built_by_name() -> None:
    """Arguments of one type cannot be swapped."""
    with pytest.raises(TypeError):
        Settings("http://a", "http://b")  # type: ignore[call-arg]  # the point of the test


def test_a_day_costs_a_dollar_uncharged_and_is_spent_freely() -> None:
    """The bound on unpaid work is always on; the one on spending is the operator's to set."""
    found = settings(MINIMAL)
    assert (found.limits.uncharged_cost, found.exposure.per_day) == (nano(10**9), None)

    told = settings(MINIMAL + 'exposure: {per_day: "$50"}\nlimits: {uncharged_cost: "$0"}')
    assert (told.limits.uncharged_cost, told.exposure.per_day) == (nano(0), nano(50 * 10**9))
