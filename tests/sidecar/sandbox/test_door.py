"""A door is open or shut; a shut one refuses, and its port stays its own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from uvicorn import Config, Server

from sidecar.sandbox.door import Door, bound

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def a_door(*, opens: bool = True) -> AsyncIterator[tuple[Door, int]]:
    door, taken = Door(opens=opens), bound(0)
    port = taken.getsockname()[1]
    await door.belong(Server(Config(app, lifespan="off", log_level="critical")), taken)
    yield door, port
    door.close()
    with pytest.raises(ConnectionRefusedError):
        await asked(port)


async def asked(port: int) -> bytes:
    """Ask over a connection of its own, and return the beginning of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line


async def test_a_shut_door_refuses_and_opens_again() -> None:
    """As often as one likes, at the same port; to do so twice changes nothing."""
    async with a_door() as (door, port):
        for _ in range(2):
            assert await asked(port) == b"HTTP/1.1 204 No Content\r\n"
            door.shut()
            door.shut()
            with pytest.raises(ConnectionRefusedError):
                await asked(port)
            await door.open()
            await door.open()
        assert (await asked(port)).startswith(b"HTTP/1.1 204")


async def test_a_door_may_be_shut_from_the_start() -> None:
    """Nobody gets in before it is opened."""
    async with a_door(opens=False) as (door, port):
        with pytest.raises(ConnectionRefusedError):
            await asked(port)
        await door.open()
        assert await asked(port) != b""


async def test_shutting_ends_kept_connections() -> None:
    """A connection that was kept for the next request is closed."""
    async with a_door() as (door, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        door.shut()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_hanging_up_is_for_one_client() -> None:
    """Only the connection of the client that is named is cut off."""
    async with a_door() as (door, port):
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in pairs:
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\n")
        door.hang_up(pairs[0][1].get_extra_info("sockname"))
        with suppress(ConnectionResetError):
            assert await pairs[0][0].read() == b""
        pairs[1][1].write(REQUEST)
        assert (await pairs[1][0].readline()).startswith(b"HTTP/1.1 204")
        for _, writer in pairs:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def test_a_bound_port_refuses() -> None:
    """Taking a port is not listening on it, and small answers are not held back."""
    with bound(0) as taken:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(taken.getsockname())
        assert taken.proto == socket.IPPROTO_TCP
