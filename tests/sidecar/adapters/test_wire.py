"""The client's failures prove what the ports say they prove, on real sockets."""

import asyncio
import base64
import socket
import struct
from dataclasses import replace

import pytest

from sidecar.adapters.wire import Answer, Limits, Peer, origin_of
from sidecar.ports import AnswerLost, Fault, NothingSent, TimedOut
from sidecar.urls import read
from tests.sidecar.adapters.conftest import Listen, Script, read_request, replying, silence

FAST = Limits(connections_max=8, answer_bytes_max=65_536, connect_timeout_ms=400, pool_timeout_ms=100)


async def post(url: str, *, limits: Limits = FAST, timeout_ms: int = 5_000, cap: int = 65_536) -> Answer:
    """POST two bytes with connections of its own."""
    peer = Peer(f"{url}/settle?key=secret", "peer", replace(limits, answer_bytes_max=cap))
    try:
        return await peer.ask(peer.head("POST", "/settle?key=secret"), b"{}", timeout_ms=timeout_ms)
    finally:
        peer.close()


async def close_unread(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept, and close before reading anything."""


async def close_after_reading(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the request, and close without an answer."""
    await read_request(reader)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request, and reset the connection."""
    await read_request(reader)
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def then_silence(raw: bytes) -> Script:
    """Take the request, write *raw*, and stay."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)
        await writer.drain()
        await asyncio.sleep(3_600)

    return script


async def test_a_refused_connection_proves_that_nothing_was_sent(nobody: str) -> None:
    """No listener, no request."""
    with pytest.raises(NothingSent):
        await post(nobody)


async def test_an_unknown_host_proves_that_nothing_was_sent() -> None:
    """A name that does not resolve is never connected to (RFC 6761: .invalid never resolves)."""
    with pytest.raises(NothingSent):
        await post("http://nowhere.invalid")


@pytest.mark.parametrize("script", [close_unread, silence], ids=["failed", "stalled"])
async def test_a_tls_handshake_that_fails_proves_that_nothing_was_sent(
    script: Script, listen: Listen
) -> None:
    """The request is behind the handshake, so it stays here when that fails."""
    url = await listen(script)
    limits = replace(FAST, connect_timeout_ms=100)
    with pytest.raises(NothingSent):
        await post(url.replace("http:", "https:"), limits=limits)


async def test_a_full_pool_proves_that_nothing_was_sent(listen: Listen) -> None:
    """With every connection in use, the next request is given up before it is written."""
    peer = Peer(await listen(silence), "peer", replace(FAST, connections_max=1, pool_timeout_ms=50))
    first = asyncio.create_task(_ask(peer, timeout_ms=500))
    await asyncio.sleep(0.1)
    with pytest.raises(NothingSent, match="no free connection"):
        await _ask(peer)
    with pytest.raises(TimedOut):
        await first
    peer.close()


async def test_time_that_ran_out_on_a_connection_proves_that_nothing_was_sent(listen: Listen) -> None:
    """The deadline is one for all of it; who gets a connection too late sends nothing."""
    heads: list[bytes] = []

    async def counting(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])

    with pytest.raises(NothingSent):
        await post(await listen(counting), timeout_ms=0)
    assert heads == []


