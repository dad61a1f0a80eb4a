"""Delivery: an agent's answer on its way to the buyer. Reads ahead, streams, meters, and tells who stopped.

Knows no payment. State is bounded: what is read ahead, and the meter's own limit.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from enum import Enum
from math import inf
from typing import Final, Protocol

from pricing.extract import Meter, Metered
from sidecar.domain.refusals import Refusal
from sidecar.ports import AnswerLost, Headers, Kept, UpstreamAnswer
from sidecar.room import Room
from sidecar.x402.documents import SettleReply

SHORT_BYTES: Final = 32 * 1024
"""An answer that is no longer is handed over at once: a server writes that much without waiting."""
AT_ONCE_S: Final = 0.005
"""How long the head of an answer that says it is short waits for the body, to leave together with it."""


class End(Enum):
    """How a delivery ended, decided by who was waited for."""

    DELIVERED = "delivered"
    BROKEN_OFF = "broken_off"  # the agent, while the buyer kept up
    BUYER_LEFT = "buyer_left"  # or read too slowly


class Unseen(Enum):
    """Why a body was not seen whole before it was sent."""

    TOO_LONG = "too long"
    LATE = "late"
    LOST = "lost"  # the agent broke off
    NO_ROOM = "no room"  # other calls hold what all may hold together


class Exchange(Protocol):
    """The buyer's side of one call. Nothing here raises when the buyer is gone."""

    async def start(
        self,
        status: int,
        headers: Headers,
        receipt: SettleReply | None,
        *,
        failed: bool = False,
        owed: bool = False,
    ) -> bool:
        """Send the agent's status and fields, with the receipt if it was paid; False if the buyer is gone.

        *failed*: it is not what the buyer pays for, whatever its status says.
        *owed*: the answer is sold, and its receipt comes later.
        """
        ...

    async def send(self, chunk: bytes) -> bool:
        """Send a piece of the body, with backpressure; False if the buyer is gone or too slow."""
        ...

    async def finish(self) -> bool:
        """End the answer cleanly; False if the buyer is gone or too slow."""
        ...

    def cut(self) -> None:
        """End the connection so that the buyer can tell the answer is not whole."""
        ...

    async def replay(
        self, kept: Kept, receipt: SettleReply | None, call: str = "", *, within_s: int | None = None
    ) -> bool:
        """Send a whole answer, as the sold one of *call* if it is another than this one.

        Without a receipt it is owed for. False if the buyer is gone, or does not take it within *within_s*.
        """
        ...

    async def refuse(self, refusal: Refusal, receipt: SettleReply | None = None) -> None:
        """Answer with a refusal instead; if an answer was begun, cut it. A second refusal is not sent."""
        ...

    def status_of(self, refusal: Refusal) -> int:
        """Return the status a refusal is answered with."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one delivery: bytes held while settling, seconds for all of it, and for draining.

    `keep_bytes`: how large a whole answer may be to be kept for a repeat.
    """

    read_ahead_bytes: int
    stream_total_s: int
    drain_s: int
    drain_bytes: int
    keep_bytes: int = 0


