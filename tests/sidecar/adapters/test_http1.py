"""One connection: what an answer's end is, how much of it waits here, and what ends the connection."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from sidecar.adapters.http1 import HEAD_BYTES_MAX, HIGH_WATER_BYTES, ServerConnection
from sidecar.ports import AnswerLost, TimedOut

HEAD = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Transport:
    """Keeps what is written, and says what was done to it."""

    ends: ClassVar[list[socket.socket]] = []

    def __init__(self) -> None:
        self.sent = b""
        self.reading = True
        self.over = False
        self.ours, self.theirs = socket.socketpair()
        self.ends.extend((self.ours, self.theirs))

    def write(self, data: bytes) -> None:
        self.sent += data

    def writelines(self, parts: list[bytes]) -> None:
        self.sent += b"".join(parts)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.over

    def abort(self) -> None:
        self.over = True

    def get_extra_info(self, _: str) -> socket.socket:
        return self.ours


@pytest.fixture(autouse=True)
def ends() -> Iterator[list[socket.socket]]:
    """Close what the transports of a test have."""
    Transport.ends = []
    yield Transport.ends
    for each in Transport.ends:
        each.close()


class Bench:
    """A connection whose server is the test."""

    def __init__(self) -> None:
        self.freed = 0
        self.connection = ServerConnection(
            "peer", asyncio.get_running_loop(), free=self._free, over=lambda _: None
        )
        self.transport = Transport()
        stand_in: Any = self.transport
        self.connection.connection_made(stand_in)

    def _free(self, _: ServerConnection) -> None:
        self.freed += 1

    async def ask(self, *answer: bytes, body: Any = None, to_head: bool = False, within_s: float = 5) -> None:
        """Ask, and hand over *answer* as soon as that is waited for."""
        asking = asyncio.create_task(self.connection.ask(HEAD, body, to_head=to_head, within_s=within_s))
        await asyncio.sleep(0)
        for each in answer:
            self.connection.data_received(each)
        await asking

    async def read(self) -> bytes:
        """Read to the end."""
        body = b""
        while (piece := await self.connection.read(0.05)) is not None:
            body += piece
        return body

    @property
    def freed_after_release(self) -> bool:
        """Release it, and tell whether another request may be sent."""
        self.connection.release()
        return self.freed == 1 and not self.transport.over


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX:  1 \r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX: 1\r\n\r\n"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + LENGTH


@pytest.mark.parametrize("raw", [LENGTH, CHUNKS, EARLY], ids=["length", "chunks", "1xx before it"])
@pytest.mark.parametrize("step", [1, 9, 1_000])
async def test_a_whole_answer_frees_the_connection(raw: bytes, step: int) -> None:
    """However it is cut; fields are of the last head, without the space around them."""
    bench = Bench()
    for _ in range(2):
        await bench.ask(*(raw[start : start + step] for start in range(0, len(raw), step)))
        assert bench.connection.status == 200
        names = [name for name, _ in bench.connection.fields]
        assert (len(names), b"link" in names) == (1 if raw is CHUNKS else 2, False)
        assert await bench.read() == b"hello"
        assert bench.freed_after_release
        bench.freed = 0


async def test_the_end_of_the_connection_may_be_the_answers() -> None:
    """Only where it has no other (RFC 9112 6.3); it is the last one then."""
    bench = Bench()
    await bench.ask(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo")
    bench.connection.eof_received()
    assert await bench.read() == b"hello"
    assert not bench.freed_after_release


async def test_an_end_of_ours_is_not_the_answers() -> None:
    """What stalled and was closed for it is not whole, though it had no other end."""
    bench = Bench()
    await bench.ask(b"HTTP/1.1 200 OK\r\n\r\nhel")
    assert await bench.connection.read(5) == b"hel"
    with pytest.raises(TimedOut):
        await bench.connection.read(0.01)
    bench.connection.connection_lost(None)
    with pytest.raises(TimedOut):
        await bench.connection.read(0.01)


@pytest.mark.parametrize(
    ("to_head", "raw", "frees"),
    [
        (True, LENGTH[:-5], False),
        (False, b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (False, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True),
        (False, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (False, LENGTH.replace(b"X:  1", b"Connection: close"), False),
        (False, LENGTH + b"HTTP/1.1 200 OK\r\n", False),
    ],
    ids=["HEAD", "204", "304", "HTTP/1.0", "the last one", "more than was asked for"],
)
async def test_what_may_follow_an_answer(to_head: bool, raw: bytes, frees: bool) -> None:
    """Nothing, where its end is not where the parser would look for it, or where its sender says so."""
    bench = Bench()
    await bench.ask(raw, to_head=to_head)
    await bench.read()
    assert bench.freed_after_release is frees


async def test_what_comes_unasked_ends_the_connection() -> None:
    """It could be taken for the next answer."""
    bench = Bench()
    await bench.ask(LENGTH)
    await bench.read()
    bench.connection.release()
    bench.connection.data_received(LENGTH)
    assert not bench.connection.usable


@pytest.mark.parametrize("read", [True, False])
async def test_an_answer_that_is_not_whole_does_not_free_it(read: bool) -> None:
    """Given up on after its head, or in its body."""
    bench = Bench()
    await bench.ask(LENGTH[:-1])
    if read:
        await bench.connection.read(5)
    assert not bench.freed_after_release


async def test_a_body_waits_within_bounds() -> None:
    """Its server waits once more is here than may be; reading lets it go on."""
    bench = Bench()
    await bench.ask(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    seen = []
    for piece in (b"a" * HIGH_WATER_BYTES, b"a", b"a"):
        bench.connection.data_received(piece)
        seen.append(bench.transport.reading)
    piece = await bench.connection.read(5) or b""
    seen.append(bench.transport.reading)

    assert seen == [True, False, False, True]
    assert len(piece) == HIGH_WATER_BYTES + 2


async def test_a_whole_answer_that_nobody_reads_leaves_the_connection_as_it_was() -> None:
    """Its server was made to wait for a reader; the next answer must not wait for that one."""
    bench = Bench()
    size = HIGH_WATER_BYTES + 1
    await bench.ask(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
    assert not bench.transport.reading
    assert bench.freed_after_release
    assert bench.transport.reading


async def test_a_head_is_bounded() -> None:
    """Also one that never ends a line."""
    for line in (b"X: 1\r\n", b"a"):
        bench = Bench()
        with pytest.raises(AnswerLost, match="too large"):
            await bench.ask(b"HTTP/1.1 200 OK\r\n" + line * (HEAD_BYTES_MAX // len(line)))


async def test_what_is_no_http_is_lost_after_what_came_before() -> None:
    """A body that breaks is delivered up to there, and no further."""
    bench = Bench()
    await bench.ask(CHUNKS[:55], b"zz\r\n")
    assert await bench.connection.read(5) == b"he"
    with pytest.raises(AnswerLost, match="not valid"):
        await bench.connection.read(5)
    assert bench.transport.over


async def test_a_head_has_its_time() -> None:
    """Then the connection is closed: what comes late would be another request's."""
    bench = Bench()
    with pytest.raises(TimedOut, match="headers"):
        await bench.ask(within_s=0.01)
    assert bench.transport.over


