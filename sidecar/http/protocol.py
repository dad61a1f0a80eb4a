"""A connection: bounded in time, its requests answered in order. What uvicorn's server runs as its protocol.

A request that is refused never reaches the app, as long as it came in one segment; one that
breaks in its body is taken away from the app as a disconnect. Knows no route and no payment:
what needs no app is answered by whom the listener names, all else by the app.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from sidecar.alarm import Alarm
from sidecar.domain.refusals import Refusal
from sidecar.http.cycle import Cycle, Wire
from sidecar.http.reading import Head, Phase, ProtocolLimits, Reader, RefusedError
from sidecar.http.request_rules import LATE, MALFORMED
from sidecar.http.whole import Whole, lines, refused, written

_VERSIONS: Final = {"version": "3.0", "spec_version": "2.4"}
MS_PER_S: Final = 1_000

AtOnce = Callable[[Head], Callable[[], Whole] | None]
"""Says whether a request needs no app, and then what answers it when it is due: called once, or never
if the request turns out to be broken. The body is not read for it."""


def left_to_the_app(_: Head) -> None:
    """Answer nothing at once."""


def protocol_with(limits: ProtocolLimits, at_once: AtOnce = left_to_the_app) -> "type[GuardedProtocol]":
    """Return the protocol class of one listener, as uvicorn's `Config(http=...)` takes it."""
    return type("LimitedProtocol", (GuardedProtocol,), {"limits": limits, "at_once": staticmethod(at_once)})


class _Prepared(NamedTuple):
    """A request that needs no app, and what answers it."""

    head: Head
    answer: Callable[[], Whole]


