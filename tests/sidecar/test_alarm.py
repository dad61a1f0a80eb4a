"""An alarm rings once, at the moment set last, and costs no timer when that moves away."""

import asyncio
from typing import Any

import pytest

from sidecar.alarm import Alarm


class Loop:
    """A loop whose time is turned by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, when_s: float, ring: Any) -> "Timer":
        self.timers.append(Timer(when_s, ring))
        return self.timers[-1]

    def turn_to(self, now_s: float) -> None:
        self.now_s = now_s
        for timer in [each for each in self.timers if not each.over and each.when_s <= now_s]:
            timer.over = True
            timer.ring()


class Timer:
    """What `call_at` gives."""

    def __init__(self, when_s: float, ring: Any) -> None:
        self.when_s = when_s
        self.ring = ring
        self.over = False

    def when(self) -> float:
        return self.when_s

    def cancel(self) -> None:
        self.over = True


@pytest.fixture
def loop() -> Loop:
    return Loop()


def alarm_of(loop: Loop) -> tuple[Alarm, list[float]]:
    rung: list[float] = []
    stand_in: Any = loop
    return Alarm(stand_in, lambda: rung.append(loop.now_s)), rung


def test_it_rings_once_at_its_moment(loop: Loop) -> None:
    """Not before and not again."""
    alarm, rung = alarm_of(loop)
    alarm.set(10.0)
    for now_s in (9.0, 10.0, 11.0, 30.0):
        loop.turn_to(now_s)

    assert rung == [10.0]


def test_a_later_moment_needs_no_other_timer(loop: Loop) -> None:
    """Set with every segment, it is one timer; that wakes early and waits for the rest."""
    alarm, rung = alarm_of(loop)
    for due_s in (10.0, 11.0, 12.0, 13.0):
        alarm.set(due_s)
    assert len(loop.timers) == 1
    for now_s in (10.0, 12.9, 13.0):
        loop.turn_to(now_s)

    assert rung == [13.0]
    assert len(loop.timers) == 2


def test_an_earlier_moment_is_kept_too(loop: Loop) -> None:
    """The timer for a long wait does not hide a short one."""
    alarm, rung = alarm_of(loop)
    alarm.set(75.0)
    alarm.set(10.0)
    loop.turn_to(10.0)
    loop.turn_to(75.0)

    assert rung == [10.0]


@pytest.mark.parametrize("stopped", [True, False])
def test_what_is_unset_does_not_ring(loop: Loop, stopped: bool) -> None:
    """Neither unset nor stopped; unset, it can be set again."""
    alarm, rung = alarm_of(loop)
    alarm.set(10.0)
    if stopped:
        alarm.stop()
        alarm.stop()
    else:
        alarm.set(None)
    loop.turn_to(10.0)
    assert rung == []

    alarm.set(12.0)
    loop.turn_to(12.0)
    assert rung == [12.0]


async def test_it_runs_on_a_real_loop() -> None:
    """Also where the loop's clock is coarser than the moment."""
    loop = asyncio.get_running_loop()
    rung = asyncio.Event()
    Alarm(loop, rung.set).set(loop.time() + 0.0104)
    await asyncio.wait_for(rung.wait(), 5)
