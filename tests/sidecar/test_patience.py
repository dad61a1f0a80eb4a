"""A deadline holds for what waits, and only for that."""

import asyncio

import pytest

from sidecar import patience
from sidecar.patience import Beside, within


async def test_what_goes_through_at_once_has_its_result() -> None:
    """Whatever the deadline: nothing was waited for."""

    async def at_once() -> str:
        return "done"

    assert await within(0, at_once()) == "done"


@pytest.mark.parametrize("waits", [0, 3])
async def test_an_error_passes(waits: int) -> None:
    """Before it waits and after."""

    async def fails() -> None:
        for _ in range(waits):
            await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await within(5, fails())


async def test_what_waits_has_its_result_too() -> None:
    """However often, and for whatever kind of awaitable."""
    loop = asyncio.get_running_loop()

    async def waits() -> int:
        await asyncio.sleep(0)
        found: asyncio.Future[int] = loop.create_future()
        loop.call_later(0.01, found.set_result, 3)
        return await found + await asyncio.create_task(asyncio.sleep(0, 4))

    assert await within(5, waits()) == 7


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_what_waits_too_long_is_ended(seconds: float) -> None:
    """It is told by a cancellation, as everywhere; a second wait has no second deadline."""
    ended = False

    async def waits() -> None:
        nonlocal ended
        try:
            await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            ended = True

    with pytest.raises(TimeoutError):
        await within(seconds, waits())
    assert ended


async def test_a_cancellation_from_outside_stays_one() -> None:
    """And is not taken for the deadline."""
    told: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    task = asyncio.create_task(within(5, waits()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["cancelled"]


async def test_one_that_goes_on_after_its_deadline_is_late_all_the_same() -> None:
    """As with asyncio's own."""

    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "late"

    assert await within(0, stubborn()) == "late"


@pytest.fixture
def no_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that waits is done in time."""
    monkeypatch.setattr(patience, "MOMENT_S", 0)


async def test_work_that_is_done_in_a_moment_was_waited_for() -> None:
    """Each piece of it, one after the other; and what it raises is raised."""
    done: list[int] = []
    beside = Beside()

    async def work() -> None:
        await asyncio.sleep(0)
        done.append(len(done))
        assert len(done) < 3

    await beside.do(work)
    await beside.do(work)
    with pytest.raises(AssertionError):
        await beside.do(work)
    assert done == [0, 1, 2]


@pytest.mark.usefixtures("no_moment")
async def test_work_that_takes_longer_goes_on_alone() -> None:
    """No other is begun beside it, and what it raises in the end is raised by who comes next."""
    begun: list[int] = []
    gate = asyncio.Event()
    beside = Beside()

    async def work() -> None:
        begun.append(1)
        await gate.wait()
        raise ZeroDivisionError

    for _ in range(3):
        await beside.do(work)
    assert begun == [1]
    gate.set()
    await beside.finish()
    with pytest.raises(ZeroDivisionError):
        await beside.do(work)
    assert begun == [1]


@pytest.mark.usefixtures("no_moment")
async def test_work_that_is_stopped_is_cancelled() -> None:
    """Nobody waits for it any more."""
    beside = Beside()
    cancelled: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    await beside.do(work)
    beside.stop()
    await beside.finish()
    assert cancelled == [True]
