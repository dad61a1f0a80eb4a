"""What the agent receives and what comes back, byte for byte, on real sockets."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.adapters.upstream import HttpUpstream
from sidecar.domain.target import Target, canonical
from sidecar.ports import AnswerLost, Fault, Headers, NothingSent, TimedOut, UpstreamAnswer, UpstreamRequest
from tests.sidecar.adapters.conftest import Listen, Script, read_request, replying, silence

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GIVEN = ((b"accept", b"a/b"), (b"user-agent", b"buyer"))


def a_request(
    target: bytes = b"/research",
    *,
    method: str = "POST",
    headers: Headers = GIVEN,
    body: bytes | AsyncIterable[bytes] | None = None,
    headers_timeout_s: int = 1,
) -> UpstreamRequest:
    """A request in which only what a test names matters."""
    return UpstreamRequest(method, target, headers, body, headers_timeout_s)


async def seen_by_agent(
    listen: Listen, request: UpstreamRequest, *, path: str = ""
) -> tuple[list[bytes], bytes]:
    """Send *request*, and return the head lines and the raw body bytes that the agent saw."""
    seen: asyncio.Future[tuple[bytes, bytes]] = asyncio.get_running_loop().create_future()

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        body = b""
        if b"transfer-encoding" in head:
            body = await reader.readuntil(b"0\r\n\r\n")
        elif b"content-length" in head:
            body = await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        seen.set_result((head, body))

    upstream = HttpUpstream(await listen(record) + path)
    answer = await upstream.send(request)
    await answer.close()
    await upstream.close()
    async with asyncio.timeout(5):
        head, body = await seen
    return head.split(b"\r\n")[:-2], body


async def answer_of(listen: Listen, script: Script, request: UpstreamRequest | None = None) -> UpstreamAnswer:
    """Send a request to *script* and return the answer, open."""
    return await HttpUpstream(await listen(script), body_idle_ms=200).send(request or a_request())


async def body_of(answer: UpstreamAnswer) -> bytes:
    """Read the whole body and close."""
    try:
        return b"".join([chunk async for chunk in answer.chunks()])
    finally:
        await answer.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body in pieces."""
    for part in parts:
        yield part


async def test_headers_leave_as_given(listen: Listen) -> None:
    """Nothing is added but Host and the length; all fields keep their order and all their values."""
    headers = ((b"x-b", b"1"), *GIVEN, (b"x-a", b""), (b"x-b", b"2"), (b"cookie", b'a="b"; c=\td'))
    lines, body = await seen_by_agent(listen, a_request(headers=headers, body=b"abc"))
    assert lines[0] == b"POST /research HTTP/1.1"
    fixed = [line for line in lines[1:] if not line.startswith(b"host: 127.0.0.1:")]
    assert fixed == [
        b"x-b: 1", b"accept: a/b", b"user-agent: buyer", b"x-a: ", b"x-b: 2", b'cookie: a="b"; c=\td',
        b"content-length: 3",
    ]  # fmt: skip
    assert len(lines) == len(fixed) + 2
    assert body == b"abc"


async def test_nothing_is_added_for_a_caller_that_says_nothing(listen: Listen) -> None:
    """No agent's name, no `accept`: what is not said means what RFC 9110 says it means."""
    lines, _ = await seen_by_agent(listen, a_request(method="GET", headers=()))
    assert len(lines) == 2
    assert lines[1].startswith(b"host: 127.0.0.1:")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_the_method_leaves_as_given(method: str, listen: Listen) -> None:
    """Methods are the agent's business."""
    lines, _ = await seen_by_agent(listen, a_request(method=method))
    assert lines[0] == method.encode() + b" /research HTTP/1.1"


