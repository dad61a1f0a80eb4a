"""Pacing: may this one call now? The generic cell rate algorithm, in whole microseconds. Pure.

A rate of N per period lets N through at once and then one every period / N. All
that is remembered of a caller is one instant: when its last call would have
come at an even pace.
"""

from dataclasses import dataclass, field

from ledger.values import value


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many microseconds.

    `interval_us` is the even distance between two of them, rounded up: never more than the rate.
    """

    calls: int
    period_us: int
    interval_us: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Reckon the distance once."""
        object.__setattr__(self, "interval_us", -(-self.period_us // self.calls))


def shared(rate: Rate, processes: int) -> Rate:
    """Return the part of *rate* that each of so many processes lets through: never more than it together."""
    calls = rate.calls // processes
    return Rate(calls, rate.period_us) if calls else Rate(1, -(-rate.period_us * processes // rate.calls))


@value
class Pass:
    """It may; `due_us` is what to remember of the caller."""

    due_us: int


@value
class Wait:
    """It may not for another `wait_us`; nothing changes."""

    wait_us: int


def pace(due_us: int, now_us: int, rate: Rate) -> Pass | Wait:
    """Decide on a call at *now_us* of a caller whose last one was due at *due_us* (0 for a new one)."""
    burst_us = rate.interval_us * rate.calls
    if due_us - now_us > burst_us:
        due_us = now_us  # so early nobody was let through: the clock was set back since
    following_us = max(due_us, now_us) + rate.interval_us
    early_us = following_us - now_us - burst_us
    return Wait(early_us) if early_us > 0 else Pass(following_us)