LOST: list[tuple[str, Script]] = [
    ("closed before it read anything", close_unread),
    ("closed after reading the request", close_after_reading),
    ("reset after reading the request", reset),
    ("half of the headers, then closed", replying(b"HTTP/1.1 200 OK\r\nx: ")),
    ("malformed status line", replying(b"HTTP/1.1 boo\r\n\r\n")),
    ("not HTTP at all", replying(b"hello\r\n\r\n")),
    ("folded header", replying(b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n")),
    ("two lengths", replying(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd")),
    ("1 MB of headers", replying(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n")),
    ("truncated body", replying(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")),
    ("truncated chunks", replying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")),
    ("malformed chunk", replying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n")),
    ("body above the cap", replying(b"HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n" + b"a" * 101)),
    (
        "a coding nobody asked for",
        replying(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n"),
    ),
    (
        "a header that is not text",
        replying(b"HTTP/1.1 200 OK\r\ncontent-encoding: \xe9\r\ncontent-length: 0\r\n\r\n"),
    ),
]


@pytest.mark.parametrize("script", [script for _, script in LOST], ids=[name for name, _ in LOST])
async def test_an_answer_that_breaks_is_lost_and_proves_nothing(script: Script, listen: Listen) -> None:
    """Whatever happens after the connection stands, the request may have been acted on."""
    url = await listen(script)
    with pytest.raises(AnswerLost) as caught:
        await post(url, cap=100)
    assert type(caught.value) is AnswerLost


@pytest.mark.parametrize(
    "script",
    [
        silence,
        then_silence(b""),
        then_silence(b"HTTP/1.1 200 OK\r\nx: "),
        then_silence(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
    ],
    ids=["nothing read", "request read", "half of the headers", "half of the body"],
)
async def test_silence_is_a_timeout_and_never_proof(script: Script, listen: Listen) -> None:
    """However far the answer came, the request had left."""
    url = await listen(script)
    with pytest.raises(TimedOut):
        await post(url, timeout_ms=150)


async def test_a_request_is_never_written_twice(listen: Listen) -> None:
    """A kept connection that dies after the request was read is not tried again."""
    heads: list[bytes] = []

    async def second_dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(heads) < 2:
            heads.append((await read_request(reader))[0])
            if len(heads) == 1:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    url = await listen(second_dies)
    peer = Peer(url, "peer", FAST)
    assert (await _ask(peer)).body == b"ok"
    with pytest.raises(AnswerLost):
        await _ask(peer)
    peer.close()
    assert len(heads) == 2


async def test_a_kept_connection_that_was_closed_is_replaced(listen: Listen) -> None:
    """A peer may close after each answer; the next request simply opens a new connection."""
    url = await listen(replying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"))
    peer = Peer(url, "peer", FAST)
    for _ in range(3):
        assert (await _ask(peer)).body == b"ok"
        await asyncio.sleep(0.02)
    peer.close()


async def _ask(peer: Peer, timeout_ms: int = 2_000) -> Answer:
    return await peer.ask(peer.head("POST", "/"), b"x", timeout_ms=timeout_ms)


async def test_an_answer_in_pieces_is_read_whole(listen: Listen) -> None:
    """It may come in as many pieces as it likes, up to its cap and within its time."""

    async def pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n")
        for piece in (b"ab", b"cd", b"ef"):
            await asyncio.sleep(0.02)
            writer.write(piece)
            await writer.drain()

    assert (await post(await listen(pieces), cap=6)).body == b"abcdef"
    with pytest.raises(AnswerLost, match="larger than 5 bytes"):
        await post(await listen(pieces), cap=5)


async def test_what_is_sent_is_what_was_meant(listen: Listen) -> None:
    """Method, target with its query, host, what the URL's own user says, a token, and the body's length."""
    heads: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    place = (await listen(record)).removeprefix("http://")
    url = f"http://us%40er:pa%3Ass@{place}/v2/key?a=b"
    peer = Peer(url, "peer", FAST)
    await peer.ask(peer.head("POST", read(url).target), b"{}", timeout_ms=2_000)
    plain = Peer(f"http://{place}", "peer", FAST)
    await plain.ask(plain.head("GET", read(f"http://{place}").target), None, timeout_ms=2_000, token="t")
    for each in (peer, plain):
        each.close()

    common = [b"host: " + place.encode(), b"user-agent: x402-sidecar", b"accept: application/json"]
    signed = b"authorization: Basic " + base64.b64encode(b"us@er:pa:ss")
    framing = [b"content-type: application/json", b"content-length: 2", b"", b""]
    assert heads[0].split(b"\r\n") == [b"POST /v2/key?a=b HTTP/1.1", *common, signed, *framing]
    assert heads[1].split(b"\r\n") == [b"GET / HTTP/1.1", *common, b"authorization: Bearer t", b"", b""]


async def test_the_environment_does_not_reroute_requests(
    listen: Listen, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxy variables are for browsers; money calls go where the configuration says."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
    url = await listen(replying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"))
    assert (await post(url)).status == 200


async def test_redirects_are_answers(listen: Listen, nobody: str) -> None:
    """A redirect is reported with its Location and never followed here."""
    raw = f"HTTP/1.1 308 Moved\r\nlocation: {nobody}/x\r\ncontent-length: 0\r\n\r\n".encode()
    assert await post(await listen(replying(raw))) == Answer(308, b"", f"{nobody}/x", None)


@pytest.mark.parametrize(
    ("headers", "told_s"),
    [
        ("", None),
        ("date: Sat, 01 Jan 2000 00:00:00 GMT\r\n", 946_684_800),
        ("date: Sat, 01 Jan 2000 00:00:00 GMT\r\nage: 0\r\n", None),
        ("date: yesterday\r\n", None),
        ("date: Sat, 01 Jan 9999999 00:00:00 GMT\r\n", None),
    ],
)
async def test_the_other_sides_clock_is_told_if_it_is_its_own(
    headers: str, told_s: int | None, listen: Listen
) -> None:
    """A date that cannot be read, or that a cache kept, is none."""
    raw = f"HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n".encode()

    assert (await post(await listen(replying(raw)))).told_s == told_s


async def test_a_fault_does_not_quote_the_url(nobody: str, listen: Listen) -> None:
    """RPC URLs carry keys in their paths and queries; a fault names its peer and the reason only."""
    texts: list[str] = []
    for url in (nobody, await listen(silence), await listen(close_after_reading)):
        with pytest.raises(Fault) as caught:
            await post(url, timeout_ms=150)
        texts.append(str(caught.value))
    assert all(text.startswith("peer: ") and "secret" not in text and "//" not in text for text in texts)


def test_an_origin_carries_no_path_and_no_user() -> None:
    """What is logged of a configured URL is where it points, nothing secret in it."""
    assert origin_of("https://user:pass@rpc.example.com:8443/v2/key") == "https://rpc.example.com:8443"


@pytest.mark.parametrize(
    "url", ["", "rpc.example.com", "ftp://a/", "http://", "http://a/?k=v", "http://a/#f"]
)
def test_a_base_url_that_cannot_be_one_is_refused(url: str) -> None:
    """A configured URL is checked when the adapter is built, not on the first call."""
    with pytest.raises(ValueError, match=r".+"):
        origin_of(url)
