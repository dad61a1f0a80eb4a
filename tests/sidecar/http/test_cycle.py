"""One request and its answer: framed as HTTP wants it, fed with backpressure, ended whatever the app does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl

from sidecar.http.cycle import Cycle, PeerGone, Wire
from sidecar.http.whole import Broken

STAMP = b"date: now\r\n"
Start = dict[str, Any]


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.sent = b""
        self.open = True
        self.reading = True

    def write(self, data: bytes) -> None:
        self.sent += data

    def writelines(self, parts: list[bytes]) -> None:
        self.sent += b"".join(parts)

    def close(self) -> None:
        self.open = False

    def is_closing(self) -> bool:
        return not self.open

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Bench:
    """A cycle on such a transport."""

    def __init__(self, method: str = "GET", *, keep_alive: bool = True, expects: bool = False) -> None:
        self.transport = Transport()
        stand_in: Any = self.transport
        self.flow = FlowControl(stand_in)
        wire = Wire(asyncio.get_running_loop(), stand_in, self.flow, lambda: STAMP)
        self.ends = 0
        self.cycle = Cycle({"method": method}, wire, self._end, keep_alive=keep_alive, expects=expects)

    def _end(self) -> None:
        self.ends += 1

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], *pieces: bytes) -> bytes:
        """Send a whole answer of these pieces; return what was written."""
        await self.cycle.send({"type": "http.response.start", "status": status, "headers": headers})
        for piece in pieces:
            await self.cycle.send({"type": "http.response.body", "body": piece, "more_body": True})
        await self.cycle.send({"type": "http.response.body"})
        return self.transport.sent


OK = b"HTTP/1.1 200 OK\r\n" + STAMP


async def test_an_answer_of_a_known_length_leaves_as_it_is() -> None:
    """Status, the server's own lines, the app's, and the body."""
    bench = Bench()
    sent = await bench.answer(200, [(b"content-length", b"5"), (b"x", b"1")], b"he", b"", b"llo")

    assert sent == OK + b"content-length: 5\r\nx: 1\r\n\r\nhello"
    assert (bench.ends, bench.transport.open, bench.cycle.complete) == (1, True, True)


async def test_an_answer_of_an_unknown_length_is_chunked() -> None:
    """An empty piece is no chunk: it would be the last one."""
    sent = await Bench().answer(200, [], b"he", b"", b"llo, everybody")
    assert sent == OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\ne\r\nllo, everybody\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", 200, b"5"), ("GET", 304, b"5"), ("GET", 204, None)]
)
async def test_an_answer_without_a_body_has_none(method: str, status: int, length: bytes | None) -> None:
    """HEAD, 204 and 304 end with the head, whatever length that tells (RFC 9110 6.4.1)."""
    fields = [] if length is None else [(b"content-length", length)]
    sent = await Bench(method).answer(status, fields)

    assert sent.endswith((b"content-length: 5\r\n\r\n", STAMP + b"\r\n"))
    assert b"chunked" not in sent


async def test_the_body_of_an_answer_to_head_is_dropped() -> None:
    """An app may answer as it would GET."""
    assert (await Bench("HEAD").answer(200, [(b"content-length", b"2")], b"hi")).endswith(b"2\r\n\r\n")


@pytest.mark.parametrize(
    ("keep_alive", "fields", "closes"),
    [
        (True, [], False),
        (False, [], True),
        (True, [(b"connection", b"Close")], True),
        (False, [(b"connection", b"close")], True),
    ],
)
async def test_the_last_answer_says_so_once(
    keep_alive: bool, fields: list[tuple[bytes, bytes]], closes: bool
) -> None:
    """And then the connection closes."""
    bench = Bench(keep_alive=keep_alive)
    sent = await bench.answer(200, [(b"content-length", b"0"), *fields])

    assert sent.lower().count(b"connection: close\r\n") == closes
    assert bench.transport.open is not closes


@pytest.mark.parametrize("value", [b"a\r\nx: b", b"a\nb", b"a\rb", b"a\x00b", b"a\x7fb"])
async def test_a_control_byte_never_leaves_in_a_head(value: bytes) -> None:
    """It could end the head early, and what follows would be another answer."""
    for field in ((b"x", value), (value, b"x")):
        bench = Bench()
        with pytest.raises(Broken):
            await bench.answer(200, [field])
        assert bench.transport.sent == b""


@pytest.mark.parametrize(
    ("length", "pieces"), [(b"3", (b"hi",)), (b"1", (b"hi",))], ids=["shorter", "longer"]
)
async def test_a_body_that_is_not_its_length_closes(
    length: bytes, pieces: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """The peer can tell that it is not whole; the operator is told."""
    bench = Bench()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await bench.answer(200, [(b"content-length", length)], *pieces)

    await bench.cycle.run(app)
    assert not bench.transport.open
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def one_that_raises(scope: Any, receive: Any, send: Any) -> None:
    raise ZeroDivisionError


async def one_that_says_nothing(scope: Any, receive: Any, send: Any) -> None:
    pass


async def one_that_begins_with_the_body(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.mark.parametrize("app", [one_that_raises, one_that_says_nothing, one_that_begins_with_the_body])
async def test_a_defect_before_the_head_is_a_500(
    app: Callable[..., Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """Without a word about it; then the connection closes."""
    bench = Bench()
    await bench.cycle.run(app)

    assert bench.transport.sent.startswith(b"HTTP/1.1 500 ")
    assert bench.transport.sent.endswith(b"\r\n\r\nInternal Server Error")
    assert not bench.transport.open
    assert len(caplog.records) == 1


@pytest.mark.parametrize("end", [True, False])
async def test_a_defect_after_the_head_closes(end: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is added to what is out, and nothing is said twice."""
    bench = Bench()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hi", "more_body": not end})
        await send({"type": "http.response.start", "status": 200, "headers": []})

    await bench.cycle.run(app)
    assert bench.transport.sent.count(b"HTTP/1.1") == 1
    assert bench.transport.open is end
    assert bench.transport.sent.endswith(b"0\r\n\r\n") is end
    assert len(caplog.records) == 1