class GuardedProtocol(Reader, asyncio.Protocol):
    """One connection. Callbacks judge, `_refuse` acts; requests start once their segment is judged."""

    at_once: ClassVar["staticmethod[[Head], Callable[[], Whole] | None]"] = staticmethod(left_to_the_app)

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002 there is no lifespan
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__()
        self._app = config.loaded_app
        self._keep_alive_s = config.timeout_keep_alive
        self._server = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._alarm = Alarm(self._loop, self._late)
        self._stuck: asyncio.TimerHandle | None = None
        self._stamped: tuple[object, bytes] = (None, b"")
        self._judged: list[Cycle | _Prepared] = []
        self._waiting: deque[Cycle] = deque()  # sent ahead, behind the one that is being served
        self._cycle: Cycle | None = None  # the newest; None while that is one that needs no app
        self._serving: Cycle | None = None
        self._over = False  # what still comes is read away, and the connection closes soon
        self._answered = False  # at once, while the body still comes
        self._unread_bytes = 0
        self._moved_s = 0.0
        self._began_s: float | None = None  # when the head that is coming began
        self._idle_until_s = 0.0

    # The connection, as the event loop tells of it.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Start to wait for the first head."""
        self._server.connections.add(self)  # type: ignore[arg-type]  # typed for uvicorn's own protocols
        self._transport = transport
        self._flow = FlowControl(transport)
        self._wire = Wire(self._loop, transport, self._flow, self._stamp)
        self._addresses = get_remote_addr(transport), get_local_addr(transport)
        self._idle_until_s = self._loop.time() + self.limits.head_timeout_ms / MS_PER_S
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the apps."""
        self._server.connections.discard(self)
        self._alarm.stop()
        for cycle in (self._serving, self._cycle):
            if cycle is not None and not cycle.complete:
                cycle.take_away()
        self.resume_writing()
        self._parser = None
        if exc is None:
            self._transport.close()

    def pause_writing(self) -> None:
        """Give a peer that leaves what is written to it its time, and no more."""
        self._flow.pause_writing()
        self._stuck = self._loop.call_later(self.limits.write_idle_ms / MS_PER_S, self._transport.abort)

    def resume_writing(self) -> None:
        """Write on."""
        self._flow.resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def shutdown(self) -> None:
        """End after what is being served; uvicorn's server asks for it."""
        if self._cycle is None or self._cycle.complete:
            self._transport.close()
        else:
            self._cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        """Judge the segment, then answer or start what is sound in it."""
        if self._over:
            return
        self._moved_s = self._loop.time()
        refusal = self.feed(data)
        judged, self._judged = self._judged, []
        if refusal is not None:
            self._refuse(refusal)
            return
        for each in judged:
            if self._transport.is_closing():  # the one before was the last
                return
            if isinstance(each, Cycle):
                self._start(each)
            else:
                self._answer(each)
        if not self._over:
            self._watch()

    # Requests, as the reader tells of them.

    def opened(self, head: Head) -> None:
        """Take in a request: it is answered at once, started, or waits for those before it."""
        idle = self._cycle is None or self._cycle.complete
        self._unread_bytes = 0
        self._answered = False
        # Only one at once in a segment, and none to a peer that leaves what it gets: else what is
        # written to it would have no bound.
        if idle and not self._judged and not self._flow.write_paused and not head.expects:
            answer = self._at_once(head)
            if answer is not None:
                self._cycle = None
                self._judged.append(_Prepared(head, answer))
                return
        cycle = self._cycle = Cycle(
            self._scope(head), self._wire, self._next, keep_alive=head.keep_alive, expects=head.expects
        )
        if not idle:
            self._flow.pause_reading()
            self._waiting.append(cycle)
        else:
            self._judged.append(cycle)

    def _at_once(self, head: Head) -> Callable[[], Whole] | None:
        try:
            return self.at_once(head)
        except Exception:  # the app meets the defect again, and tells of it
            return None

    def continued(self, piece: bytes) -> None:
        """Hand a piece of the body to the app, or bound what nobody reads any more."""
        if self._cycle is not None and not self._cycle.complete:
            self._cycle.feed(piece)
            return
        self._unread_bytes += len(piece)
        if self._unread_bytes > self.limits.unread_bytes_max:
            raise RefusedError(MALFORMED)

    def closed(self) -> None:
        """Tell the app that its request is whole."""
        if self._cycle is not None and not self._cycle.complete:
            self._cycle.feed_end()

    def _scope(self, head: Head) -> dict[str, Any]:
        client, server = self._addresses
        return {
            "type": "http",
            "asgi": _VERSIONS,
            "http_version": "1.1",
            "server": server,
            "client": client,
            "scheme": "http",
            "root_path": "",
            "method": head.method,
            "path": unquote(head.path.decode("ascii")),
            "raw_path": head.path,
            "query_string": head.query,
            "headers": head.fields,
        }

    # Answering, and refusing.

    def _start(self, cycle: Cycle) -> None:
        self._serving = cycle
        task = self._loop.create_task(cycle.run(self._app))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _next(self) -> None:
        """Go on after an answer: with what was sent ahead, or with waiting for a request."""
        self._server.total_requests += 1
        if self._transport.is_closing():
            return
        self._flow.resume_reading()
        if self._waiting:
            self._start(self._waiting.popleft())
        self._idle_until_s = self._loop.time() + self._keep_alive_s
        self._watch()

    def _answer(self, prepared: _Prepared) -> None:
        head = prepared.head
        self._server.total_requests += 1
        answer = written(
            prepared.answer(), self._stamp(), to_head=head.method == "HEAD", closing=not head.keep_alive
        )
        self._transport.write(answer)
        if not head.keep_alive:
            (self._linger if self._phase is Phase.BODY else self._transport.close)()
        self._answered = self._cycle is None and self._phase is Phase.BODY
        self._idle_until_s = self._moved_s + self._keep_alive_s

    def _stamp(self) -> bytes:
        """Return the server's own header lines, which it renews every second."""
        fields = self._server.default_headers
        if self._stamped[0] is not fields:
            self._stamped = (fields, lines(fields))
        return self._stamped[1]

    def _refuse(self, refusal: Refusal) -> None:
        """Answer the broken request, if nothing else is being said on the connection, and close."""
        self._over = True
        self._alarm.stop()
        self._waiting.clear()
        serving = self._serving
        if self._answered and self._phase is Phase.BODY:
            self._transport.close()
            return
        if serving is not None and self._phase is Phase.BODY and serving is self._cycle:
            serving.take_away()
            if serving.started:  # part of an answer is out: only the close can tell
                self._transport.close()
                return
        elif serving is not None and not serving.complete:
            serving.keep_alive = False  # an earlier request gets its answer, and is the last one
            return
        self._transport.write(refused(refusal, self.limits.call_id(), self._stamp()))
        self._linger()

    def _linger(self) -> None:
        """Close after the peer had time to read: a close with unread input would reset the answer away."""
        self._over = True
        self._flow.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._alarm.set(self._loop.time() + self.limits.linger_ms / MS_PER_S)

    # Time: one alarm, for a whole head, for the pause since a body's last byte, or for a request to come.

    def _watch(self) -> None:
        self._alarm.set(self._due_s())

    def _due_s(self) -> float | None:
        """Return when the peer must have moved; None while it is not the one who is waited for."""
        if self._phase is Phase.BODY:
            self._began_s = None
            return self._moved_s + self.limits.body_idle_ms / MS_PER_S
        idle = self._serving is None or self._serving.complete
        if self._phase is Phase.HEAD or self._silent_bytes:
            if self._began_s is None:
                self._began_s = self._moved_s
            if idle or self._phase is Phase.HEAD:
                return self._began_s + self.limits.head_timeout_ms / MS_PER_S
        self._began_s = None
        return self._idle_until_s if idle else None

    def _late(self) -> None:
        body = self._phase is Phase.BODY
        if self._over:
            self._transport.close()
        elif self._flow.read_paused or (body and self._cycle is not None and self._cycle.awaited):
            allowed_ms = self.limits.body_idle_ms if body else self.limits.head_timeout_ms
            self._alarm.set(self._loop.time() + allowed_ms / MS_PER_S)  # the peer waits for us
        elif self._phase is Phase.BETWEEN and not self._silent_bytes:
            self._transport.close()  # connected or kept, and did not say a byte
        else:
            self._refuse(LATE)
