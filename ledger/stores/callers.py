"""Callers: how units get from event loops to the threads that run them, and their outcomes back.

Knows no database.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from ledger.values import value

R = TypeVar("R")
T = TypeVar("T")


@dataclass(slots=True)
class Job(Generic[T]):
    """A unit that waits, the future of its caller, how often it was begun in vain, and if it goes `alone`."""

    unit: Callable[[T], Any]
    future: "asyncio.Future[Any]"
    attempts: int = 0
    alone: bool = False


@value
class Raised:
    """The outcome of a unit that raised."""

    error: BaseException


class Callers(Generic[T]):
    """Takes units from any event loop and hands them to `put`, all of one turn of the loop together."""

    def __init__(self, put: Callable[[list[Job[T]]], None]) -> None:
        self._put: Final = put
        self._waiting: dict[asyncio.AbstractEventLoop, list[Job[T]]] = {}

    def run(self, unit: Callable[[T], R]) -> "asyncio.Future[R]":
        """Hand *unit* over and return what becomes its outcome."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        job: Job[T] = Job(unit, future)
        waiting = self._waiting.get(loop)
        if waiting is None:
            # Handed over together at the end of this turn of the loop: tasks that were
            # woken by one group form the next one, and the writer is not woken for each.
            self._waiting[loop] = [job]
            loop.call_soon(self._hand_over, loop)
        else:
            waiting.append(job)
        return future

    def flush(self) -> None:
        """Hand over what waits for the end of a turn."""
        for loop in list(self._waiting):
            self._hand_over(loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs = self._waiting.pop(loop, None)
        if jobs is not None:
            self._put(jobs)


_Answer = tuple["asyncio.Future[Any]", Any]


def answer(jobs: list[Job[Any]], outcomes: list[Any]) -> None:
    """Hand the outcomes to the callers, with one call into their event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Answer]] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        by_loop.setdefault(job.future.get_loop(), []).append((job.future, outcome))
    for loop, answers in by_loop.items():
        # A closed loop has nobody waiting any more; what was committed stays committed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, answers)


def _resolve(answers: "list[_Answer]") -> None:
    for future, outcome in answers:
        if future.done():
            continue  # its caller was cancelled
        if isinstance(outcome, Raised):
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome)


def raisable(error: BaseException) -> BaseException:
    """Return what a future can carry; it refuses StopIteration, which would end the one who waits."""
    return RuntimeError("a unit raised StopIteration") if isinstance(error, StopIteration) else error