@pytest.mark.parametrize("wrapped", [True, False])
async def test_a_peer_that_leaves_is_no_defect(wrapped: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The app is told by an OSError when it sends; nobody else is."""
    bench = Bench()
    said: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        said.append((await receive())["type"])
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        except OSError:
            if wrapped:
                raise RuntimeError("left") from None
            raise

    bench.cycle.take_away()
    await bench.cycle.run(app)
    assert (said, bench.transport.sent, caplog.records) == (["http.disconnect"], b"", [])


async def test_a_connection_that_is_being_dropped_takes_nothing() -> None:
    """Also before it is told that it is lost: writing to it then would be a defect."""
    bench = Bench()
    await bench.cycle.send({"type": "http.response.start", "status": 200, "headers": []})
    bench.transport.close()
    with pytest.raises(PeerGone):
        await bench.cycle.send({"type": "http.response.body", "body": b"more", "more_body": True})


async def test_a_body_is_read_as_it_comes() -> None:
    """Pieces that wait are one; after the last one only the end of the connection is news."""
    bench = Bench("POST")
    bench.cycle.feed(b"a")
    bench.cycle.feed(b"b")
    assert await bench.cycle.receive() == {"type": "http.request", "body": b"ab", "more_body": True}
    waiting = asyncio.create_task(bench.cycle.receive())
    await asyncio.sleep(0)
    assert not waiting.done()
    bench.cycle.feed_end()
    assert await waiting == {"type": "http.request", "body": b"", "more_body": False}

    waiting = asyncio.create_task(bench.cycle.receive())
    await asyncio.sleep(0)
    assert not waiting.done()
    bench.cycle.take_away()
    assert await waiting == {"type": "http.disconnect"}


async def test_a_body_that_nobody_reads_stops_its_sender() -> None:
    """And reading it lets the sender go on."""
    bench = Bench("POST")
    seen = []
    for piece in (b"a" * HIGH_WATER_LIMIT, b"a"):
        bench.cycle.feed(piece)
        seen.append((bench.transport.reading, bench.cycle.awaited))
    read = (await bench.cycle.receive())["body"]
    seen.append((bench.transport.reading, bench.cycle.awaited))

    assert seen == [(True, False), (False, True), (True, False)]
    assert len(read) == HIGH_WATER_LIMIT + 1


async def test_a_peer_that_asks_first_is_let_go_on_when_its_body_is_read() -> None:
    """100 once, and not at all if the answer comes without the body."""
    bench, other = Bench("POST", expects=True), Bench("POST", expects=True)
    assert bench.cycle.awaited
    bench.cycle.feed_end()
    for _ in range(2):
        bench.cycle.feed(b"a")
        await bench.cycle.receive()
    assert bench.transport.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"100" not in await other.answer(413, [(b"content-length", b"0")])


async def test_an_answer_waits_for_a_peer_that_takes_nothing() -> None:
    """Nothing is written while the transport is full; a peer that leaves ends the wait."""
    bench = Bench()
    bench.flow.pause_writing()
    sending = asyncio.create_task(bench.answer(200, [(b"content-length", b"0")]))
    await asyncio.sleep(0)
    assert bench.transport.sent == b""
    bench.cycle.take_away()
    bench.flow.resume_writing()
    with pytest.raises(PeerGone):
        await sending
