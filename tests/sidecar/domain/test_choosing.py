"""Whom to ask next follows from what came of asking before, and from nothing else."""

from dataclasses import replace
from functools import reduce
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.choosing import (
    FADE_US,
    FAULTS_MAX,
    PAUSE_FIRST_US,
    PAUSE_LAST_US,
    POLL_FIRST_US,
    POLL_LAST_US,
    POLL_US,
    SLOW_US,
    TRIAL_US,
    Breaker,
    Health,
    admitting,
    order,
)

BASE: Final = ("exact", "eip155:8453")
SEPOLIA: Final = ("exact", "eip155:84532")
BOTH: Final = frozenset({BASE, SEPOLIA})
NOW_US: Final = 1_000_000_000
QUICK_US: Final = 200_000


def healthy(name: str, *kinds: tuple[str, str]) -> Health:
    return Health(name, kinds=frozenset(kinds) or BOTH, asked_us=NOW_US)


def failing(health: Health, times: int = FAULTS_MAX, now_us: int = NOW_US) -> Health:
    for _ in range(times):
        health = health.failed(QUICK_US, now_us)
    return health


def tried_again(name: str, now_us: int = NOW_US) -> Health:
    """Build one that was opened at *now_us* and has listed its kinds after its pause."""
    opened = failing(healthy(name), now_us=now_us)
    return opened.listed(BOTH, opened.open_until_us)


def test_only_who_settles_the_kind_is_asked() -> None:
    """Each facilitator is asked for what it lists; who has listed nothing is asked for nothing."""
    candidates = [healthy("a", BASE), healthy("b", SEPOLIA), Health("c")]

    assert order(candidates, BASE, NOW_US) == ("a",)
    assert order(candidates, SEPOLIA, NOW_US) == ("b",)
    assert order(candidates, ("upto", "eip155:8453"), NOW_US) == ()
    assert admitting(candidates, ("upto", "eip155:8453"), NOW_US) is None


def test_equals_stay_as_the_seller_listed_them() -> None:
    """The list is the seller's preference; a difference of less than a step changes nothing."""
    quick = healthy("b").answered(QUICK_US, NOW_US)
    candidates = [healthy("a").answered(3 * QUICK_US, NOW_US), quick, healthy("c")]

    assert order(candidates, BASE, NOW_US) == ("a", "b", "c")


def test_a_slow_one_is_asked_after_the_others() -> None:
    """One long answer is enough, and many quick ones bring it back."""
    slow = healthy("a").answered(30_000_000, NOW_US)
    assert order([slow, healthy("b")], BASE, NOW_US) == ("b", "a")

    for _ in range(10):
        slow = slow.answered(QUICK_US, NOW_US)
    assert order([slow, healthy("b")], BASE, NOW_US) == ("a", "b")


def test_being_slow_is_forgotten_in_time() -> None:
    """Who is never asked cannot get faster, so its estimate fades."""
    slow = healthy("a").answered(30_000_000, NOW_US)
    later_us = NOW_US + 3 * FADE_US

    assert slow.slowness(NOW_US) == 30_000_000 // 4 // SLOW_US
    assert slow.slowness(later_us) == 0
    assert order([slow, healthy("b")], BASE, later_us) == ("a", "b")


def test_the_breaker_opens_after_faults_in_a_row() -> None:
    """One less is not enough, and any answer between them begins the row anew."""
    almost = failing(healthy("a"), FAULTS_MAX - 1)
    assert almost.breaker is Breaker.CLOSED
    assert almost.failed(QUICK_US, NOW_US).breaker is Breaker.OPEN

    again = failing(almost.answered(QUICK_US, NOW_US), FAULTS_MAX - 1)
    assert again.breaker is Breaker.CLOSED


def test_an_open_one_is_asked_for_nothing() -> None:
    """Not while it pauses, and not after it, as long as it does not even say what it settles."""
    opened = failing(healthy("a"))
    much_later_us = NOW_US + 10 * PAUSE_LAST_US

    assert order([opened, healthy("b")], BASE, NOW_US) == ("b",)
    assert order([opened], BASE, much_later_us) == ()
    assert admitting([opened], BASE, much_later_us) is None


def test_a_list_of_kinds_counts_after_the_pause_only() -> None:
    """A facilitator whose list is a static page is left alone all the same; it is asked again when due."""
    opened = failing(healthy("a"))
    early = opened.listed(BOTH, opened.open_until_us - 1)

    assert (early.breaker, early.poll_us) == (Breaker.OPEN, opened.open_until_us)
    late = early.listed(BOTH, opened.open_until_us)
    assert (late.breaker, late.poll_us) == (Breaker.HALF_OPEN, opened.open_until_us + POLL_US)


def test_one_call_tries_a_half_open_one_before_the_others_are_asked() -> None:
    """It comes first once; while that call is under way it comes last; afterwards it is tried again."""
    back, now_us = tried_again("a"), NOW_US + PAUSE_FIRST_US
    assert order([healthy("b"), back], BASE, now_us) == ("a", "b")

    trying = back.on_trial(now_us)
    assert order([trying, healthy("b")], BASE, now_us) == ("b", "a")
    assert order([trying, healthy("b")], BASE, now_us + TRIAL_US) == ("a", "b")


