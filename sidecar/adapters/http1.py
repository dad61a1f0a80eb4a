"""One HTTP/1.1 connection to a server, as its client: a request out, a streamed answer back, then another.

Knows no pool, route or payment. What it raises says what is proven: a connection that was made
carried bytes, so every fault here is AnswerLost. Both bodies have backpressure, heads have limits.
"""

import asyncio
import select
from collections import deque
from collections.abc import AsyncIterable, Callable
from typing import Any, Final

import httptools

from sidecar.alarm import Alarm
from sidecar.ports import AnswerLost, TimedOut

SLICE_BYTES: Final = 16_384
HEAD_BYTES_MAX: Final = 65_536
"""How much an answer's status line and headers may be, those of 1xx answers before it included."""
FIELDS_MAX: Final = 100
"""How many fields an answer may have; whoever reads its head holds it to that."""
HIGH_WATER_BYTES: Final = 65_536
"""How much of an answer waits here before its server is made to wait."""
IDLE_S: Final = 4.0
"""How long a connection is kept for another request: common servers drop theirs after 5 s, and a request
that crosses such a close is lost without a trace of whether it was read."""
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_INFORMATIONAL: Final = 200

Body = bytes | AsyncIterable[bytes] | None
Fields = list[tuple[bytes, bytes]]


