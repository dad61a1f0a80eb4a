"""Pacing: a burst of the rate's size, an even pace after it, and never more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.pacing import Pass, Rate, Wait, pace, shared

SECOND = 1_000_000


def passed(rate: Rate, instants: list[int]) -> list[int]:
    """The instants at which a caller that tries at all of *instants* gets through."""
    due, through = 0, []
    for now in sorted(instants):
        verdict = pace(due, now, rate)
        if isinstance(verdict, Pass):
            due = verdict.due_us
            through.append(now)
    return through


@pytest.mark.parametrize("calls", [1, 3, 100])
def test_a_burst_of_the_whole_rate_passes_and_no_more(calls: int) -> None:
    """At one instant as many calls pass as the rate has."""
    now = 5 * SECOND

    assert len(passed(Rate(calls, SECOND), [now] * (calls + 5))) == calls


def test_who_waits_as_told_gets_through() -> None:
    """The wait that is answered is enough, and one microsecond less is not."""
    rate, now = Rate(2, SECOND), 7 * SECOND
    due = 0
    for _ in range(2):
        verdict = pace(due, now, rate)
        assert isinstance(verdict, Pass)
        due = verdict.due_us
    refused = pace(due, now, rate)

    assert isinstance(refused, Wait)
    assert isinstance(pace(due, now + refused.wait_us, rate), Pass)
    assert isinstance(pace(due, now + refused.wait_us - 1, rate), Wait)


@given(st.integers(1, 20), st.integers(1, 3 * SECOND), st.integers(1, 3600 * SECOND))
def test_a_clock_that_was_set_back_keeps_nobody_out(calls: int, period: int, back: int) -> None:
    """However far: nobody waits longer than for a burst that was just let through."""
    rate, now = Rate(calls, period), 7200 * SECOND
    due = 0
    while isinstance(verdict := pace(due, now, rate), Pass):
        due = verdict.due_us
    told = pace(due, now - back, rate)

    assert isinstance(told, Pass) or told.wait_us <= rate.interval_us * calls


@given(
    st.integers(1, 20),
    st.integers(1, 3 * SECOND),
    st.lists(st.integers(1, 10 * SECOND), max_size=200),
)
def test_no_period_sees_more_than_twice_the_rate(calls: int, period: int, instants: list[int]) -> None:
    """Whenever one looks, a period holds at most a burst and the even pace after it."""
    through = passed(Rate(calls, period), instants)

    for start in through:
        assert sum(start <= instant < start + period for instant in through) <= 2 * calls


@given(st.integers(1, 1000), st.integers(1, 60 * SECOND), st.integers(1, 50))
def test_the_parts_of_a_rate_are_never_more_than_it(calls: int, period: int, processes: int) -> None:
    """However many share it, and also where there are more of them than calls in a period."""
    part = shared(Rate(calls, period), processes)

    assert part.calls * processes * period <= calls * part.period_us
    assert shared(Rate(calls, period), 1) == Rate(calls, period)


def test_a_part_is_as_large_as_it_can_be() -> None:
    """Two have half each; of more than there are calls, each has one in a longer time."""
    assert shared(Rate(100, SECOND), 2) == Rate(50, SECOND)
    assert shared(Rate(2, SECOND), 5) == Rate(1, 2_500_000)
