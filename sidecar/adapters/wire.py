"""Short questions to a server that is not the agent: a facilitator, a node. One answer each, read whole.

Knows no route, payment or JSON. What its faults prove is decided where the connection is: nothing
was sent by who got none, and whatever happens on one proves nothing.
"""

import asyncio
import base64
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from ledger.values import value
from sidecar.adapters.connecting import Pool
from sidecar.adapters.http1 import FIELDS_MAX, Fields, ServerConnection
from sidecar.ports import AnswerLost, NothingSent, TimedOut
from sidecar.urls import read

_OURS: Final = b"user-agent: x402-sidecar\r\naccept: application/json\r\n"
_WANTED: Final = frozenset({b"content-encoding", b"age", b"date", b"location"})
"""The fields of an answer that are read."""
_MS_PER_S: Final = 1_000


def origin_of(url: str) -> str:
    """Check a configured base URL and return its origin, which carries no secret.

    ValueError: it cannot be read, or has a query.
    """
    parsed = read(url)
    if parsed.query is not None:
        raise ValueError("the URL must have no query")
    return parsed.origin


def lost(whom: str, what: str) -> AnswerLost:
    """Return the fault of an answer that came and cannot be used."""
    return AnswerLost(f"{whom}: {what}")


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of what one server is asked."""

    connections_max: int
    answer_bytes_max: int
    connect_timeout_ms: int = 5_000
    pool_timeout_ms: int = 1_000


@value
class Answer:
    """A small answer, read whole, with its Location and the date by its sender's own clock, if any."""

    status: int
    body: bytes
    location: str | None = None
    date: str | None = None

    @property
    def told_s(self) -> int | None:
        """What the other side's clock said, in seconds since the epoch.

        None if it said nothing, or a cache on the way said it.
        """
        try:
            return int(parsedate_to_datetime(self.date or "").timestamp())
        except (ValueError, OverflowError):
            return None


class Peer:
    """One server at *url*, named *whom* in faults. It is asked where it stands: no proxy and no redirect."""

    def __init__(self, url: str, whom: str, limits: Limits) -> None:
        origin = origin_of(url.partition("?")[0])
        self._whom = whom
        self._pool = Pool(
            whom,
            origin,
            connections_max=limits.connections_max,
            connect_timeout_s=limits.connect_timeout_ms / _MS_PER_S,
            pool_timeout_s=limits.pool_timeout_ms / _MS_PER_S,
        )
        self._answer_bytes_max = limits.answer_bytes_max
        self._lines = b"host: %b\r\n%b%b" % (self._pool.authority, _OURS, _user(url))

    def head(self, method: str, target: str) -> bytes:
        """Return what a request of *method* for *target*, a path and query, begins with."""
        return b"%b %b HTTP/1.1\r\n%b" % (method.encode("ascii"), target.encode("ascii"), self._lines)

    async def ask(
        self, head: bytes, body: bytes | None, *, timeout_ms: int, token: str | None = None
    ) -> Answer:
        """Send a request that begins with *head*, JSON if it has a body, and read its whole answer.

        NothingSent, TimedOut and AnswerLost as the ports define them; an answer above the cap, or in a
        content coding nobody asked for, is AnswerLost.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_ms / _MS_PER_S
        if token is not None:
            head += b"authorization: Bearer %b\r\n" % token.encode("ascii")
        if body is not None:
            head += b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
        connection = self._pool.kept() or await self._pool.take()
        left_s = until_s - loop.time()
        try:
            if left_s <= 0:
                raise NothingSent(f"{self._whom}: no connection in time")
            await connection.ask(head + b"\r\n", body, to_head=False, within_s=left_s)
            status, wanted = connection.status, self._judged(connection.fields)
            content = connection.whole()
            if content is None:
                content = await self._pieces(connection, until_s)
        finally:
            connection.release()
        if len(content) > self._answer_bytes_max:
            raise lost(self._whom, f"the answer is larger than {self._answer_bytes_max} bytes")
        date = None if b"age" in wanted else wanted.get(b"date")
        return Answer(status, content, wanted.get(b"location"), date)

    def close(self) -> None:
        """Close every connection; nothing can be asked afterwards."""
        self._pool.close()

    def _judged(self, fields: Fields) -> dict[bytes, str]:
        """Return what is read of a head: a field's first value, each byte a character, whatever it is."""
        if len(fields) > FIELDS_MAX:
            raise lost(self._whom, f"the answer has more than {FIELDS_MAX} headers")
        wanted: dict[bytes, str] = {}
        for name, said in fields:
            if name in _WANTED:
                wanted.setdefault(name, said.decode("latin-1"))
        if wanted.get(b"content-encoding", "identity") != "identity":
            raise lost(self._whom, "the answer is in a content coding that was not asked for")
        return wanted

    async def _pieces(self, connection: ServerConnection, until_s: float) -> bytes:
        """Read the body, and stop at the first piece above the cap."""
        loop = asyncio.get_running_loop()
        body = bytearray()
        while len(body) <= self._answer_bytes_max:
            left_s = until_s - loop.time()
            if left_s <= 0:
                raise TimedOut(f"{self._whom}: the answer took too long")
            piece = await connection.read(left_s)
            if piece is None:
                break
            body += piece
        return bytes(body)


def _user(url: str) -> bytes:
    """Return the line that signs in by a URL's own user and password; some nodes are reached so."""
    place = urlsplit(url)
    if place.username is None and place.password is None:
        return b""
    pair = unquote_to_bytes(place.username or "") + b":" + unquote_to_bytes(place.password or "")
    return b"authorization: Basic %b\r\n" % base64.b64encode(pair)