class ServerConnection(asyncio.Protocol):
    """Used by one task at a time: `ask`, then `read` until None, then `release`.

    *over* is told once when the connection is closed, *free* when another request may be sent.
    """

    def __init__(
        self,
        whom: str,
        loop: asyncio.AbstractEventLoop,
        *,
        free: Callable[["ServerConnection"], None],
        over: Callable[["ServerConnection"], None],
    ) -> None:
        self._whom = whom
        self._loop = loop
        self._free = free
        self._over = over
        self._parser: Any = httptools.HttpResponseParser(self)
        self._alarm = Alarm(loop, self._late)
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False
        self._begin(to_head=False)
        self._whole = True  # nothing is asked yet

    def _begin(self, *, to_head: bool) -> None:
        self.status = 0
        self.fields: Fields = []
        self._to_head = to_head
        self._headed = False
        self._whole = False
        self._framed = False  # a field of the head says how the body ends
        self._until_close = False  # the answer has no other end
        self._begun = False  # something of it was read
        self._last = False  # nothing may follow on this connection
        self._head_bytes = 0
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._failed: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._upload: asyncio.Task[None] | None = None

    @property
    def usable(self) -> bool:
        """Tell whether a request may be sent."""
        return not self._transport.is_closing()

    @property
    def quiet(self) -> bool:
        """Tell whether the server has neither closed nor said a word that is not read yet.

        A system call narrows the moment in which a request could cross a close to what is on the way.
        """
        return not (self._transport.is_closing() or self._poll.poll(0))

    async def ask(self, head: bytes, body: Body, *, to_head: bool, within_s: float) -> None:
        """Send a request and wait for the answer's head, then in `status` and `fields`.

        *body* is as it goes on the wire; an error of its own passes. TimedOut: no head within
        *within_s*, however far the body came. Given up on, the connection is closed.
        """
        self._begin(to_head=to_head)
        self._alarm.set(self._loop.time() + within_s)
        try:
            if isinstance(body, bytes):
                self._transport.write(head + body)
            else:
                self._transport.write(head)
                if body is not None:
                    self._upload = self._loop.create_task(self._send(body))
                    self._upload.add_done_callback(self._uploaded)
            while not self._headed:
                await self._news()
        except BaseException:
            self.close()
            raise
        self._alarm.set(None)

    async def read(self, idle_s: float) -> bytes | None:
        """Return the next piece of the body, None at its end. TimedOut: nothing came within *idle_s*."""
        if not self._pieces and not self._whole:
            self._alarm.set(self._loop.time() + idle_s)
            while not self._pieces and not self._whole:
                await self._news()
            self._alarm.set(None)
        return self._take() if self._pieces else None

    def whole(self) -> bytes | None:
        """Return the whole body if its end is here and nothing of it was read; else None."""
        if not self._whole or self._begun:
            return None
        return self._take()

    def _take(self) -> bytes:
        self._begun = True
        piece = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self._go_on()
        return piece

    def _go_on(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def release(self) -> None:
        """Be done with the answer: what came whole frees the connection, anything else closes it."""
        uploading = self._upload is not None and not self._upload.done()
        if self._whole and not uploading and not self._last and not self._transport.is_closing():
            self._go_on()  # nobody may have read what stopped its server
            self._alarm.set(self._loop.time() + IDLE_S)
            self._free(self)
        else:
            self.close()

    def close(self) -> None:
        """Close at once, whatever is under way."""
        self._last = True
        if self._upload is not None:
            self._upload.cancel()
        self._transport.abort()

    # The request's body.

    async def _send(self, body: AsyncIterable[bytes]) -> None:
        async for piece in body:
            await self._writable.wait()
            if self._transport.is_closing():
                return
            self._transport.write(piece)

    def _uploaded(self, upload: asyncio.Task[None]) -> None:
        """Tell whoever waits for the answer why its request broke off."""
        error = None if upload.cancelled() else upload.exception()
        if error is not None and not self._headed:
            self._fail(error)
        elif error is not None and not self._whole:
            self._fail(AnswerLost(f"{self._whom}: the request broke off"))

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport: Any = transport
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Read on; what nobody asked for ends the connection."""
        if self._whole:
            self.close()
            return
        try:
            # A head comes in slices, so that the parser never buffers much more than one may have.
            while data and not self._headed:
                piece, data = data[:SLICE_BYTES], data[SLICE_BYTES:]
                self._head_bytes += len(piece)
                self._parser.feed_data(piece)
                if self._head_bytes > HEAD_BYTES_MAX and not self._headed:
                    self._fail(AnswerLost(f"{self._whom}: the headers are too large"))
                    return
            if data:
                self._parser.feed_data(data)
            if self._waiter is not None:
                self._wake()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(AnswerLost(f"{self._whom}: the answer is not valid HTTP"))

    def eof_received(self) -> None:
        """Take the end of the connection as the end of an answer that has no other."""
        if self._until_close and not self._last:
            self._whole = self._last = True
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits, and the owner."""
        if exc is None:
            self.eof_received()
        self._writable.set()
        self._alarm.stop()
        if not self._whole:
            why = "closed in the middle" if exc is None else type(exc).__name__
            self._fail(AnswerLost(f"{self._whom}: {why}"))
        self._over(self)

    def pause_writing(self) -> None:
        """Let the body's sender wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let it go on."""
        self._writable.set()

    # What the parser tells.

    def on_message_begin(self) -> None:
        """Hold whatever follows a whole answer against its sender."""
        if self._whole:
            self._last = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field of the head; those behind the body are not carried."""
        if self._headed:
            return
        name = name.lower()
        self._framed = self._framed or name in FRAMING
        self.fields.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Note that the head is whole, unless it only says that another one comes."""
        status: int = self._parser.get_status_code()
        if status < _INFORMATIONAL:
            self.fields, self._framed = [], False
        if self._whole or status < _INFORMATIONAL:
            return
        self.status = status
        self._headed = True
        self._until_close = not self._framed
        if self._to_head:  # the parser cannot know that no body follows
            self._whole = self._last = True

    def on_body(self, piece: bytes) -> None:
        """Hold a piece, and the server too when there are many."""
        if self._whole:
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""
        if self._headed and not self._whole:
            self._whole = True
            self._last = self._last or not self._parser.should_keep_alive()

    # Waiting.

    def _news(self) -> "asyncio.Future[None]":
        """Return what is done when there is more to read, or raise why there will be none."""
        if self._failed is not None:
            raise self._failed
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _late(self) -> None:
        if self._whole:
            self.close()  # nobody needed it any more
        else:
            what = "the body stalled" if self._headed else "no headers in time"
            self._fail(TimedOut(f"{self._whom}: {what}"))

    def _fail(self, error: BaseException) -> None:
        """End the connection for *error*, which is told once what came before it was read."""
        if self._failed is None:
            self._failed = error
        self._wake()
        self.close()
