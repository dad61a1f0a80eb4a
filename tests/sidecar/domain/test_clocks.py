"""Clocks: only what neither whole seconds nor the way of the answer explains is a difference."""

import pytest

from sidecar.domain.clocks import SKEW_MAX_S, ahead_s, skewed

NOW_S = 1_790_000_000
US = 1_000_000


@pytest.mark.parametrize(
    ("told_s", "asked_us", "answered_us", "ahead"),
    [
        (NOW_S, NOW_S * US, NOW_S * US, 0),
        (NOW_S, NOW_S * US + 999_999, NOW_S * US + 999_999, 0),  # it may have been as late in its second
        (NOW_S, (NOW_S - 20) * US, (NOW_S + 20) * US, 0),  # a slow answer proves nothing
        (NOW_S, (NOW_S + 8) * US, (NOW_S + 9) * US, 7),
        (NOW_S, (NOW_S - 9) * US, (NOW_S - 8) * US, -8),
        (NOW_S, (NOW_S - 9) * US, (NOW_S - 8) * US + 1, -7),
    ],
)
def test_a_difference_is_what_is_sure(told_s: int, asked_us: int, answered_us: int, ahead: int) -> None:
    """At least so far off, whenever within the question the time was told."""
    assert ahead_s(asked_us=asked_us, answered_us=answered_us, told_s=told_s) == ahead


@pytest.mark.parametrize("ahead", [0, SKEW_MAX_S, -SKEW_MAX_S])
def test_a_small_difference_is_nobodys_business(ahead: int) -> None:
    """Up to five seconds."""
    assert skewed(ahead, "the facilitator's") is None


def test_a_large_difference_is_told_with_its_harm() -> None:
    """Which way it is off decides what goes wrong."""
    assert skewed(6, "the facilitator's") == (
        "this machine's clock is 6 s ahead of the facilitator's,"
        " so good payments will look expired: set it, best by NTP"
    )
    behind = skewed(-6, "the newest block")
    assert behind is not None
    assert "6 s behind the newest block, so payments may expire unseen" in behind
