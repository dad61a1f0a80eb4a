"""Whether the agent is there, asked of real ports."""

import asyncio

import pytest

from sidecar.adapters import knocking
from sidecar.adapters.knocking import WatchedUpstream
from sidecar.adapters.upstream import HttpUpstream
from sidecar.ports import NothingSent, UpstreamRequest
from tests.sidecar.adapters.conftest import Listen, replying
from tests.sidecar.fakes import until

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def watched(url: str) -> WatchedUpstream:
    return WatchedUpstream(HttpUpstream(url), url, timeout_ms=2_000)


def a_request() -> UpstreamRequest:
    return UpstreamRequest(method="GET", target=b"/", headers=(), body=None, headers_timeout_s=5)


async def test_nothing_is_known_before_somebody_knocked(nobody: str) -> None:
    """And nothing is claimed."""
    assert watched(nobody).state == (False, "not asked yet")


async def test_who_listens_is_there_and_is_asked_nothing(listen: Listen) -> None:
    """A connection without a byte: a request would be the agent's to answer."""
    heard: list[bytes] = []

    async def record(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    upstream = watched(await listen(record))
    await upstream.knock()
    await until(lambda: bool(heard))

    assert (upstream.state, heard) == ((True, "up"), [b""])
    await upstream.close()


async def test_who_does_not_listen_is_away_and_the_reason_is_told(nobody: str) -> None:
    """The sentence names the origin and the system's reason once."""
    upstream = watched(nobody + "/base")
    await upstream.knock()

    assert upstream.state[0] is False
    assert upstream.state[1].startswith(f"{nobody} cannot be reached: connect")
    await upstream.close()


async def test_a_name_that_nobody_has_is_a_reason_too() -> None:
    """Reserved never to be one."""
    upstream = watched("http://agent.invalid:9000")
    await upstream.knock()

    assert upstream.state[0] is False
    assert upstream.state[1].startswith("http://agent.invalid:9000 ")
    await upstream.close()


async def test_who_answers_is_there(listen: Listen) -> None:
    """A call that got its answer has proved it; nobody needs to knock."""
    upstream = watched(await listen(replying(OK)))
    answer = await upstream.send(a_request())
    await answer.close()

    assert upstream.state == (True, "up")
    await upstream.close()


async def test_a_call_that_did_not_get_through_makes_it_knock_again(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up until then it is left alone; afterwards it is knocked at until it is there again."""
    monkeypatch.setattr(knocking, "KNOCK_AGAIN_S", 0)
    servers: list[asyncio.Server] = []

    async def up(port: int) -> int:
        servers.append(await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port))
        bound: int = servers[-1].sockets[0].getsockname()[1]
        return bound

    port = await up(0)
    upstream = watched(f"http://127.0.0.1:{port}")
    await upstream.knock()
    watch = asyncio.create_task(upstream.watch())
    servers[-1].close()
    await servers[-1].wait_closed()
    unnoticed = upstream.state
    with pytest.raises(NothingSent):
        await upstream.send(a_request())
    await until(lambda: not upstream.state[0])
    await up(port)
    await until(lambda: upstream.state[0])
    watch.cancel()
    servers[-1].close()
    await upstream.close()

    assert unnoticed == (True, "up")
