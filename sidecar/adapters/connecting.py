"""Connections to one server: opened when they are needed, kept a little while, never more than so many.

The one place that proves that nothing was sent: a connection that could not be had carried no byte.
"""

import asyncio
import os
import ssl
from collections import deque
from typing import Final
from urllib.parse import urlsplit

import certifi

from sidecar.adapters.http1 import ServerConnection
from sidecar.ports import NothingSent

_PORTS: Final = {"http": 80, "https": 443}


class Pool:
    """The connections to the server at *origin*, at most *connections_max*."""

    def __init__(
        self,
        whom: str,
        origin: str,
        *,
        connections_max: int,
        connect_timeout_s: float,
        pool_timeout_s: float,
    ) -> None:
        place = urlsplit(origin)
        assert place.hostname is not None, "an origin has a host"
        self.authority: Final = place.netloc.encode("ascii")
        self._whom = whom
        self._host = place.hostname
        self._port = place.port or _PORTS[place.scheme]
        self._tls = _tls() if place.scheme == "https" else None
        self._connect_timeout_s = connect_timeout_s
        self._pool_timeout_s = pool_timeout_s
        self._connections_max = connections_max
        self._opening = 0
        self._open: set[ServerConnection] = set()
        self._idle: list[ServerConnection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def kept(self) -> ServerConnection | None:
        """Return the newest idle connection; None if there is none, and then `take` finds one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.quiet:
                return connection
            connection.close()
        return None

    async def take(self) -> ServerConnection:
        """Return a connection for one request: the newest idle one, or a new one.

        NothingSent: none can be had. Its `release` gives it back.
        """
        until_s: float | None = None
        while not self._closed:
            kept = self.kept()
            if kept is not None:
                return kept
            if self._has_room:
                return await self._connect()
            until_s = until_s or asyncio.get_running_loop().time() + self._pool_timeout_s
            await self._wait(until_s)
        raise NothingSent(f"{self._whom}: closed")

    def close(self) -> None:
        """Close every connection, also those in use; nothing can be taken afterwards."""
        self._closed = True
        self._idle.clear()
        for connection in [*self._open]:
            connection.close()

    async def _connect(self) -> ServerConnection:
        loop = asyncio.get_running_loop()
        self._opening += 1
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                _, connection = await loop.create_connection(
                    lambda: ServerConnection(self._whom, loop, free=self._keep, over=self._forget),
                    self._host,
                    self._port,
                    ssl=self._tls,
                )
            if not connection.usable:
                raise NothingSent(f"{self._whom}: closed at once")
        except TimeoutError:
            raise NothingSent(f"{self._whom}: no connection in time") from None
        except OSError as error:
            raise NothingSent(f"{self._whom}: {reason(error)}") from None
        else:
            self._open.add(connection)
            return connection
        finally:
            self._opening -= 1
            self._wake()

    @property
    def _has_room(self) -> bool:
        return len(self._open) + self._opening < self._connections_max

    async def _wait(self, until_s: float) -> None:
        free: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(free)
        try:
            async with asyncio.timeout_at(until_s):
                await free
        except TimeoutError:
            if free.cancelled():  # else its turn came in that very moment
                raise NothingSent(f"{self._whom}: no free connection") from None
        except asyncio.CancelledError:
            if free.done() and not free.cancelled():
                self._wake()  # it was this one's turn, and is the next one's now
            raise

    def _wake(self) -> None:
        while self._waiting and (self._idle or self._has_room):
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return

    def _keep(self, connection: ServerConnection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)
            if self._waiting:
                self._wake()

    def _forget(self, connection: ServerConnection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()


def _tls() -> ssl.SSLContext:
    """Trust whom the machine trusts; where it knows nobody, whom browsers trust."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and not os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def reason(error: OSError) -> str:
    """Return the system's words, or TLS's; asyncio's own repeat every address it tried."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").lower().replace("_", " ")
    number = error.errno or 0
    return (os.strerror(number) if number > 0 else error.strerror or str(error)).lower()
