"""What a request must be before any app sees it: bounded, in time, and readable in one way only.

A subclass of uvicorn's httptools protocol, which has no limits and no read timeouts of its
own. A request that is refused never reaches the app, as long as it came in one segment;
one that breaks in its body is taken away from the app as a disconnect. Knows no route and
no payment; what is sound is the question of `request_rules`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Final

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from sidecar.domain.refusals import Refusal
from sidecar.http import replies
from sidecar.http.request_rules import LATE, MALFORMED, TOO_LARGE, judge

SLICE_BYTES: Final = 16_384
HEADER_OVERHEAD: Final = len(": \r\n")
REQUEST_LINE_OVERHEAD: Final = len("  HTTP/1.1")


def unnamed() -> str:
    """Give no call id: only buyers' answers carry one."""
    return ""


@dataclass(frozen=True, slots=True)
class ProtocolLimits:
    """The bounds of one connection, and how the refusals that it answers itself are named.

    `unread_bytes_max` bounds the body that still comes after its request was answered.
    """

    request_line_bytes_max: int = 8_192
    headers_bytes_max: int = 32_768
    fields_max: int = 100
    head_timeout_ms: int = 10_000
    body_idle_ms: int = 15_000
    unread_bytes_max: int = 1_048_576
    linger_ms: int = 1_000
    call_id: Callable[[], str] = unnamed


def protocol_with(limits: ProtocolLimits) -> type[HttpToolsProtocol]:
    """Return the protocol class of one listener, as uvicorn's `Config(http=...)` takes it."""
    return type("LimitedProtocol", (GuardedProtocol,), {"limits": limits})


class Phase(Enum):
    """What the next byte of the connection belongs to; BETWEEN is the start of a request line."""

    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()


