"""The limiter: each caller has a rate of its own, and memory is bounded."""

import pytest

from sidecar.domain.pacing import Rate
from sidecar.limiter import Limiter, address_of

MINUTE = 60_000_000


def test_each_caller_has_its_own_rate() -> None:
    """One who is too fast is told when to come again, and nobody else notices."""
    limiter = Limiter(Rate(2, MINUTE))

    assert [limiter.wait_s("a", 1) for _ in range(3)] == [0, 0, 30]
    assert limiter.wait_s("b", 1) == 0
    assert limiter.wait_s("a", 1 + 30_000_000) == 0


def test_a_call_that_was_none_is_not_counted() -> None:
    """It is as if it had not come; one of a caller that is not remembered changes nothing."""
    limiter = Limiter(Rate(2, MINUTE))
    assert [limiter.wait_s("a", 1) for _ in range(3)] == [0, 0, 30]

    limiter.give_back("a")
    limiter.give_back("b")

    assert [limiter.wait_s(caller, 1) for caller in "aabbb"] == [0, 30, 0, 0, 30]


def test_processes_hold_to_a_rate_together() -> None:
    """Each has its part of it from when the other is there, and all of it when it is alone again."""
    there = 2
    pair = [Limiter(Rate(4, MINUTE), processes=lambda: there) for _ in range(2)]

    assert [limiter.wait_s("a", 1) for limiter in pair for _ in range(3)] == [0, 0, 30, 0, 0, 30]
    there = 1
    assert [pair[0].wait_s("b", 1) for _ in range(5)] == [0, 0, 0, 0, 15]


def test_memory_holds_only_who_is_early() -> None:
    """A flood of strangers does not grow the memory, and does not free who was held back."""
    limiter = Limiter(Rate(1, MINUTE), callers_max=10)
    for number in range(1_000):
        assert limiter.wait_s(number, number * 10 * MINUTE) == 0
    assert len(limiter._due_us) <= 11

    crowded = Limiter(Rate(1, MINUTE), callers_max=10)
    for number in range(50):
        crowded.wait_s(number, 1)
    assert len(crowded._due_us) <= 11
    assert crowded.wait_s(49, 1) > 0


def test_a_crowd_is_not_gone_through_for_each_who_joins_it() -> None:
    """Making room costs as much as all who are remembered, and anybody can be as many as they like."""
    forgetting: list[int] = []

    class Counting(Limiter):
        def _forget(self, now_us: int) -> None:
            forgetting.append(now_us)
            super()._forget(now_us)

    limiter = Counting(Rate(1, MINUTE), callers_max=80)
    for number in range(180):
        assert limiter.wait_s(number, 1) == 0
    assert len(forgetting) == 10
    assert len(limiter._due_us) <= 80


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("2001:db8::1", 5), "2001:db8::"),
        (("2001:db8:0:0:ffff::9", 5), "2001:db8::"),
        (("fe80::1%eth0", 5), "fe80::"),
        (("::ffff:192.0.2.1", 5), "192.0.2.1"),
        (None, ""),
    ],
)
def test_what_counts_as_one_address(client: tuple[str, int] | None, address: str) -> None:
    """An IPv6 caller has a whole network to change addresses in; it is one caller."""
    assert address_of(client) == address
