"""Clocks held against each other: how far this machine's is surely off. Pure; asks no clock.

Who tells a time tells it in whole seconds, and the answer was on its way for a
while: only what neither explains is called a difference.
"""

from typing import Final

SKEW_MAX_S: Final = 5
"""How far a clock may be off, in seconds, before somebody is told."""

_US_PER_S: Final = 1_000_000


def ahead_s(*, asked_us: int, answered_us: int, told_s: int) -> int:
    """Return how many whole seconds our clock is at least ahead of one that told *told_s*.

    It was told between *asked_us* and *answered_us* of ours. Negative is behind,
    and 0 is what cannot be told apart.
    """
    ahead_us = asked_us - (told_s + 1) * _US_PER_S
    behind_us = told_s * _US_PER_S - answered_us
    if ahead_us > 0:
        return ahead_us // _US_PER_S
    return -(behind_us // _US_PER_S) if behind_us > 0 else 0


def skewed(ahead_s: int, whose: str) -> str | None:
    """Return a sentence on a clock that is *ahead_s* ahead of *whose*; None if it is near enough."""
    if abs(ahead_s) <= SKEW_MAX_S:
        return None
    way = "ahead of" if ahead_s > 0 else "behind"
    harm = "good payments will look expired" if ahead_s > 0 else "payments may expire unseen"
    return f"this machine's clock is {abs(ahead_s)} s {way} {whose}, so {harm}: set it, best by NTP"