TARGETS = [
    b"/",
    b"/a?",
    b"/a%20b/%C3%A9?q=%2F..//;x=%27&y",
    b"/a:b@c,d=e~f!$&()*+'",
    b"/...",
    b"/a/?b?c",
    b"/?q='\"{}",
    b"//a/../b/%2e/./\\",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_the_target_leaves_byte_for_byte(target: bytes, listen: Listen) -> None:
    """What was priced is what arrives."""
    lines, _ = await seen_by_agent(listen, a_request(target, method="GET"))
    assert lines[0] == b"GET " + target + b" HTTP/1.1"


async def test_a_path_in_the_base_url_comes_first(listen: Listen) -> None:
    """An agent may live below a path."""
    lines, _ = await seen_by_agent(listen, a_request(b"/a?b", method="GET"), path="/v1/")
    assert lines[0] == b"GET /v1/a?b HTTP/1.1"


@pytest.mark.parametrize(
    "target", [b"a", b"", b"/a#b", b"/a b", b"/a\tb", b"/a\r\nx: y", b"/\xc3\xa9", b"/\x7f"]
)
async def test_a_target_that_is_none_is_not_sent(target: bytes, nobody: str) -> None:
    """It could end the request line early, or be cut; that never leaves, whoever let it through."""
    with pytest.raises(NothingSent, match="target"):
        await HttpUpstream(nobody).send(a_request(target))


@given(st.from_regex(rb"/[!-~]{0,30}", fullmatch=True), st.from_regex(rb"[!-~]{0,30}", fullmatch=True))
async def test_every_canonical_target_can_be_sent(path: bytes, query: bytes) -> None:
    """Whatever the canonicaliser accepts leaves unchanged: the refused connection shows it got that far."""
    target = canonical(path, query)
    if isinstance(target, Target):
        upstream = HttpUpstream("http://127.0.0.1:1")
        with pytest.raises(NothingSent, match=r"refused|Refused"):
            await upstream.send(a_request(target.target))
        await upstream.close()


@pytest.mark.parametrize(
    ("body", "declared", "framing", "raw"),
    [
        (None, None, [], b""),
        (b"", None, [b"content-length: 0"], b""),
        (b"abc", b"99", [b"content-length: 3"], b"abc"),
        (b"abc", b"1", [b"content-length: 3"], b"abc"),
        ((b"ab", b"", b"c"), None, [b"transfer-encoding: chunked"], b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        ((b"ab", b"c"), b"3", [b"content-length: 3"], b"abc"),
        ((), None, [b"transfer-encoding: chunked"], b"0\r\n\r\n"),
    ],
)
async def test_the_body_is_framed_once_and_right(
    body: bytes | tuple[bytes, ...] | None,
    declared: bytes | None,
    framing: list[bytes],
    raw: bytes,
    listen: Listen,
) -> None:
    """Bytes say their own length; a stream keeps a declared one, or goes in chunks."""
    headers = [*GIVEN, (b"transfer-encoding", b"chunked")]
    if declared is not None:
        headers.append((b"content-length", declared))
    sent = pieces(*body) if isinstance(body, tuple) else body
    lines, seen = await seen_by_agent(listen, a_request(headers=headers, body=sent))
    assert [line for line in lines if line.startswith((b"content-length", b"transfer-encoding"))] == framing
    assert seen == raw


@pytest.mark.parametrize("parts", [(b"ab",), (b"ab", b"cd")], ids=["shorter", "longer"])
async def test_a_stream_that_breaks_its_declared_length_is_lost(
    parts: tuple[bytes, ...], listen: Listen
) -> None:
    """A body is never cut or padded to fit what was declared."""
    request = a_request(headers=((b"content-length", b"3"),), body=pieces(*parts))
    with pytest.raises(AnswerLost):
        await answer_of(listen, replying(OK), request)


async def test_an_error_of_the_bodys_own_iterator_passes_through(listen: Listen) -> None:
    """Who feeds the body knows best why it stopped."""

    class BuyerLeftError(Exception):
        pass

    async def breaks() -> AsyncIterator[bytes]:
        yield b"abc"
        raise BuyerLeftError

    with pytest.raises(BuyerLeftError):
        await answer_of(listen, silence, a_request(body=breaks()))


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"\xc3\xa9"),
        (b"x", b"a\r\nb: c"),
        (b"x y", b"hush"),
        (b"x", b"a\x00"),
        (b"content-length", b"+1"),
    ],
)
async def test_a_header_that_cannot_leave_as_given_is_not_sent(
    header: tuple[bytes, bytes], nobody: str
) -> None:
    """The client would re-encode some and refuse others; the fault does not quote the value."""
    with pytest.raises(NothingSent) as caught:
        await HttpUpstream(nobody).send(a_request(headers=(header,)))
    assert header[1].decode("latin-1") not in str(caught.value)


