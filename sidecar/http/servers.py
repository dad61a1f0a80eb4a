"""Three listeners in one process, and how they end.

Sockets are bound before anything else starts; signals are ours, because uvicorn's three
handlers would end each other's servers in the wrong order and the process with 143. Knows
no app: what it serves and what "in flight" means comes from the caller.
"""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import uvicorn

from sidecar.http.protocol import AtOnce, left_to_the_app, protocol_with
from sidecar.http.reading import ProtocolLimits

T = TypeVar("T")

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
SIGNAL_EXIT: Final = 128
BACKLOG: Final = 2_048
PORT_MAX: Final = 65_535

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


class CannotListenError(Exception):
    """An address cannot be listened on; the text is one sentence. `name` is the listener's."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.name = name


@dataclass(frozen=True, slots=True)
class Listener:
    """One audience: a bound socket and the app behind it. `name` is for the operator.

    `at_once` is asked first, for what needs no app.
    """

    name: str
    socket: socket.socket
    app: AsgiApp
    limits: ProtocolLimits = field(default_factory=ProtocolLimits)
    at_once: AtOnce = left_to_the_app

    @property
    def port(self) -> int:
        """The port it is bound to, also when 0 was asked for."""
        port: int = self.socket.getsockname()[1]
        return port


def bind(addresses: Sequence[tuple[str, str, int]]) -> list[socket.socket]:
    """Bind and listen on every (name, host, port), in order; port 0 is any free one.

    CannotListenError: one of them is impossible; then none stays bound. Peers that connect before
    `serve` runs wait in the queue.
    """
    bound: list[socket.socket] = []
    try:
        for name, host, port in addresses:
            bound.append(_bind(name, host, port))
    except CannotListenError:
        for listener in bound:
            listener.close()
        raise
    return bound


def _bind(name: str, host: str, port: int) -> socket.socket:
    where = f"Cannot listen on {host}:{port} for {name}"
    if not 0 <= port <= PORT_MAX:
        raise CannotListenError(name, where + f": a port is at most {PORT_MAX}.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise CannotListenError(name, where + ": the address cannot be resolved.") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CannotListenError(name, where + f": {os.strerror(error.errno or 0).lower()}.") from error
    return listener


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals alone and tells when it accepts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()


async def serve(
    listeners: Sequence[Listener],
    *,
    on_drain: Callable[[], None],
    in_flight: Callable[[], Awaitable[None]],
    on_ready: Callable[[], None] = lambda: None,
    stop: asyncio.Event | None = None,
    drain_timeout_ms: int = 25_000,
    close_timeout_s: int = 5,
    keep_alive_s: int = 75,
) -> None:
    """Serve until SIGTERM, SIGINT or *stop*, then end in order and return.

    The end: `on_drain` (readiness off, new paid calls refused), then wait for `in_flight` to
    return, at most `drain_timeout_ms`, while everything still answers; then each listener,
    in the order given, closes and gets `close_timeout_s` for its open connections. A second
    signal ends the process at once with 128 + its number; the books are safe at any time.
    An idle connection is kept for `keep_alive_s`, longer than clients keep theirs, so that it
    is they who close: a payment must not cross a close of ours.
    """
    stopping = stop or asyncio.Event()
    servers = [_Server(_config(listener, keep_alive_s, close_timeout_s)) for listener in listeners]
    with _signals(stopping):
        running = [
            asyncio.create_task(server.serve([listener.socket]), name=f"listener-{listener.name}")
            for server, listener in zip(servers, listeners, strict=True)
        ]
        try:
            await _while_running(running, _accepting(servers))
            on_ready()
            await _while_running(running, stopping.wait())
            on_drain()
            with contextlib.suppress(TimeoutError):
                await _while_running(running, asyncio.wait_for(in_flight(), drain_timeout_ms / 1_000))
        finally:
            for server, task in zip(servers, running, strict=True):
                server.should_exit = True
                await asyncio.wait([task])


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* on uvloop where it is installed, else on asyncio's own loop."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


def _config(listener: Listener, keep_alive_s: int, close_timeout_s: int) -> uvicorn.Config:
    """What uvicorn is told; `interface` because it takes some callables for ASGI 2."""
    return uvicorn.Config(
        listener.app,
        http=protocol_with(listener.limits, listener.at_once),
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=keep_alive_s,
        timeout_graceful_shutdown=close_timeout_s,
    )


async def _accepting(servers: Sequence[_Server]) -> None:
    for server in servers:
        await server.accepting.wait()


async def _while_running(running: Sequence[asyncio.Task[None]], wanted: Awaitable[object]) -> None:
    """Wait for *wanted*; a server that ends before has failed, and its error is raised."""
    future = asyncio.ensure_future(wanted)
    try:
        await asyncio.wait([*running, future], return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            if task.done():
                task.result()
                raise RuntimeError(f"{task.get_name()} ended by itself")
        await future
    finally:
        future.cancel()


@contextlib.contextmanager
def _signals(stopping: asyncio.Event) -> Iterator[None]:
    """Turn the first signal into *stopping* and the second into an exit. Only the main thread has signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def asked(number: int) -> None:
        if stopping.is_set():
            os._exit(SIGNAL_EXIT + number)
        stopping.set()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, asked, number)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
