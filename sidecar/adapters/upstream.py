"""The agent we stand in front of: one request out, one streamed answer back.

Knows no payment, route or refusal; decides nothing. Framing is ours on both sides:
`content-length` and `transfer-encoding` of the caller are never copied blindly, and an
answer framed in two ways at once is not carried on.
"""

import re
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

from sidecar.adapters.connecting import Pool
from sidecar.adapters.http1 import FIELDS_MAX, FRAMING, Body, ServerConnection
from sidecar.adapters.wire import lost, origin_of
from sidecar.ports import AnswerLost, Headers, NothingSent, UpstreamAnswer, UpstreamRequest
from sidecar.urls import read

WHOM: Final = "upstream"
STATUS_RANGE: Final = range(200, 600)
LENGTH_DIGITS_MAX: Final = 18
_TARGET: Final = re.compile(rb"/[!\"$-~]*")
_NAMES: Final = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9a-z-]+,)*")
_METHOD: Final = re.compile(r"[A-Z]+")
_CONTROLS: Final = bytes({*range(0x20), 0x7F, *range(0x80, 0x100)} - {0x09})


class HttpUpstream:
    """Implements `ports.Upstream` over HTTP/1.1.

    A request leaves as it is given, byte for byte; only `host` and the framing are added. A send
    or an answer that is given up on closes its connection at once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections_max: int = 2_048,
        body_idle_ms: int = 60_000,
        connect_timeout_ms: int = 5_000,
        pool_timeout_ms: int = 1_000,
    ) -> None:
        self._pool = Pool(
            WHOM,
            origin_of(base_url),
            connections_max=connections_max,
            connect_timeout_s=connect_timeout_ms / 1_000,
            pool_timeout_s=pool_timeout_ms / 1_000,
        )
        self._path = read(base_url).path.rstrip("/").encode("ascii")
        self._host = b"host: %b\r\n" % self._pool.authority
        self._body_idle_s = body_idle_ms / 1_000

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Send and wait for the headers; see the port. An error of the body's own iterator passes."""
        length = _declared(request.headers)
        head = self._head(request, length)
        connection = self._pool.kept() or await self._pool.take()
        body = request.body
        await connection.ask(
            head,
            body if isinstance(body, bytes | None) else _framed(body, length),
            to_head=request.method == "HEAD",
            within_s=request.headers_timeout_s,
        )
        answer = HttpAnswer(connection, self._body_idle_s)
        try:
            answer.check()
        except AnswerLost:
            await answer.close()
            raise
        return answer

    async def close(self) -> None:
        """Close every connection; nothing can be sent afterwards."""
        self._pool.close()

    def _head(self, request: UpstreamRequest, length: int | None) -> bytes:
        """Write the head, or refuse what would not leave exactly as given."""
        kept = [field for field in request.headers if field[0] not in FRAMING]
        text = b"".join([b"%b: %b\r\n" % field for field in kept])
        names = b"".join([b"%b," % name for name, _ in kept])
        # Deleting what cannot be sent deletes the line ends that were just written, and nothing else.
        clean = len(text.translate(None, _CONTROLS)) == len(text) - 2 * len(kept)
        if not clean or not _NAMES.fullmatch(names):
            raise NothingSent("upstream: a header cannot be carried")  # its value may be a secret
        if not _TARGET.fullmatch(request.target) or not _METHOD.fullmatch(request.method):
            raise NothingSent("upstream: the method or the target cannot be carried")
        return b"%b %b%b HTTP/1.1\r\n%b%b%b\r\n" % (
            request.method.encode("ascii"),
            self._path,
            request.target,
            self._host,
            text,
            _framing(request.body, length),
        )


def _framing(body: Body, length: int | None) -> bytes:
    """Return the line that frames *body*: bytes say their own length, a stream keeps a declared one."""
    if body is None:
        return b""
    if isinstance(body, bytes):
        length = len(body)
    return b"transfer-encoding: chunked\r\n" if length is None else b"content-length: %d\r\n" % length


async def _framed(body: AsyncIterable[bytes], length: int | None) -> AsyncIterator[bytes]:
    """Write *body* in chunks, or as its declared *length* if it is that long. AnswerLost: it is not."""
    if length is None:
        async for piece in body:
            if piece:
                yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"
        return
    async for piece in body:
        length -= len(piece)
        if length < 0:
            raise lost(WHOM, "the request body is longer than it was declared")
        yield piece
    if length:
        raise lost(WHOM, "the request body is shorter than it was declared")


def _declared(headers: Headers) -> int | None:
    """Return the length that *headers* declare. NothingSent: two of them, or no number."""
    lengths = {value for name, value in headers if name == b"content-length"}
    if not lengths:
        return None
    value = lengths.pop()
    if lengths or not value.isdigit() or len(value) > LENGTH_DIGITS_MAX:
        raise NothingSent("upstream: a header cannot be carried: a request has one content length, a number")
    return int(value)


class HttpAnswer:
    """Implements `ports.UpstreamAnswer`. `headers` are final once `check` has passed."""

    def __init__(self, connection: ServerConnection, body_idle_s: float) -> None:
        self.status = connection.status
        self.headers: Headers = connection.fields
        self._connection = connection
        self._body_idle_s = body_idle_s
        self._closed = False

    def check(self) -> None:
        """Judge the head. AnswerLost: what came cannot be carried on as one HTTP answer."""
        if self.status not in STATUS_RANGE:
            raise lost(WHOM, f"status {self.status} cannot be carried on")
        if len(self.headers) > FIELDS_MAX:
            raise lost(WHOM, f"the answer has more than {FIELDS_MAX} headers")
        if not b"".join([value for _, value in self.headers]).isascii():
            raise lost(WHOM, "a header of the answer is not ASCII")
        framing = [field for field in self.headers if field[0] in FRAMING]
        if len(framing) > 1 or (
            framing and framing[0][0] == b"transfer-encoding" and framing[0][1].lower() != b"chunked"
        ):
            raise lost(WHOM, "the answer's framing is ambiguous")

    def whole(self) -> bytes | None:
        """Take the whole body if it is here; see the port."""
        return None if self._closed else self._connection.whole()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; AnswerLost (TimedOut when it stalls) if it breaks off."""
        while not self._closed:  # released, the connection may be another request's
            piece = await self._connection.read(self._body_idle_s)
            if piece is None:
                return
            yield piece
        raise lost(WHOM, "the answer was closed before its end")

    async def close(self) -> None:
        """Release the connection; safe at any time and more than once."""
        if not self._closed:
            self._closed = True
            self._connection.release()