async def test_the_answer_comes_back_as_it_was_sent(listen: Listen) -> None:
    """Status, lower-case names, every value of a repeated field, and the body undecoded."""
    raw = (
        b"HTTP/1.1 404 Gone Fishing\r\nSet-Cookie: a\r\nX-One: 1\r\nset-cookie: b\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x00\xffz"
    )
    answer = await answer_of(listen, replying(raw))
    assert answer.status == 404
    assert sorted(answer.headers) == [
        (b"content-encoding", b"gzip"),
        (b"content-length", b"5"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"x-one", b"1"),
    ]
    assert [value for name, value in answer.headers if name == b"set-cookie"] == [b"a", b"b"]
    assert await body_of(answer) == b"\x1f\x8b\x00\xffz"


async def test_an_answer_that_is_here_is_taken_whole(listen: Listen) -> None:
    """Once, and only before anything of it was read."""
    upstream = HttpUpstream(await listen(replying(OK.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))))
    answer = await upstream.send(a_request())
    assert answer.whole() == b"ok"
    assert answer.whole() is None
    await answer.close()
    answer = await upstream.send(a_request())
    assert await anext(answer.chunks()) == b"ok"
    assert answer.whole() is None
    await answer.close()
    await upstream.close()


async def test_an_answer_that_still_comes_is_not_whole(listen: Listen) -> None:
    """Its pieces are."""
    answer = await answer_of(listen, replying(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok"))
    assert answer.whole() is None
    assert await anext(answer.chunks()) == b"ok"
    await answer.close()


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n"),
        ("GET", b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ],
)
async def test_an_answer_without_a_body_ends_at_once(method: str, raw: bytes, listen: Listen) -> None:
    """A length that belongs to no body is not waited for."""
    answer = await answer_of(listen, replying(raw), a_request(method=method))
    assert await body_of(answer) == b""


BROKEN = {
    "closed after reading": b"",
    "malformed status line": b"HTTP/1.1 boo\r\n\r\n",
    "status 101": b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    "status 999": b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
    "a header above 0x7f": b"HTTP/1.1 200 OK\r\nx: \xe9\r\ncontent-length: 0\r\n\r\n",
    "1 MB of headers": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "both framings": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding that is not chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
async def test_headers_that_cannot_be_carried_on_are_a_lost_answer(raw: bytes, listen: Listen) -> None:
    """The agent may have worked; nobody can be told what it said."""
    with pytest.raises(AnswerLost) as caught:
        await answer_of(listen, replying(raw))
    assert type(caught.value) is AnswerLost


async def test_no_connection_is_nothing_sent(nobody: str) -> None:
    """A refused connection lets the payment be voided."""
    with pytest.raises(NothingSent):
        await HttpUpstream(nobody).send(a_request())


async def test_headers_that_do_not_come_in_time_are_a_timeout(listen: Listen) -> None:
    """The route's own timeout counts, though the client would wait longer."""
    with pytest.raises(TimedOut):
        await answer_of(listen, silence)


async def test_the_upload_counts_against_the_headers_timeout(listen: Listen) -> None:
    """A body that never ends cannot keep a call open."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"abc"
            await asyncio.sleep(0.05)

    with pytest.raises(TimedOut):
        await answer_of(listen, silence, a_request(body=endless()))


async def test_an_early_answer_is_read_while_the_upload_goes_on(listen: Listen) -> None:
    """A 413 before the end of the body reaches the buyer."""
    more = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"abc"
        await more.wait()

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await more.wait()

    answer = await answer_of(listen, refuses, a_request(body=slow()))
    assert (answer.status, await body_of(answer)) == (413, b"big")
    more.set()


async def test_chunks_come_as_the_agent_sends_them(listen: Listen) -> None:
    """An event stream is not held back: each event is here before the next one is sent."""
    got = asyncio.Event()

    async def events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(3):
            writer.write(b"9\r\ndata: 1\n\n\r\n")
            await got.wait()
            got.clear()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    answer = await answer_of(listen, events)
    seen = []
    async for chunk in answer.chunks():
        seen.append(chunk)
        got.set()
    await answer.close()
    assert seen == [b"data: 1\n\n"] * 3


async def test_a_slow_reader_slows_the_agent_down(listen: Listen) -> None:
    """Of a large body only what the sockets hold is sent before it is read."""
    sent = 0

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n")
        for _ in range(1_024):
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536

    answer = await HttpUpstream(await listen(large)).send(a_request())
    chunks = answer.chunks()
    received = len(await anext(chunks))
    await asyncio.sleep(0.3)
    assert sent < 33_554_432
    async for chunk in chunks:
        received += len(chunk)
    await answer.close()
    assert received == 67_108_864


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ],
    ids=["length", "chunks", "malformed chunk"],
)
async def test_a_body_that_breaks_off_is_lost_after_what_came(raw: bytes, listen: Listen) -> None:
    """What arrived is delivered; that it was not all is never hidden."""
    answer = await answer_of(listen, replying(raw))
    chunks = answer.chunks()
    assert await anext(chunks) == b"abc"
    with pytest.raises(AnswerLost):
        await anext(chunks)
    await answer.close()


async def test_a_body_that_stalls_is_a_timeout(listen: Listen) -> None:
    """The idle time is the adapter's, whatever the route allows for the headers."""

    async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
        await asyncio.sleep(3_600)

    with pytest.raises(TimedOut):
        await body_of(await answer_of(listen, stalls))


async def test_close_may_be_called_at_any_time_and_twice(listen: Listen) -> None:
    """Closing in the middle of a body releases the agent at once."""
    released = asyncio.Event()

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
        assert await reader.read() == b""
        released.set()

    answer = await HttpUpstream(await listen(waits)).send(a_request())
    await anext(answer.chunks())
    await answer.close()
    await answer.close()
    async with asyncio.timeout(5):
        await released.wait()


@pytest.mark.parametrize("read", [True, False])
async def test_a_closed_answer_never_reads_another_ones_bytes(read: bool, listen: Listen) -> None:
    """Its connection may serve the next request already."""

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in (b"first", b"other"):
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n" + body)

    upstream = HttpUpstream(await listen(twice))
    answer = await upstream.send(a_request())
    chunks = answer.chunks()
    if read:
        assert await anext(chunks) == b"first"
    await answer.close()
    other = await upstream.send(a_request())
    assert answer.whole() is None
    with pytest.raises(AnswerLost):
        await anext(chunks)
    assert await body_of(other) == b"other"
    await upstream.close()


async def test_a_send_given_up_on_frees_its_connection_at_once(listen: Listen) -> None:
    """With room for one connection, a cancelled send does not block the next one."""
    calls = 0

    async def hangs_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(3_600)
        await read_request(reader)
        writer.write(OK)
        await writer.drain()

    upstream = HttpUpstream(await listen(hangs_once), connections_max=1, pool_timeout_ms=500)
    first = asyncio.create_task(upstream.send(a_request()))
    await asyncio.sleep(0.1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await body_of(await upstream.send(a_request())) == b"ok"
    await upstream.close()


async def test_a_closed_upstream_sends_nothing_more(listen: Listen) -> None:
    """After close every send is a Fault, not a crash."""
    upstream = HttpUpstream(await listen(replying(OK)))
    await upstream.close()
    with pytest.raises(Fault):
        await upstream.send(a_request())


@pytest.mark.parametrize("url", ["ftp://a", "127.0.0.1:9000", "http://a/?b"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str) -> None:
    """The only place calls go to is checked when it is configured."""
    with pytest.raises(ValueError, match=r".+"):
        HttpUpstream(url)
