"""How each service of the sandbox runs as a process of its own: `python -m sidecar.sandbox.child NAME`.

The port is bound and announced, as one JSON line on standard output, before the service is imported:
EVM and web3 take half a second or more, and in that time the other services can start. A connection
made early waits in the listen queue. The process ends when its standard input does, so that it never
outlives whoever started it.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import uvicorn

App = Callable[[Any, Any, Any], Awaitable[None]]

LISTEN_QUEUE: Final = 1_024
_GRACE_S: Final = 2
_KEEP_ALIVE_S: Final = 300  # web3 keeps its connections, and does not expect them to go


class Service(NamedTuple):
    """An ASGI app, what has to run beside it until the process ends, and which log lines matter."""

    app: App
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None
    log_level: str = "warning"


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


def service(options: argparse.Namespace) -> Service:
    """Import and build the service that *options* name."""
    match options.service:
        case "chain":
            from sidecar.sandbox import chain  # noqa: PLC0415 - imports an EVM

            return chain.service(
                chain_id=options.chain_id, block_time_s=options.block_time, mode=options.mode
            )
        case "facilitator":
            from sidecar.sandbox import facilitator  # noqa: PLC0415 - imports web3

            return facilitator.service(rpc_url=options.rpc_url, chain_id=options.chain_id)
        case _:
            from sidecar.sandbox import agent  # noqa: PLC0415 - only where it is needed

            return Service(agent.app(), log_level="critical")  # it breaks off on purpose


def listening(port: int) -> socket.socket:
    """Bind a local port and listen on it."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, each answer on a
    # kept connection waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(LISTEN_QUEUE)
    listener.setblocking(False)
    return listener


async def serve(built: Service, listener: socket.socket) -> None:
    """Serve until SIGINT, SIGTERM or the end of standard input, then finish the requests under way."""
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
    if built.beside is None:
        await server.serve(sockets=[listener])
        return
    beside = asyncio.create_task(built.beside())
    beside.add_done_callback(lambda _: stop())  # it never ends by itself: if it does, it failed
    await server.serve(sockets=[listener])
    beside.cancel()
    with suppress(asyncio.CancelledError):
        await beside


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
    listener = listening(options.port)
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    asyncio.run(serve(service(options), listener))
    return 0


if __name__ == "__main__":
    sys.exit(main())