async def test_a_body_in_pieces_waits_for_its_server() -> None:
    """Nothing is written while the transport is full."""
    bench = Bench()

    async def pieces() -> Any:
        yield b"a"
        bench.connection.pause_writing()
        yield b"b"
        raise AssertionError("not asked for before the last piece could be written")

    asking = asyncio.create_task(bench.ask(body=pieces()))
    await asyncio.sleep(0.01)
    assert bench.transport.sent == HEAD + b"a"
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert bench.transport.over


async def test_a_body_that_breaks_off_behind_an_early_head_is_a_lost_answer() -> None:
    """Its own error is told to whoever still waits for the head, and to nobody later."""
    bench = Bench()
    broken = asyncio.Event()

    async def breaks() -> Any:
        yield b"a"
        await broken.wait()
        raise ZeroDivisionError

    await bench.ask(LENGTH[:-1], body=breaks())
    broken.set()
    assert await bench.connection.read(5) == b"hell"
    with pytest.raises(AnswerLost, match="broke off"):
        await bench.connection.read(5)


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_server_that_left_or_spoke_is_not_quiet(leaves: bool) -> None:
    """Also before the event loop tells of it."""
    bench = Bench()
    assert bench.connection.quiet
    if leaves:
        bench.transport.theirs.close()
    else:
        bench.transport.theirs.send(b"HTTP/1.1 408 Timeout")
    assert bench.connection.usable
    assert not bench.connection.quiet