def test_alone_and_half_open_it_lets_in_one_call_at_a_time() -> None:
    """Work is begun for one call, and that call can then ask."""
    back, now_us = tried_again("a"), NOW_US + PAUSE_FIRST_US
    assert admitting([back], BASE, now_us) is back

    trying = back.on_trial(now_us)
    assert admitting([trying], BASE, now_us) is None
    assert order([trying], BASE, now_us) == ("a",)
    assert admitting([trying], BASE, now_us + TRIAL_US) is trying


def test_a_closed_one_lets_calls_in_before_a_trial_does() -> None:
    """A call is admitted on the strength of one that answers."""
    closed = healthy("b")

    assert admitting([tried_again("a"), closed], BASE, NOW_US + PAUSE_FIRST_US) is closed


def test_an_answer_closes_the_breaker_and_forgets_the_pauses() -> None:
    """The trial went well: as if nothing had been, but for how long it took."""
    back = tried_again("a").on_trial(NOW_US).answered(QUICK_US, NOW_US)

    assert replace(back, latency_us=0, poll_us=0, asked_us=0) == Health("a", kinds=BOTH)


def test_each_pause_is_twice_as_long_as_the_last_up_to_a_bound() -> None:
    """A facilitator that fails its trials is tried less and less often, and never given up."""
    health, now_us, pauses = failing(healthy("a")), NOW_US, []
    for _ in range(9):
        pauses.append(health.open_until_us - now_us)
        now_us = health.open_until_us
        health = health.listed(BOTH, now_us).failed(QUICK_US, now_us)

    assert pauses[:3] == [PAUSE_FIRST_US, 2 * PAUSE_FIRST_US, 4 * PAUSE_FIRST_US]
    assert pauses[-1] == PAUSE_LAST_US


def test_what_was_under_way_when_it_opened_makes_no_pause_longer() -> None:
    """A hundred calls that fail together are one outage."""
    opened = failing(healthy("a"))
    more = failing(opened, 100, NOW_US + 1)

    assert (more.open_until_us, more.pauses) == (opened.open_until_us, 1)


def test_who_does_not_list_its_kinds_is_asked_again_soon_then_less_often() -> None:
    """What it listed before stays true meanwhile."""
    health, now_us, waits = healthy("a").listed(BOTH, NOW_US), NOW_US, []
    assert health.poll_us == NOW_US + POLL_US
    for _ in range(6):
        health = health.missed(now_us)
        waits.append(health.poll_us - now_us)

    assert waits == [POLL_FIRST_US * times for times in (1, 2, 4, 8)] + [POLL_LAST_US] * 2
    assert health.kinds == BOTH
    assert health.listed(BOTH, now_us).missed(now_us).poll_us == now_us + POLL_FIRST_US


STEPS: Final = st.sampled_from(("answered", "failed", "listed", "missed", "on_trial"))


def stepped(health: Health, step: tuple[str, int]) -> Health:
    what, at_us = step
    match what:
        case "answered":
            return health.answered(at_us % 40_000_000, at_us)
        case "failed":
            return health.failed(at_us % 40_000_000, at_us)
        case "listed":
            return health.listed(BOTH, at_us)
        case "missed":
            return health.missed(at_us)
    return health.on_trial(at_us)


@st.composite
def healths(draw: st.DrawFn, name: str) -> Health:
    """Draw what can become of a facilitator in some order of events, at rising times."""
    whats = draw(st.lists(STEPS, max_size=30))
    times = sorted(draw(st.integers(0, 10**9)) for _ in whats)
    return reduce(stepped, zip(whats, times, strict=True), Health(name, kinds=BOTH))


@given(st.tuples(healths("a"), healths("b"), healths("c")), st.integers(10**9, 10**12))
def test_whatever_happened_the_order_holds(candidates: tuple[Health, ...], now_us: int) -> None:
    """Nobody open is named, nobody able is left out, a trial goes first and a busy trial last."""
    by_name = {each.name: each for each in candidates}
    named = [by_name[name] for name in order(candidates, BASE, now_us)]

    assert {each.name for each in named} == {e.name for e in candidates if e.breaker is not Breaker.OPEN}
    ranks = [0 if e.awaits_trial(now_us) else 1 if e.breaker is Breaker.CLOSED else 2 for e in named]
    assert ranks == sorted(ranks)
    admitted = admitting(candidates, BASE, now_us)
    assert (admitted is not None) == (bool(ranks) and min(ranks) < 2)
    assert all(type(each.latency_us) is int and each.latency_us >= 0 for each in candidates)


@pytest.mark.parametrize("took_us", [0, 1, 10**6, 10**9])
def test_an_estimate_comes_near_to_what_is_measured(took_us: int) -> None:
    """The same time again and again becomes the estimate, to within the rounding of a quarter."""
    health = reduce(lambda known, _: known.answered(took_us, NOW_US), range(100), healthy("a"))

    assert took_us - 4 < health.latency_us <= took_us