class Delivery:
    """One answer's body: read once, metered as it is read, sent in order."""

    def __init__(self, answer: UpstreamAnswer, meter: Meter, bounds: Bounds, room: Room) -> None:
        self._answer = answer
        self._chunks: AsyncIterator[bytes] = answer.chunks()
        self._meter = meter
        self._bounds = bounds
        self._room = room
        self._ahead: deque[bytes] = deque()
        self._held = self._ahead_max = 0
        self._halted = False
        self._filling: asyncio.Task[None] | None = None  # reads ahead
        self._ended = False
        self._lost = False
        self._until_s: float | None = None  # when it must be at its end
        self._waits_for_buyer = False
        self._copy: bytearray | None = bytearray()

    @property
    def whole(self) -> bytes | None:
        """Return the whole body if it came whole and is small enough to be kept."""
        came = self._ended and not self._lost
        return bytes(self._copy) if came and self._copy is not None else None

    async def peek(self, bytes_max: int, within_s: float) -> bytes | Unseen:
        """Return the whole body if it is no longer and comes in time; it stays to be sent.

        All of it is held meanwhile: it counts against the room.
        """
        late = not await self._filled(bytes_max + 1, within_s)
        if self._ended and self._held <= bytes_max:
            return Unseen.LOST if self._lost else b"".join(self._ahead)
        if self._held > bytes_max:
            return Unseen.TOO_LONG
        return Unseen.LATE if late else Unseen.NO_ROOM

    def read_ahead(self) -> None:
        """Begin to read what comes, as far as there is room; then leave it to backpressure."""
        self._fill(self._bounds.read_ahead_bytes)

    def halt(self) -> None:
        """Read no further ahead than the piece that is waited for. Raises what reading raised."""
        self._halted = True
        if self._filling is not None and self._filling.done():
            filling, self._filling = self._filling, None
            filling.result()

    async def at_once(self, exchange: Exchange, receipt: SettleReply | None) -> End | None:
        """Send the whole answer if it is short and here, or says it is and comes now; None if it streams."""
        if not self._ended and self._declared() <= SHORT_BYTES:
            await self._filled(self._bounds.read_ahead_bytes, AT_ONCE_S)
        if not self._ended or self._lost or sum(map(len, self._ahead)) > SHORT_BYTES:
            return None
        whole = Kept(self._answer.status, tuple(self._answer.headers), b"".join(self._ahead))
        taken = await exchange.replay(whole, receipt, within_s=self._bounds.stream_total_s)
        return End.DELIVERED if taken else End.BUYER_LEFT

    async def stream(self, exchange: Exchange, pause_s: float = inf) -> End | None:
        """Send the body as it comes; None after *pause_s* if it is not at its end: then it may go on.

        The total time is bounded: whoever is waited for then, has stopped.
        """
        now_s = asyncio.get_running_loop().time()
        self._until_s = self._until_s or now_s + self._bounds.stream_total_s
        try:
            async with asyncio.timeout_at(self._until_s):
                return await self._stream(exchange, now_s + pause_s)
        except TimeoutError:
            exchange.cut()
            self._lost = not self._waits_for_buyer
            return End.BROKEN_OFF if self._lost else End.BUYER_LEFT

    async def drain(self) -> None:
        """Read the rest for its cost alone, within bounds; what is beyond them stays unknown."""
        self._ahead.clear()
        self._give_back(self._held)
        read = 0
        try:
            async with asyncio.timeout(self._bounds.drain_s):
                while (chunk := await self._take()) is not None:
                    read += len(chunk)
                    if read > self._bounds.drain_bytes:
                        self._lost = True
                        return
        except TimeoutError:
            self._lost = True

    async def metered(self) -> Metered:
        """Close the answer and return what it used, or that it broke off before it told."""
        await self.close()
        metered = self._meter.finish()
        whole = self._ended and not self._lost
        return metered if whole or metered.usages else replace(metered, lost=True)

    async def close(self) -> None:
        """Stop reading, give back what room is still taken, close the answer; safe more than once."""
        self._ahead.clear()
        self._give_back(self._held)
        filling, self._filling = self._filling, None
        if filling is not None and not filling.done():
            filling.cancel()
            await asyncio.wait((filling,))
        await self._answer.close()

    async def _stream(self, exchange: Exchange, pause_s: float) -> End | None:
        while (chunk := await self._take()) is not None:
            if not await self._hand(exchange.send(chunk)):
                return End.BUYER_LEFT
            if not self._ended and asyncio.get_running_loop().time() >= pause_s:
                return None
        if self._lost:
            exchange.cut()
            return End.BROKEN_OFF
        return End.DELIVERED if await self._hand(exchange.finish()) else End.BUYER_LEFT

    async def _hand(self, handing: Awaitable[bool]) -> bool:
        """Wait for the buyer; should the time run out meanwhile, it stays noted for whom we waited."""
        self._waits_for_buyer = True
        kept_up = await handing
        self._waits_for_buyer = False
        return kept_up

    def _give_back(self, size: int) -> None:
        self._room.give(size)
        self._held -= size

    async def _take(self) -> bytes | None:
        self._halted = True
        if not self._ahead and self._filling is not None:
            filling, self._filling = self._filling, None
            await filling
        if self._ahead:
            chunk = self._ahead.popleft()
            self._give_back(min(len(chunk), self._held))  # the last one may not have found room
            return chunk
        return None if self._ended else await self._read()

    def _declared(self) -> int:
        """Return how long the body says it is; without a word, longer than anything that is short."""
        lengths = [value for name, value in self._answer.headers if name == b"content-length"]
        return int(lengths[0]) if lengths and lengths[0].isdigit() else SHORT_BYTES + 1

    async def _filled(self, bytes_max: int, within_s: float) -> bool:
        """Read ahead until there is no more to read or no room; False if that took too long."""
        self._fill(bytes_max)
        if self._filling is not None and not self._filling.done():
            await asyncio.wait((self._filling,), timeout=within_s)
        in_time = self._filling is None or self._filling.done()
        self.halt()
        return in_time

    def _fill(self, bytes_max: int) -> None:
        self._ahead_max, self._halted = bytes_max, False
        if self._filling is not None or self._ended:
            return
        whole = self._answer.whole()
        if whole is None:
            self._filling = asyncio.create_task(self._read_on())
        else:
            self._ended = True
            self._hold(self._note(whole))

    async def _read_on(self) -> None:
        while not self._halted and self._held < self._ahead_max:
            chunk = await self._read()
            if chunk is None or not self._hold(chunk):
                return

    def _hold(self, chunk: bytes) -> bool:
        """Keep *chunk* to be sent; False if there was no room for it, and is none for more."""
        self._ahead.append(chunk)
        if not self._room.take(len(chunk)):
            return False
        self._held += len(chunk)
        return True

    async def _read(self) -> bytes | None:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._ended = True
            return None
        except AnswerLost:
            self._ended = self._lost = True
            return None
        return self._note(chunk)

    def _note(self, chunk: bytes) -> bytes:
        self._meter.feed(chunk)
        if self._copy is not None:
            self._copy += chunk
            if len(self._copy) > self._bounds.keep_bytes:
                self._copy = None
        return chunk
