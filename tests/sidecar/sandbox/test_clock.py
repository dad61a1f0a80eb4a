"""The chain's time moves on with the wall clock, and ahead of it when told."""

from sidecar.sandbox.clock import Clock
from tests.sidecar.sandbox.transactions import STARTED_S, ManualClock


def test_forward_adds_up() -> None:
    """Each step comes on top of the others, and the wall clock goes on beneath."""
    wall = ManualClock()
    clock = Clock(wall)
    assert (clock.forward(100), clock.forward(20)) == (100, 120)
    wall.now_s += 3
    assert clock.now_s() == clock.block_s() == STARTED_S + 123


def test_a_time_is_set_for_one_block() -> None:
    """The next block has exactly that time however late it comes; from there on time goes on."""
    wall = ManualClock()
    clock = Clock(wall)
    clock.set_next_block(STARTED_S + 50)
    wall.now_s += 2
    assert clock.now_s() == clock.block_s() == STARTED_S + 50
    assert clock.now_s() == clock.block_s() == STARTED_S + 52