class RefusedError(Exception):
    """Stops the parser from within one of its callbacks."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Callbacks judge, `_refuse` acts; requests start once their segment is judged."""

    limits: ClassVar[ProtocolLimits] = ProtocolLimits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._phase = Phase.BETWEEN
        self._judging = False
        self._judged: list[tuple[RequestResponseCycle, ASGI3Application]] = []
        self._serving: RequestResponseCycle | None = None
        self._refused = False
        self._header_bytes = 0
        self._fields = 0
        self._silent_bytes = 0  # given to the parser since it last had something to say
        self._unread_bytes = 0
        self._moved_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_phase = Phase.BETWEEN

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Start to wait for the first head."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the app."""
        self._unwatch()
        if self._serving is not None:  # uvicorn tells only the newest of several pipelined requests
            _take_away(self._serving)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Judge the segment, then start what is sound in it."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._moved_s = self.loop.time()
        self._judging = True
        refusal = self._feed(data)
        self._judging = False
        judged, self._judged = self._judged, []
        if refusal is not None:
            self._refuse(refusal)
            return
        for cycle, app in judged:
            self._start_asgi_task(cycle, app)
        self._watch()

    def _feed(self, data: bytes) -> Refusal | None:
        """Give *data* to the parser in slices, so that it never buffers much more than a head may have."""
        silent_max = self.limits.request_line_bytes_max + self.limits.headers_bytes_max + SLICE_BYTES
        while data:
            piece, data = data[:SLICE_BYTES], data[SLICE_BYTES:]
            self._silent_bytes += len(piece)
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                # An upgrade offered and not taken (RFC 9110 7.8): the next request follows.
                data = piece[upgrade.args[0] :] + data
            except httptools.HttpParserError as error:
                cause = error.__context__
                return cause.refusal if isinstance(cause, RefusedError) else MALFORMED
            if self._phase is not Phase.BETWEEN and self._silent_bytes > silent_max:
                return TOO_LARGE
        return None

    # Parser callbacks, in the order in which they come.

    def on_message_begin(self) -> None:
        """Count from here."""
        self._phase = Phase.HEAD
        self._header_bytes = self._fields = self._silent_bytes = self._unread_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Bound the request line."""
        super().on_url(url)
        line_bytes = len(self.parser.get_method()) + len(self.url) + REQUEST_LINE_OVERHEAD
        if line_bytes > self.limits.request_line_bytes_max:
            raise RefusedError(TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the fields, and keep those of the head."""
        value = value.strip(b" \t")
        self._fields += 1
        self._header_bytes += len(name) + len(value) + HEADER_OVERHEAD
        if self._fields > self.limits.fields_max or self._header_bytes > self.limits.headers_bytes_max:
            raise RefusedError(TOO_LARGE)
        if not value.isascii():  # could not be sent on unchanged; the parser itself refuses control bytes
            raise RefusedError(MALFORMED)
        if self._phase is Phase.HEAD:  # trailers are not carried: uvicorn would add them to the headers
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse what two programs could read differently; else hand the head to the app."""
        version, upgrading = self.parser.get_http_version(), self.parser.should_upgrade()
        refusal = judge(self.url, version, self.headers, upgrading=upgrading)
        if refusal is not None:
            raise RefusedError(refusal)
        self._phase = Phase.BODY
        self._silent_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body to the app, or bound what nobody reads any more."""
        self._silent_bytes = 0
        if self.cycle.response_complete:
            self._unread_bytes += len(body)
            if self._unread_bytes > self.limits.unread_bytes_max:
                raise RefusedError(MALFORMED)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next byte opens another request."""
        self._phase = Phase.BETWEEN
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self._judging:
            self._judged.append((cycle, app))
        else:
            self._serving = cycle
            super()._start_asgi_task(cycle, app)

    # Refusing.

    def _refuse(self, refusal: Refusal) -> None:
        """Answer the broken request, if nothing else is being said on the connection, and close."""
        self._refused = True
        self._unwatch()
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        serving = self._serving
        if serving is not None and self._phase is Phase.BODY and serving is self.cycle:
            _take_away(serving)
            if serving.response_started:  # part of an answer is out: only the close can tell
                self.transport.close()
                return
        elif serving is not None and not serving.response_complete:
            serving.keep_alive = False  # an earlier request gets its answer, and is the last one
            return
        self.transport.write(self._answer(refusal))
        self._linger()

    def _answer(self, refusal: Refusal) -> bytes:
        call = self.limits.call_id()
        status = replies.REPLIES[refusal.code].status
        content_type, body = replies.body(refusal, call)
        fields = [
            *self.server_state.default_headers,
            (b"content-type", content_type),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            *replies.fields(refusal),
        ]
        if call:
            fields.append((b"sidecar-call-id", call.encode("ascii")))
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        return b"%b%b\r\n%b" % (STATUS_LINE[status], head, body)

    def _linger(self) -> None:
        """Close after the peer had time to read: a close with unread input would reset the answer away."""
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(self.limits.linger_ms / 1_000, self.transport.close)

    # Time: one timer, either for a whole head or for the pause since the last byte of a body.

    def _watch(self) -> None:
        idle = self._serving is None or self._serving.response_complete
        wanted = Phase.HEAD if self._phase is Phase.BETWEEN and idle else self._phase
        if self._timer is not None and self._timer_phase is wanted:
            return
        self._unwatch()
        self._timer_phase = wanted
        if wanted is not Phase.BETWEEN:
            self._wait_ms(self._allowed_ms())

    def _wait_ms(self, delay_ms: int) -> None:
        self._timer = self.loop.call_later(delay_ms / 1_000, self._late)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _allowed_ms(self) -> int:
        body = self._timer_phase is Phase.BODY
        return self.limits.body_idle_ms if body else self.limits.head_timeout_ms

    def _late(self) -> None:
        self._timer = None
        body = self._timer_phase is Phase.BODY
        quiet_ms = int((self.loop.time() - self._moved_s) * 1_000)
        if self.flow.read_paused or (body and self.cycle.waiting_for_100_continue):
            self._wait_ms(self._allowed_ms())  # the peer waits for us
        elif body and quiet_ms < self.limits.body_idle_ms:
            self._wait_ms(self.limits.body_idle_ms - quiet_ms)
        elif self._phase is Phase.BETWEEN and self._silent_bytes == 0:
            self.transport.close()  # connected, and never said a byte
        else:
            self._refuse(LATE)


def _take_away(cycle: RequestResponseCycle) -> None:
    """Tell the app that its request will not go on; what it still answers is dropped."""
    cycle.disconnected = True
    cycle.message_event.set()
