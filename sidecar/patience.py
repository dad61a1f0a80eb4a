"""Patience: a deadline for what seldom waits; no timer is made for what goes through at once."""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, doing: Coroutine[Any, Any, T]) -> T:
    """Return what *doing* returns. TimeoutError: it began to wait, and was not done *seconds* after that."""
    try:
        awaited = doing.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout(seconds):
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
