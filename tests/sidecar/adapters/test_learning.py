"""Learning: estimates start from the books and follow what is served."""

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.money import nano
from pricing.cost import Kind
from sidecar.adapters.learning import Learning, recall
from sidecar.domain.closing import Ending
from sidecar.domain.events import CallClosed, CostsReported, Lifecycle
from sidecar.domain.expecting import AGE_US, NEEDED, Expected
from tests.sidecar.builders import NOW_US, open_books, verified
from tests.sidecar.fakes import ManualClock, RecordingObserver
from tests.sidecar.shop import PLATFORM_FEE, TOOL, line

NAME = "POST /research"
CLOSED = CallClosed("call_1", NAME, "served", 50, 0, (("model", 7), ("tool", 2), ("fee", 100)), 0)


async def test_the_books_tell_what_the_last_hours_calls_cost(tmp_path: Path) -> None:
    """Served calls count with all their work; failed ones, unknown costs, fees and old calls do not."""
    async with open_books(tmp_path) as books:
        for number in range(NEEDED + 2):
            payment = await books.settled(verified(call=f"call_{number}", nonce=number), number)
            lines = [line(units=7), TOOL, line(Kind.FEE, "gateway", 3)]
            if number == NEEDED:
                lines = [line(units=None)]
            ending = Ending.UNDELIVERED if number == NEEDED + 1 else Ending.DELIVERED
            await books.close(payment, ending, *lines, platform_fee=PLATFORM_FEE)
        expected = Expected([NAME])
        recall(expected, books.place, NOW_US + AGE_US)
        assert expected.cost(NAME, NOW_US) is None

        recall(expected, books.place, NOW_US)
        assert TOOL.amount is not None
        assert expected.cost(NAME, NOW_US) == nano(7) + TOOL.amount


@pytest.mark.parametrize(
    ("event", "learnt"),
    [
        (CLOSED, nano(9)),
        (replace(CLOSED, cost_nano=()), nano(0)),
        (replace(CLOSED, captured_nano=0), None),
        (replace(CLOSED, unknown_costs=1), None),
        (Lifecycle("serving", ""), None),
    ],
)
def test_what_is_served_is_noted_and_told_on(event: CallClosed | Lifecycle, learnt: object) -> None:
    """Only a served call whose cost is wholly known teaches; the observers hear of everything."""
    observer, expected, clock = RecordingObserver(), Expected([NAME]), ManualClock()
    learning = Learning(observer, expected, clock)
    for _ in range(NEEDED):
        learning.saw(event)

    assert expected.cost(NAME, clock.now_us()) == learnt
    assert observer.events == [event] * NEEDED


def test_what_an_agent_reports_after_the_close_is_learnt() -> None:
    """An agent that tells its costs late does not make its calls look free."""
    observer, expected, clock = RecordingObserver(), Expected([NAME]), ManualClock()
    learning = Learning(observer, expected, clock)
    for number in range(NEEDED):
        learning.saw(replace(CLOSED, call=f"call_{number}", cost_nano=()))
        learning.saw(CostsReported(f"call_{number}", NAME, 1, 0, (("fee", 100), ("model", 7))))

    assert expected.cost(NAME, clock.now_us()) == nano(7)
