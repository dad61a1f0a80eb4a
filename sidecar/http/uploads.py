"""Uploads: the bodies of calls that are still on their way. Who takes long gives way when places run out.

A body may trickle for minutes and costs its sender nothing: without this, as many connections as
there are places would keep everybody else from buying. Knows no payment.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sidecar.domain.admission import RETRY_AFTER_S
from sidecar.domain.refusals import Code, Refusal
from sidecar.http.exchange import BuyerExchange
from sidecar.http.paid_body import PaidBody
from sidecar.patience import waiting

UNDISTURBED_S: Final = 1.0
"""How long a body may come before it can be asked to give way, in seconds: most are whole long before."""


class Uploads:
    """The bodies that are read now, those that began first coming first."""

    def __init__(self) -> None:
        self._began_s: dict[asyncio.Timeout, float] = {}

    async def read(self, exchange: BuyerExchange, limit: int) -> PaidBody | Refusal:
        """Read a body whole, as `BuyerExchange.read_body` does; OVERLOADED: it had to give way."""
        try:
            return await waiting(self._turn, exchange.read_body(limit))
        except TimeoutError:
            return Refusal(Code.OVERLOADED, retry_after_s=RETRY_AFTER_S)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Be known as one that can be asked to give way; a body that is here with its head never is."""
        turn = asyncio.timeout(None)
        try:
            async with turn:
                self._began_s[turn] = asyncio.get_running_loop().time()
                yield
        finally:
            self._began_s.pop(turn, None)

    def give_way(self) -> bool:
        """End the one that began first, if it has had its time; False if nobody gives way."""
        now_s = asyncio.get_running_loop().time()
        first = next(iter(self._began_s), None)
        if first is None or now_s - self._began_s[first] < UNDISTURBED_S:
            return False
        del self._began_s[first]
        first.reschedule(now_s)
        return True
