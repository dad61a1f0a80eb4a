"""Real sockets that misbehave on purpose: each test scripts what a peer does with its bytes."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import pytest
import pytest_asyncio

from sidecar.adapters.connecting import Pool

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listen(Protocol):
    """Starts a server that runs *script* on each connection, and returns its base URL."""

    async def __call__(self, script: Script) -> str: ...


@pytest_asyncio.fixture(autouse=True)
async def hung_up(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Close the connections of adapters that a test has left open."""
    pools: list[Pool] = []
    begin = Pool.__init__

    def noting(pool: Pool, *given: Any, **named: Any) -> None:
        pools.append(pool)
        begin(pool, *given, **named)

    monkeypatch.setattr(Pool, "__init__", noting)
    yield
    for pool in pools:
        pool.close()
    await asyncio.sleep(0)


@pytest_asyncio.fixture
async def listen() -> AsyncIterator[Listen]:
    """Start raw TCP servers; all of them are gone after the test."""
    servers: list[asyncio.Server] = []
    connections: set[asyncio.Task[None]] = set()

    async def start(script: Script) -> str:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await script(reader, writer)
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
    for task in connections:
        task.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


@pytest_asyncio.fixture
async def nobody() -> str:
    """Return a base URL at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}"


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the head of the next request, and its body as its Content-Length tells."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head, await reader.readexactly(length)


def replying(raw: bytes) -> Script:
    """Read one request, write *raw*, and close."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)
        await writer.drain()

    return script


async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept and never say a word."""
    await asyncio.sleep(3_600)
