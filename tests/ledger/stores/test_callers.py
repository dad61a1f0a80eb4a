"""Units reach the thread that runs them together, and each caller gets its own outcome."""

import asyncio

import pytest

from ledger.stores.callers import Callers, Job, Raised, answer, raisable


async def test_units_of_one_turn_are_handed_over_together() -> None:
    """What tasks of one turn of the loop ask for arrives as one list, in order."""
    put: list[list[Job[int]]] = []
    callers: Callers[int] = Callers(put.append)
    asked = [callers.run(lambda one, n=n: one + n) for n in range(3)]  # type: ignore[misc]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    (jobs,) = put
    answer(jobs, [job.unit(10) for job in jobs])

    assert await asyncio.gather(*asked) == [10, 11, 12]


async def test_an_outcome_that_raised_raises() -> None:
    """A caller gets what its unit raised, also what a future cannot carry."""
    put: list[list[Job[int]]] = []
    callers: Callers[int] = Callers(put.append)
    asked = [callers.run(lambda one: one) for _ in range(2)]
    await asyncio.sleep(0)
    callers.flush()

    answer(put[0], [Raised(raisable(LookupError("own"))), Raised(raisable(StopIteration()))])

    with pytest.raises(LookupError, match="own"):
        await asked[0]
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asked[1]
