"""The HTTP client of every adapter: how it is built, and what its failures prove.

Knows no route, payment or JSON. The client's exception classes do not tell whether a
request left (a read timeout is its `ConnectTimeoutError`), so faults are told apart by the
chain of causes; the tests pin that chain on real sockets.
"""

import atexit
import time
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PoolTimeoutError, PyreqwestError
from pyreqwest.http import Url
from pyreqwest.request import RequestBuilder
from pyreqwest.response import Response

from sidecar.ports import AnswerLost, Fault, NothingSent, TimedOut

USER_AGENT: Final = "x402-sidecar"
CONNECT_FAILED: Final = "client error (Connect)"
"""The one cause that proves that no byte of the request left: name, TCP or TLS failed."""
HAND_OVER_S: Final = 0.1
"""How long the process waits at its end for the client's threads."""


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """The bounds of one client. `read_timeout_ms` is also how long a cancelled request may linger.

    An idle connection is dropped before common servers drop it (5 s): a request that
    crosses such a close is lost without a trace of whether it was read.
    """

    connections_max: int
    read_timeout_ms: int
    connect_timeout_ms: int = 5_000
    pool_timeout_ms: int = 1_000
    pool_idle_ms: int = 4_000


def ms(value: int) -> timedelta:
    """Return *value* milliseconds as the client wants them."""
    return timedelta(milliseconds=value)


def open_client(limits: ClientLimits) -> Client:
    """Build a client that goes where it is told, once, and changes nothing on the way.

    No proxy of the environment, no redirects, no decompression, no cookies, no Referer.
    """
    _outlast_its_threads()
    builder = (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(False)
        .referer(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .http1_only()
        .http1_lower_case_headers()
        .user_agent(USER_AGENT)
        .max_connections(limits.connections_max)
        .connect_timeout(ms(limits.connect_timeout_ms))
        .read_timeout(ms(limits.read_timeout_ms))
        .pool_timeout(ms(limits.pool_timeout_ms))
        .pool_idle_timeout(ms(limits.pool_idle_ms))
    )
    return builder.build()


@cache
def _outlast_its_threads() -> None:
    """Once, and for all clients: let Python end only after their threads are done with it.

    The thread that hands over a result may still hold it when the event loop has ended; coming back to an
    interpreter that is being taken down, it aborts the process, whatever the exit code was to be.
    """
    atexit.register(time.sleep, HAND_OVER_S)


def origin_of(url: str) -> str:
    """Check a configured base URL and return its origin, which carries no secret.

    ValueError: not http or https, or it has a query or a fragment.
    """
    parsed = Url(url)
    if parsed.scheme not in {"http", "https"}:
        raise ValueError("the URL must be http or https")
    if parsed.query_string is not None or parsed.fragment is not None:
        raise ValueError("the URL must have no query and no fragment")
    return parsed.origin_ascii


def fault(error: PyreqwestError, whom: str) -> Fault:
    """Say what *error* proves about the request to *whom*."""
    messages = [cause["message"] for cause in (getattr(error, "details", None) or {}).get("causes") or ()]
    # The outer causes quote the whole URL, which may hold a key; the innermost one names the reason.
    reason = messages[-1] if messages and "url (" not in messages[-1] else type(error).__name__
    if isinstance(error, PoolTimeoutError):
        return NothingSent(f"{whom}: no free connection")
    if CONNECT_FAILED in messages:
        return NothingSent(f"{whom}: {reason}")
    if isinstance(error, TimeoutError):
        return TimedOut(f"{whom}: {reason}")
    return AnswerLost(f"{whom}: {reason}")


def lost(whom: str, what: str) -> AnswerLost:
    """Return the fault of an answer that came and cannot be used."""
    return AnswerLost(f"{whom}: {what}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A small answer, read whole. `location` is the Location header, if any.

    `told_s` is what the other side's clock said, in seconds since the epoch; None if it said nothing,
    or a cache on the way said it.
    """

    status: int
    body: bytes
    location: str | None
    told_s: int | None


async def exchange(request: RequestBuilder, whom: str, *, timeout_ms: int, answer_bytes_max: int) -> Answer:
    """Send a prepared request and read its whole answer, under one deadline and one cap.

    NothingSent, TimedOut and AnswerLost as the ports define them; an answer above the
    cap, or in a content coding nobody asked for, is AnswerLost.
    """
    prepared = request.timeout(ms(timeout_ms)).streamed_read_buffer_limit(0).build_streamed()
    try:
        async with prepared as response:
            if response.get_header("content-encoding") not in {None, "identity"}:
                raise lost(whom, "the answer is in a content coding that was not asked for")
            body = await _read(response, whom, answer_bytes_max)
            told_s = None if response.get_header("age") else _told_s(response.get_header("date"))
            return Answer(response.status, body, response.get_header("location"), told_s)
    except PyreqwestError as error:
        raise fault(error, whom) from None
    except ValueError:
        raise lost(whom, "a header of the answer is not text") from None


async def _read(response: Response, whom: str, bytes_max: int) -> bytes:
    """Read the body, and stop at the first byte above *bytes_max*."""
    body = bytearray()
    while (chunk := await response.body_reader.read_chunk()) is not None:
        body += chunk.to_bytes()
        if len(body) > bytes_max:
            raise lost(whom, f"the answer is larger than {bytes_max} bytes")
    return bytes(body)


def _told_s(date: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(date or "").timestamp())
    except (ValueError, OverflowError):
        return None
