"""One request of a connection and its answer, as an ASGI app has them. Knows no limit and no parser.

What an app sends is framed here.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from sidecar.http.whole import CLOSE, Broken, Fields, lines

Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]

_LOG: Final = logging.getLogger("uvicorn.error")
_BODILESS: Final = (204, 304)
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"connection"))


class PeerGone(OSError):
    """Nobody is there any more to take what an app sends (ASGI 2.4)."""


@dataclass(slots=True)
class Wire:
    """What the requests of one connection share. `stamp` gives the server's own header lines."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl
    stamp: Callable[[], bytes]


class Cycle:
    """One request and its answer. `ended` is called when the answer is whole.

    The connection feeds it; `disconnected` and what follows are for the connection to read and set.
    """

    __slots__ = (
        "_body", "_chunked", "_ended", "_expects", "_left", "_more", "_news", "_pieces", "_to_head",
        "_waiter", "_wire", "complete", "disconnected", "keep_alive", "scope", "started",
    )  # fmt: skip

    def __init__(
        self, scope: Message, wire: Wire, ended: Callable[[], None], *, keep_alive: bool, expects: bool
    ) -> None:
        """*expects*: the peer waits for a 100 before it sends its body."""
        self.scope = scope
        self.keep_alive = keep_alive
        self.disconnected = self.started = self.complete = False
        self._wire = wire
        self._ended = ended
        self._expects = expects
        self._to_head = scope["method"] == "HEAD"
        self._pieces: deque[bytes] = deque()
        self._body = 0
        self._more = True
        self._news = False
        self._waiter: asyncio.Future[None] | None = None
        self._chunked = False
        self._left = 0

    @property
    def awaited(self) -> bool:
        """Tell whether the peer waits for us to let it go on: it is not late."""
        return self._expects or self._wire.flow.read_paused

    # For the connection.

    def feed(self, piece: bytes) -> None:
        """Take in a piece of the body; too much that nobody reads stops the peer."""
        self._pieces.append(piece)
        self._body += len(piece)
        if self._body > HIGH_WATER_LIMIT:
            self._wire.flow.pause_reading()
        self._tell()

    def feed_end(self) -> None:
        """Note that the request is whole."""
        self._more = False
        self._tell()

    def take_away(self) -> None:
        """Tell the app that its request will not go on; what it still answers is dropped."""
        self.disconnected = True
        self._tell()

    async def run(self, app: App) -> None:
        """Let *app* answer; whatever it does, the connection goes on or closes, and nothing is raised."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException as error:  # the last one to be told, also of the loop's end
            if not _gone(error):
                _LOG.error("Exception in ASGI application\n", exc_info=error)
            self._give_up()
        else:
            if not self.complete and not self.disconnected:
                _LOG.error("ASGI callable returned without completing response.")
                self._give_up()
        finally:
            self._ended = _nobody

    # For the app.

    async def receive(self) -> Message:
        """Return the next piece of the body, or that the peer is gone or answered."""
        if self._expects and not self._wire.transport.is_closing():
            self._wire.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._expects = False
        if not self.disconnected and not self.complete:
            self._wire.flow.resume_reading()
            if not self._news:
                if self._waiter is None or self._waiter.done():
                    self._waiter = self._wire.loop.create_future()
                await self._waiter
            self._news = False
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        body = self._pieces.popleft() if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._body = 0
        return {"type": "http.request", "body": body, "more_body": self._more}

    async def send(self, message: Message) -> None:
        """Write the head or a piece of the body. PeerGone: nobody takes it."""
        if self._wire.flow.write_paused and not self.disconnected:
            await self._wire.flow.drain()
        if self.disconnected or (self.keep_alive and self._wire.transport.is_closing()):
            raise PeerGone
        if self.complete:
            raise Broken(f"{message['type']} after the answer was whole")
        if not self.started:
            if message["type"] != "http.response.start":
                raise Broken(f"{message['type']} before http.response.start")
            self._begin(message["status"], message.get("headers", ()))
        elif message["type"] != "http.response.body":
            raise Broken(f"{message['type']} within the body")
        else:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))

    def _begin(self, status: int, fields: Fields) -> None:
        text = lines(fields)
        framed = closing = False
        for name, value in fields:
            if name not in _FRAMING:
                continue
            if name == b"content-length":
                self._left, framed = int(value), True
            elif name == b"transfer-encoding":
                self._chunked = framed = value.lower() == b"chunked"
            else:
                closing = closing or b"close" in value.lower()
        self.keep_alive = self.keep_alive and not closing
        parts = [STATUS_LINE[status], self._wire.stamp(), text]
        if not self.keep_alive and not closing:
            parts.append(CLOSE)
        if not framed and not self._to_head and status not in _BODILESS:
            self._chunked = True
            parts.append(b"transfer-encoding: chunked\r\n")
        if self._to_head or status in _BODILESS:
            self._left = 0
        parts.append(b"\r\n")
        self.started = True
        self._expects = False
        self._wire.transport.write(b"".join(parts))

    def _go_on(self, body: bytes, *, more: bool) -> None:
        transport = self._wire.transport
        if self._to_head:
            pass
        elif self._chunked:
            parts = [b"%x\r\n" % len(body), body, b"\r\n"] if body else []
            if not more:
                parts.append(b"0\r\n\r\n")
            if parts:
                transport.writelines(parts)
        else:
            self._left -= len(body)
            if self._left < 0:
                raise Broken("the body is longer than its length")
            if body:
                transport.write(body)
        if more:
            return
        if self._left and not self._chunked:
            raise Broken("the body is shorter than its length")
        self.complete = True
        self._tell()
        if not self.keep_alive:
            transport.close()
        self._ended()

    def _tell(self) -> None:
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _give_up(self) -> None:
        """End a request whose app did not: with a 500 if nothing is out, else by closing."""
        if self.disconnected or self.complete:
            return
        if self.started:
            self._wire.transport.close()
            return
        self._begin(500, [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21"),
                          (b"connection", b"close")])  # fmt: skip
        self._go_on(b"Internal Server Error", more=False)


def _nobody() -> None:
    """Nobody is told any more."""


def _gone(error: BaseException) -> bool:
    return isinstance(error, PeerGone) or isinstance(error.__context__, PeerGone)
