"""A listener that can be shut while its process lives: then connections are refused, as by a dead one.

The process is reached meanwhile at another port. Knows no service.
"""

import asyncio
import socket
from typing import Any, Final

from uvicorn import Server

LISTEN_QUEUE: Final = 1_024


def bound(port: int) -> socket.socket:
    """Take a local port, 0 for any free one, without listening: whoever connects is refused."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, each answer on a
    # kept connection waits 40 ms for an acknowledgement.
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.setblocking(False)
    return taken


class Door:
    """The public entrance of a server whose app is also served elsewhere."""

    def __init__(self, *, opens: bool = True) -> None:
        self._opens = opens
        self._server: Server | None = None
        self._taken: socket.socket | None = None
        self._open: asyncio.Server | None = None

    async def belong(self, server: Server, taken: socket.socket) -> None:
        """Lead to *server*, through a port that is *taken*; open if that was said at first."""
        server.config.load()
        self._server, self._taken = server, taken
        if self._opens:
            await self.open()

    async def open(self) -> None:
        """Let connections in; nothing happens if it is open."""
        if self._taken is not None:
            loop = asyncio.get_running_loop()
            self._open = await loop.create_server(self._protocol, sock=self._taken, backlog=LISTEN_QUEUE)
            self._taken = None

    def shut(self) -> None:
        """Refuse connections, and end those that are idle; one that is being answered ends afterwards."""
        if self._open is None:
            return
        port = self._open.sockets[0].getsockname()[1]
        self._open.close()
        self._open, self._taken = None, bound(port)
        for connection in self._connections():
            connection.shutdown()

    def close(self) -> None:
        """Shut it and give the port back."""
        self.shut()
        if self._taken is not None:
            self._taken.close()

    def hang_up(self, client: tuple[str, int]) -> None:
        """Cut the connection of *client* off without a word."""
        for connection in self._connections():
            if connection.client == client:
                connection.transport.abort()

    def _protocol(self) -> asyncio.Protocol:
        assert self._server is not None, "a door leads somewhere before it opens"
        made: Any = self._server.config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self._server.config, server_state=self._server.server_state, app_state={}
        )
        return protocol

    def _connections(self) -> list[Any]:
        return [] if self._server is None else list(self._server.server_state.connections)
