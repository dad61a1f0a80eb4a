"""How each service of the sandbox runs as a process of its own: `python -m sidecar.sandbox.child NAME`.

The port is bound and announced, as one JSON line on standard output, before the service is imported:
EVM and web3 take half a second or more, and in that time the other services can start. A connection
made early waits in the listen queue. The facilitator has two: its public one, which its mode may shut,
and one to control it, which is always open. The process ends when its standard input does, so that it never
outlives whoever started it.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

import uvicorn

from sidecar.sandbox.door import LISTEN_QUEUE, Door, bound

App = Callable[[Any, Any, Any], Awaitable[None]]

_GRACE_S: Final = 2
_KEEP_ALIVE_S: Final = 300  # web3 keeps its connections, and does not expect them to go


class Service(NamedTuple):
    """An ASGI app, what has to run beside it until the process ends, and which log lines matter.

    One with a *door* says itself when its public port is open; it can always be reached at another one.
    """

    app: App
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None
    log_level: str = "warning"
    door: Door | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of all services; each reads its own."""
    parser.add_argument("service", choices=("agent", "chain", "facilitator"))
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--chain-id", type=int, default=84532)
    parser.add_argument(
        "--block-time",
        type=float,
        default=None,
        metavar="SECONDS",
        help="a block every so many seconds; without it, one per transaction",
    )
    parser.add_argument("--mode", default="honest", help="how the service misbehaves")
    parser.add_argument("--rpc-url", help="the facilitator's chain")
    parser.add_argument("--delay", type=float, default=0, metavar="SECONDS", help="of a slow facilitator")


def service(options: argparse.Namespace) -> Service:
    """Import and build the service that *options* name."""
    match options.service:
        case "chain":
            from sidecar.sandbox import chain  # noqa: PLC0415 - imports an EVM

            return chain.service(
                chain_id=options.chain_id, block_time_s=options.block_time, mode=options.mode
            )
        case "facilitator":
            from sidecar.sandbox import conduct  # noqa: PLC0415 - imports web3

            return conduct.service(
                rpc_url=options.rpc_url,
                chain_id=options.chain_id,
                mode=options.mode,
                delay_s=options.delay,
            )
        case _:
            from sidecar.sandbox import agent  # noqa: PLC0415 - only where it is needed

            return Service(agent.app(), log_level="critical")  # it breaks off on purpose


def listening(port: int) -> socket.socket:
    """Listen on a local port."""
    listener = bound(port)
    listener.listen(LISTEN_QUEUE)
    return listener


async def serve(built: Service, listener: socket.socket, entrance: socket.socket | None = None) -> None:
    """Serve until SIGINT, SIGTERM or the end of standard input, then finish the requests under way.

    A service with a door has it at *entrance*.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            built.app,
            lifespan="off",
            log_level=built.log_level,
            backlog=LISTEN_QUEUE,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )

    def stop() -> None:
        server.should_exit = True

    threading.Thread(target=_at_end_of_input, args=(stop,), daemon=True).start()
    async with AsyncExitStack() as around:
        if built.door is not None and entrance is not None:
            await built.door.belong(server, entrance)
            around.callback(built.door.close)
        if built.beside is not None:
            await around.enter_async_context(_running(built.beside(), stop))
        await server.serve(sockets=[listener])


@asynccontextmanager
async def _running(beside: Coroutine[Any, Any, None], stop: Callable[[], None]) -> AsyncIterator[None]:
    task = asyncio.create_task(beside)
    task.add_done_callback(lambda _: stop())  # it never ends by itself: if it does, it failed
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _at_end_of_input(act: Callable[[], None]) -> None:
    # Not sys.stdin: its lock, held by a daemon thread, would abort the interpreter's shutdown.
    while os.read(0, 1_024):
        pass
    act()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one service."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.sandbox.child")
    configure(parser)
    options = parser.parse_args(arguments)
    if options.service != "facilitator":
        listener = listening(options.port)
        _announce(port=listener)
        asyncio.run(serve(service(options), listener))
        return 0
    entrance, control = bound(options.port), listening(0)
    _announce(port=entrance, control_port=control)
    asyncio.run(serve(service(options), control, entrance))
    return 0


def _announce(**listeners: socket.socket) -> None:
    ports = {name: each.getsockname()[1] for name, each in listeners.items()}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
