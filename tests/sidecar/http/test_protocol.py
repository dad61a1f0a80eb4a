"""What a hostile or broken peer sends is refused below the app, on raw sockets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from uvicorn.server import ServerState

from sidecar.http.protocol import protocol_with
from sidecar.http.reading import Head, ProtocolLimits
from sidecar.http.whole import Whole

LIMITS = ProtocolLimits(head_timeout_ms=250, body_idle_ms=250, linger_ms=200, call_id=lambda: "call_x")
GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Server:
    """A server with the protocol under test, and what its app has seen."""

    limits: ProtocolLimits = LIMITS
    port: int = 0
    requests: list[tuple[str, bytes, list[tuple[bytes, bytes]]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    disconnects: int = 0
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: list[bytes] = field(default_factory=list)
    config: Any = None
    peers: list[asyncio.StreamWriter] = field(default_factory=list)

    def prepared(self, head: Head) -> Callable[[], Whole] | None:
        """Answer /asked without the app, and count on /broken as on no other."""
        assert head.path != b"/broken", "a defect"

        def answer() -> Whole:
            self.at_once.append(head.query)
            return Whole(402, b"content-length: 3\r\n", b"pay")

        return answer if head.path == b"/asked" else None

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Record the request, read its body (unless at /unread), wait at /held, answer the body's length."""
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        self.requests.append((scope["method"], target, scope["headers"]))
        body = b""
        more = target != b"/unread"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        if target == b"/held":
            await self.hold.wait()
        text = b"%d" % len(body)
        headers = [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection; it is closed after the test."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.peers.append(writer)
        return reader, writer

    async def say(self, *segments: bytes) -> bytes:
        """Send segments with a pause between them, and return all that comes until the server closes."""
        reader, writer = await self.connect()
        for segment in segments:
            writer.write(segment)
            await asyncio.sleep(0.02)
        async with asyncio.timeout(5):
            return await reader.read()


@pytest_asyncio.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """Listen with the protocol under test; an indirect parameter replaces its limits."""
    built = Server(getattr(request, "param", LIMITS))
    config = uvicorn.Config(
        built.app, interface="asgi3", ws="none", log_config=None,
        access_log=False, proxy_headers=False,
    )  # fmt: skip
    config.load()
    built.config = config
    state = ServerState()
    listener = await asyncio.get_running_loop().create_server(
        lambda: protocol_with(built.limits, built.prepared)(config, state, {}), "127.0.0.1", 0
    )
    built.port = listener.sockets[0].getsockname()[1]
    yield built
    built.hold.set()
    for peer in built.peers:
        peer.close()
        with contextlib.suppress(ConnectionError):
            await peer.wait_closed()
    listener.close()
    await asyncio.gather(*state.tasks)


def status_of(answer: bytes) -> int:
    """The status of the first answer."""
    return int(answer.split(b" ", 2)[1])


REFUSED: dict[str, tuple[int, bytes]] = {
    "length and chunks": (400, POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunks and length": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
    "two equal lengths": (400, POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    "two lengths": (400, POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
    "a list of lengths": (400, POST + b"Content-Length: 3, 3\r\n\r\nabc"),
    "a signed length": (400, POST + b"Content-Length: +3\r\n\r\nabc"),
    "a negative length": (400, POST + b"Content-Length: -3\r\n\r\nabc"),
    "a hex length": (400, POST + b"Content-Length: 0x3\r\n\r\nabc"),
    "an empty length": (400, POST + b"Content-Length: \r\n\r\nabc"),
    "a length beyond 64 bits": (400, POST + b"Content-Length: 99999999999999999999\r\n\r\nabc"),
    "gzip, chunked": (400, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "chunked, identity": (400, POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    "xchunked": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "chunked twice": (
        400,
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "vertical tab before chunked": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "space before the colon": (400, POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    "a body behind an upgrade": (
        400,
        POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
    ),
    "a folded header": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    "a fold at once": (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    "bare line feeds": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "one bare line feed": (400, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    "a bare carriage return": (400, b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
    "a NUL in a value": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n"),
    "a NUL in a name": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\x00: b\r\n\r\n"),
    "a control byte in a value": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n"),
    "DEL in a value": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n"),
    "a byte above 0x7f in a value": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\xe9\r\n\r\n"),
    "a byte above 0x7f in a name": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\xe9: a\r\n\r\n"),
    "a name with a space": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX y: a\r\n\r\n"),
    "a line without a colon": (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
    "an empty name": (400, b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    "a poisoned host": (400, b"GET / HTTP/1.1\r\nHost: a/b?c@d\r\n\r\n"),
    "HTTP/1.0": (400, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
    "HTTP/0.9": (400, b"GET /\r\n\r\n"),
    "HTTP/2.0": (400, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "HTTP/2 preface": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "lower case protocol": (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    "lower case method": (400, b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "an unknown method": (400, b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "absolute form": (400, b"GET http://evil/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    "asterisk": (400, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    "CONNECT": (400, b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a path without its slash": (400, b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a fragment": (400, b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a space in the target": (400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a tab for a space": (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a byte above 0x7f in the target": (400, b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a NUL in the target": (400, b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a TLS hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
    "a chunk size that is none": (400, CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"),
    "a negative chunk size": (400, CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n"),
    "a chunk size with a prefix": (400, CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n"),
    "a chunk size beyond 64 bits": (400, CHUNKED + b"11111111111111111\r\nabc\r\n0\r\n\r\n"),
    "bare line feeds in chunks": (400, CHUNKED + b"3\nabc\n0\n\n"),
    "a chunk longer than its size": (400, CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n"),
    "a length in the trailers": (400, CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n"),
    "a sound request with garbage behind": (400, GET + b"abc\r\n\r\n"),
    "request line of 8 KiB and a byte": (431, b"GET /" + b"a" * 8_179 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "1 MB of target": (431, b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "32 KiB of headers and a byte": (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 32_755 + b"\r\n\r\n"),
    "1 MB of one header": (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n"),
    "1 MB of one header name": (431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a" * 1_000_000 + b": b\r\n\r\n"),
    "101 headers": (431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 100 + b"\r\n"),
    "1 MB of trailers": (431, CHUNKED + b"0\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n"),
    "1 MB of a chunk extension": (431, CHUNKED + b"3;x=" + b"a" * 1_000_000 + b"\r\nabc\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize(("status", "raw"), REFUSED.values(), ids=REFUSED)
async def test_what_can_be_read_in_two_ways_never_reaches_the_app(
    status: int, raw: bytes, server: Server
) -> None:
    """Each gets one problem document and a close; only a large body in pieces may have begun to arrive."""
    answer = await server.say(raw)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status_of(answer) == status
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in head
    assert b"content-type: application/problem+json" in head
    assert b"sidecar-call-id: call_x" in head
    problem = json.loads(body)
    assert (problem["status"], problem["call"]) == (status, "call_x")
    assert (problem["code"] == "headers_too_large") == (status == 431)
    assert server.bodies == []
    assert server.requests == [] or len(raw) > 500_000


TAKEN: dict[str, tuple[bytes, bytes, bytes]] = {
    "a plain GET": (GET, b"/a", b""),
    "a path for the canonicaliser": (GET.replace(b"/a", b"/a/../%2e//x?y=%20"), b"/a/../%2e//x?y=%20", b""),
    "a body": (POST + b"Content-Length: 3\r\n\r\nabc", b"/a", b"abc"),
    "space around a length": (POST + b"Content-Length:  3 \t\r\n\r\nabc", b"/a", b"abc"),
    "chunks": (CHUNKED + b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", b"/a", b"abcd"),
    "an empty line first": (b"\r\n" + GET, b"/a", b""),
    "100 headers": (b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 99 + b"\r\n", b"/a", b""),
    "32 KiB of headers": (b"GET /a HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 32_754 + b"\r\n\r\n", b"/a", b""),
    "8 KiB of request line": (
        b"GET /" + b"a" * 8_178 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"/" + b"a" * 8_178,
        b"",
    ),
    "an upgrade that is not taken": (
        GET[:-2] + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
        b"/a",
        b"",
    ),
}


@pytest.mark.parametrize(("raw", "target", "body"), TAKEN.values(), ids=TAKEN)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "bit by bit"])
async def test_what_is_sound_reaches_the_app_whole(
    raw: bytes, target: bytes, body: bytes, at_once: bool, server: Server
) -> None:
    """At the limits, and however it is cut into segments."""
    step = len(raw) if at_once else 1 + len(raw) // 300
    reader, writer = await server.connect()
    for start in range(0, len(raw), step):
        writer.write(raw[start : start + step])
        await asyncio.sleep(0)
    assert await reader.readuntil(b"\r\n\r\n") != b""
    assert [(request[1], seen) for request, seen in zip(server.requests, server.bodies, strict=True)] == [
        (target, body)
    ]


async def test_field_values_come_without_the_space_around_them(server: Server) -> None:
    """Optional white space is no part of a value (RFC 9110 5.5)."""
    await server.say(b"GET / HTTP/1.1\r\nHost: a\r\nX: \t a b \t\r\nConnection: close\r\n\r\n")
    assert server.requests[0][2] == [(b"host", b"a"), (b"x", b"a b"), (b"connection", b"close")]


async def test_trailers_do_not_become_headers(server: Server) -> None:
    """A payment header behind the body would arrive after everything was decided."""
    reader, writer = await server.connect()
    writer.write(CHUNKED + b"3\r\nabc\r\n0\r\nPAYMENT-SIGNATURE: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    assert b"payment-signature" not in dict(server.requests[0][2])


async def test_requests_on_one_connection_are_answered_in_order(server: Server) -> None:
    """Pipelining works, also behind an upgrade that was not taken."""
    upgrade = GET[:-2] + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    body = POST + b"Content-Length: 3\r\n\r\nabc"
    last = POST + b"Connection: close\r\nContent-Length: 2\r\n\r\nab"
    answer = await server.say(upgrade + body + GET + last)
    assert [part[-1:] for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == [b"0", b"3", b"0", b"2"]


async def test_a_broken_request_does_not_spoil_the_answer_before_it(server: Server) -> None:
    """What is being served is answered whole, is told to be the last, and the connection closes."""
    reader, writer = await server.connect()
    writer.write(GET.replace(b"/a", b"/held"))
    await asyncio.sleep(0.02)
    writer.write(b"broken\r\n\r\n" + GET)
    await asyncio.sleep(0.02)
    server.hold.set()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1") == 1
    assert len(server.requests) == 1


async def test_a_body_that_breaks_later_is_taken_away_from_the_app(server: Server) -> None:
    """The app sees a disconnect and the peer a 400."""
    answer = await server.say(CHUNKED + b"3\r\nabc\r\n", b"zz\r\n")
    assert status_of(answer) == 400
    assert (server.disconnects, server.bodies) == (1, [])


@pytest.mark.parametrize(
    "segments",
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n",),
        (b"G",),
        (b"\r\n",),
        (GET + b"GET / HT",),
        (POST + b"Content-Length: 3\r\n\r\nab",),
        (CHUNKED + b"3\r\nabc\r\n",),
        (CHUNKED + b"0\r\nX: ",),
    ],
    ids=["headers", "one byte", "an empty line", "second request", "body", "chunks", "trailers"],
)
async def test_a_peer_that_stops_is_told_and_dropped(segments: tuple[bytes, ...], server: Server) -> None:
    """Half a request holds a connection no longer than the limit."""
    answer = await server.say(*segments)
    assert b"HTTP/1.1 400 " in answer
    assert b'"reason":"request_timeout"' in answer
    assert server.bodies in ([], [b""])


async def test_a_head_has_one_deadline_however_it_trickles(server: Server) -> None:
    """A byte now and then does not renew the time for a head."""
    reader, writer = await server.connect()
    trickled = 0
    while not reader.at_eof() and trickled < 100:
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: "[trickled : trickled + 1] or b"a")
        await asyncio.sleep(0.02)
        trickled += 1
        if server.requests or reader._buffer:  # type: ignore[attr-defined]  # asyncio has no public peek
            break
    assert status_of(await reader.read()) == 400
    assert trickled < 50


async def test_a_body_may_take_its_time_as_long_as_it_moves(server: Server) -> None:
    """The idle time counts from the last byte."""
    reader, writer = await server.connect()
    writer.write(POST + b"Content-Length: 6\r\n\r\n")
    for _ in range(6):
        await asyncio.sleep(0.1)
        writer.write(b"a")
    assert await reader.readuntil(b"\r\n\r\n6") != b""


async def test_time_during_which_the_app_works_is_not_the_peers(server: Server) -> None:
    """A slow answer is no slow request."""
    reader, writer = await server.connect()
    writer.write(GET.replace(b"/a", b"/held"))
    await asyncio.sleep(0.6)
    server.hold.set()
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_connection_that_never_speaks_is_closed_without_a_word(server: Server) -> None:
    """Browsers open connections ahead of need."""
    assert await server.say() == b""


@pytest.mark.parametrize("server", [replace(LIMITS, unread_bytes_max=100_000)], indirect=True)
async def test_a_body_that_nobody_reads_is_not_read_for_ever(server: Server) -> None:
    """After the answer only so much more of its request is taken in."""
    reader, writer = await server.connect()
    writer.write(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")

    async def send_on() -> None:
        while True:
            writer.write(b"a" * 10_000)
            await writer.drain()
            await asyncio.sleep(0.01)

    with pytest.raises(ConnectionError):
        await send_on()


async def test_many_half_open_requests_do_not_stop_the_next_one(server: Server) -> None:
    """Slow peers cost a timer each, and nothing else."""
    for _ in range(200):
        _, writer = await server.connect()
        writer.write(b"GET / HTTP/1.1\r\n")
    assert status_of(await server.say(GET[:-2] + b"Connection: close\r\n\r\n")) == 200


# At once, without the app.

ASKED = b"GET /asked?%d HTTP/1.1\r\nHost: a\r\n\r\n"
ASKED_WITH = b"POST /asked HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


async def test_what_needs_no_app_is_answered_in_its_turn(server: Server) -> None:
    """Before and between what the app answers; behind something that is not answered yet it is the app's."""
    last = GET[:-2] + b"Connection: close\r\n\r\n"
    raws = [ASKED % 1, GET, ASKED % 2, ASKED_WITH % 3 + b"abc", last]
    for segments, between in (([b"".join(raws)], [b"0", b"3"]), (raws, [b"pay", b"pay"])):
        answer = await server.say(*segments)
        parts = answer.split(b"HTTP/1.1 ")[1:]
        assert [part.rpartition(b"\r\n\r\n")[2] for part in parts] == [b"pay", b"0", *between, b"0"]


async def test_it_may_be_the_last_answer(server: Server) -> None:
    """Asked to close, it says so and closes."""
    answer = await server.say((ASKED % 1)[:-2] + b"Connection: close\r\n\r\n" + GET)
    assert answer.startswith(b"HTTP/1.1 402 ")
    assert b"connection: close" in answer
    assert answer.endswith(b"\r\n\r\npay")
    assert server.requests == []


async def test_the_last_answer_reaches_who_still_sends(server: Server) -> None:
    """A close with input unread would reset the connection, and with it the answer on its way."""
    reader, writer = await server.connect()
    writer.write((ASKED_WITH % 400_000)[:-2] + b"Connection: close\r\n\r\n")
    answer = await reader.read()
    for _ in range(4):
        writer.write(b"a" * 100_000)
        await writer.drain()
        await asyncio.sleep(0.01)

    assert answer.endswith(b"pay")
    assert server.requests == []


async def test_to_head_it_has_no_body(server: Server) -> None:
    """Its length is told, and the next answer follows."""
    answer = await server.say((ASKED % 1).replace(b"GET", b"HEAD"), GET[:-2] + b"Connection: close\r\n\r\n")
    assert b"content-length: 3\r\n\r\nHTTP/1.1 200" in answer


async def test_the_body_behind_it_is_read_away(server: Server) -> None:
    """In pieces, and the next request is read behind it."""
    close = GET[:-2] + b"Connection: close\r\n\r\n"
    answer = await server.say(ASKED_WITH % 5 + b"ab", b"c", b"de" + close)
    assert [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]] == [402, 200]


@pytest.mark.parametrize("server", [replace(LIMITS, unread_bytes_max=10)], indirect=True)
@pytest.mark.parametrize("rest", [b"a" * 11, b""], ids=["more than is read away", "nothing within the time"])
async def test_a_body_behind_it_that_goes_wrong_only_closes(server: Server, rest: bytes) -> None:
    """It has its answer, and one request has one."""
    answer = await server.say(ASKED_WITH % 20, rest)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b"pay")


async def test_one_that_is_broken_in_its_segment_is_refused_instead(server: Server) -> None:
    """As by the app: it never was answered."""
    answer = await server.say(CHUNKED.replace(b"/a", b"/asked") + b"zz\r\n")
    assert (status_of(answer), server.at_once) == (400, [])


async def test_a_kept_connection_is_closed_without_a_word(server: Server) -> None:
    """A refusal then would be read as the answer to what comes next."""
    server.config.timeout_keep_alive = 0
    answer = await server.say(ASKED % 1)
    assert answer.endswith(b"pay")
    answer = await server.say(GET)
    assert answer.endswith(b"\r\n\r\n0")


async def test_a_peer_that_asks_first_is_the_apps(server: Server) -> None:
    """It may never send the body that would have to be read away."""
    raw = (ASKED_WITH % 3)[:-2] + b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
    answer = await server.say(raw, b"abc")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert server.at_once == []


async def test_a_defect_in_it_is_the_apps_to_meet(server: Server) -> None:
    """No request is refused for it."""
    answer = await server.say(b"GET /broken HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


# A peer that leaves what it gets.


@pytest.mark.parametrize("server", [replace(LIMITS, write_idle_ms=100)], indirect=True)
async def test_a_peer_that_takes_nothing_is_dropped(server: Server) -> None:
    """However much it asks for: what waits for it is bounded, and so is how long."""
    reader, writer = await server.connect()
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(ASKED % 1 * 40_000)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            await writer.drain()
            while True:
                writer.write(ASKED % 1 * 1_000)
                await writer.drain()
                await asyncio.sleep(0.01)
    assert len(server.at_once) < 40_000
