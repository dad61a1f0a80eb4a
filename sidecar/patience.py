"""Patience: how long something is waited for, and what comes of it after that."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
MOMENT_S: Final = 0.5
"""How long work that may go on beside the rest is waited for, in seconds."""


class Beside:
    """Work that is waited for a moment only, and goes on beside the rest; one piece of it at a time."""

    def __init__(self) -> None:
        self._going_on: asyncio.Task[None] | None = None

    async def do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin *work*, unless an earlier piece goes on. Raises what the one that is done by now raised."""
        going_on = self._going_on = self._going_on or asyncio.create_task(work())
        await asyncio.wait((going_on,), timeout=MOMENT_S)
        if going_on.done():
            self._going_on = None
            going_on.result()

    async def finish(self) -> None:
        """Wait for what goes on; what it raises is told by the next `do`."""
        if self._going_on is not None:
            await asyncio.wait((self._going_on,))

    def stop(self) -> None:
        """Wait for nothing: what goes on is cancelled."""
        if self._going_on is not None:
            self._going_on.cancel()


async def within(seconds: float, doing: Coroutine[Any, Any, T]) -> T:
    """Return what *doing* returns. TimeoutError: it began to wait, and was not done *seconds* after that.

    No timer is made for what goes through at once.
    """
    return await waiting(partial(asyncio.timeout, seconds), doing)


async def waiting(under: Callable[[], AbstractAsyncContextManager[Any]], doing: Coroutine[Any, Any, T]) -> T:
    """Return what *doing* returns, entering *under* only when it begins to wait."""
    try:
        awaited = doing.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with under():
        return await _rest(doing, awaited)


@coroutine
def _rest(doing: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Go on with a coroutine that has said what it waits for."""
    while True:
        try:
            try:
                told = yield awaited
            except BaseException as error:  # a cancellation is its to handle
                awaited = doing.throw(error)
            else:
                awaited = doing.send(told)
        except StopIteration as done:
            result: T = done.value
            return result
