"""Costs: what reports know of their call."""

import pytest

from sidecar.domain.costs import ReportedCall


@pytest.mark.parametrize(
    ("outcome", "closed_us", "retry"),
    [("", None, False), ("served", 7, False), ("failed", 7, True), ("refused:settlement_failed", 7, True)],
)
def test_work_that_was_not_delivered_is_a_retry(outcome: str, closed_us: int | None, retry: bool) -> None:
    """While a call runs nobody can tell; afterwards only what was served was delivered."""
    assert ReportedCall("call_1", "POST /research", outcome, closed_us).retry is retry
