"""The agent we stand in front of: one request out, one streamed answer back.

Knows no payment, route or refusal; decides nothing. Framing is ours on both sides:
`content-length` and `transfer-encoding` of the caller are never copied blindly, and an
answer framed in two ways at once is not carried on.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

from pyreqwest.client import Client
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.http import HeaderMap, Url
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from sidecar.adapters.wire import ClientLimits, fault, lost, open_client, origin_of
from sidecar.ports import AnswerLost, Headers, NothingSent, TimedOut, UpstreamAnswer, UpstreamRequest

WHOM: Final = "upstream"
STATUS_RANGE: Final = range(200, 600)
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
LENGTH_DIGITS_MAX: Final = 18


class HttpUpstream:
    """Implements `ports.Upstream` over HTTP/1.1.

    `headers_timeout_max_s` is the longest `headers_timeout_s` any request will ask for.
    A send that is given up on keeps its connection until the client's read timeout,
    which is the longer of that and `body_idle_ms`; `connections_max` is sized for it.

    When the caller named none, `user-agent` and `accept: */*` are added (the client
    cannot be told otherwise; `*/*` means the same as no `accept`, RFC 9110 12.5.1).
    Of a repeated header all values leave together, at the place of the first.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections_max: int = 2_048,
        headers_timeout_max_s: int = 60,
        body_idle_ms: int = 60_000,
        connect_timeout_ms: int = 5_000,
        pool_timeout_ms: int = 1_000,
    ) -> None:
        origin_of(base_url)
        self._base = str(Url(base_url)).rstrip("/")
        self._headers_timeout_max_s = headers_timeout_max_s
        self._body_idle_ms = body_idle_ms
        self._client: Client = open_client(
            ClientLimits(
                connections_max=connections_max,
                read_timeout_ms=max(headers_timeout_max_s * 1_000, body_idle_ms),
                connect_timeout_ms=connect_timeout_ms,
                pool_timeout_ms=pool_timeout_ms,
            )
        )

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Send and wait for the headers; see the port. An error of the body's own iterator passes."""
        assert request.headers_timeout_s <= self._headers_timeout_max_s, "a route's timeout is known at start"
        prepared = self._prepare(request)
        try:
            async with asyncio.timeout(request.headers_timeout_s):
                response = await prepared.__aenter__()
        except PyreqwestError as error:
            raise fault(error, WHOM) from None
        except TimeoutError:
            raise TimedOut("upstream: no headers within the route's timeout") from None
        answer = HttpAnswer(prepared, response, body_idle_ms=self._body_idle_ms)
        try:
            answer.check()
        except AnswerLost:
            await answer.close()
            raise
        return answer

    async def close(self) -> None:
        """Close the client; nothing can be sent afterwards."""
        await self._client.close()

    def _prepare(self, request: UpstreamRequest) -> StreamRequest:
        """Build the request, or refuse what would not leave exactly as given."""
        try:
            text = self._base + request.target.decode("ascii")
            url = Url(text)
            headers, length = _outgoing(request.headers)
        except ValueError:
            raise NothingSent("upstream: the target or a header cannot be carried") from None
        if str(url) != text or url.fragment is not None:
            raise NothingSent("upstream: the target would be rewritten on its way")
        body = request.body
        try:
            if body == b"":  # the client itself says nothing about an empty body
                headers.append(("content-length", "0"))
            elif length is not None and not isinstance(body, bytes | None):
                headers.append(("content-length", str(length)))
            builder = self._client.request(request.method, url).headers(headers)
        except ValueError:  # its text quotes the value, which may be a secret
            raise NothingSent("upstream: the method or a header is not valid HTTP") from None
        if isinstance(body, bytes):
            builder = builder.body_bytes(body)
        elif body is not None:
            builder = builder.body_stream(body if length is None else _within(body, length))
        return builder.streamed_read_buffer_limit(0).build_streamed()


def _outgoing(headers: Headers) -> tuple[list[tuple[str, str]], int | None]:
    """Return the headers without framing as text, and the length they declared.

    ValueError: a byte above 0x7f (the client would send it as UTF-8), or a bad length.
    """
    given = [(name.decode("ascii"), value.decode("ascii")) for name, value in headers if name not in FRAMING]
    lengths = {value for name, value in headers if name == b"content-length"}
    if not lengths:
        return given, None
    value = lengths.pop()
    if lengths or not value.isdigit() or len(value) > LENGTH_DIGITS_MAX:
        raise ValueError("a request has one content length, and it is a number")
    return given, int(value)


async def _within(body: AsyncIterable[bytes], length: int) -> AsyncIterator[bytes]:
    """Pass *body* on and break the request off above *length*: the client would cut it silently."""
    left = length
    async for piece in body:
        left -= len(piece)
        if left < 0:
            raise AnswerLost("upstream: the request body is longer than it was declared")
        yield piece


class HttpAnswer:
    """Implements `ports.UpstreamAnswer`. `headers` are final once `check` has passed."""

    def __init__(self, request: StreamRequest, response: Response, *, body_idle_ms: int) -> None:
        self.status = response.status
        self.headers: Headers = ()
        self._request = request
        self._response = response
        self._body_idle_ms = body_idle_ms
        self._closed = False

    def check(self) -> None:
        """Read the headers. AnswerLost: what came cannot be carried on as one HTTP answer."""
        if self.status not in STATUS_RANGE:
            raise lost(WHOM, f"status {self.status} cannot be carried on")
        self.headers = _incoming(self._response.headers)
        framing = [(name, value.lower()) for name, value in self.headers if name in FRAMING]
        if len(framing) > 1 or (b"transfer-encoding" in dict(framing) and framing[0][1] != b"chunked"):
            raise AnswerLost("upstream: the answer's framing is ambiguous")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; AnswerLost (TimedOut when it stalls) if it breaks off."""
        read = self._response.body_reader.read_chunk
        try:
            while True:
                async with asyncio.timeout(self._body_idle_ms / 1_000):
                    chunk = await read()
                if chunk is None:
                    return
                yield chunk.to_bytes()
        except PyreqwestError as error:
            raise fault(error, WHOM) from None
        except TimeoutError:
            raise TimedOut("upstream: the body stalled") from None

    async def close(self) -> None:
        """Release the connection; safe at any time and more than once."""
        if not self._closed:
            self._closed = True
            await self._request.__aexit__(None, None, None)


def _incoming(headers: HeaderMap) -> Headers:
    """Return the answer's headers as bytes. AnswerLost: a value is not printable ASCII."""
    try:
        return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers.items())
    except ValueError:
        raise AnswerLost("upstream: a header of the answer is not ASCII") from None
