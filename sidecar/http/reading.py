"""Reading requests: a parser's callbacks, which bound a head and refuse what can be read in two ways.

Knows no connection, time, app or answer: `feed` judges a segment, and the subclass is told what
is sound in it. What is sound is the question of `request_rules`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Final, NamedTuple

import httptools

from sidecar.domain.refusals import Refusal
from sidecar.http.request_rules import MALFORMED, TOO_LARGE, judge

SLICE_BYTES: Final = 16_384
HEADER_OVERHEAD: Final = len(": \r\n")
REQUEST_LINE_OVERHEAD: Final = len("  HTTP/1.1")


def unnamed() -> str:
    """Give no call id: only buyers' answers carry one."""
    return ""


@dataclass(frozen=True, slots=True)
class ProtocolLimits:
    """The bounds of one connection, and how the refusals that it answers itself are named.

    `unread_bytes_max` bounds the body that still comes after its request was answered,
    `write_idle_ms` how long a peer may leave what is written to it.
    """

    request_line_bytes_max: int = 8_192
    headers_bytes_max: int = 32_768
    fields_max: int = 100
    head_timeout_ms: int = 10_000
    body_idle_ms: int = 15_000
    unread_bytes_max: int = 1_048_576
    write_idle_ms: int = 60_000
    linger_ms: int = 1_000
    call_id: Callable[[], str] = unnamed


class Phase(Enum):
    """What the next byte of the connection belongs to; BETWEEN is the start of a request line."""

    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()


class RefusedError(Exception):
    """Stops the parser from within one of its callbacks."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Head(NamedTuple):
    """A sound head. `expects`: its sender waits for a 100 before it sends the body."""

    method: str
    path: bytes
    query: bytes
    fields: list[tuple[bytes, bytes]]
    expects: bool
    keep_alive: bool


class Reader(ABC):
    """Reads the requests of one connection, one after the other."""

    limits: ClassVar[ProtocolLimits] = ProtocolLimits()

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpRequestParser(self)
        # Bytes behind a last request are nobody's; they must not spoil its answer.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._phase = Phase.BETWEEN
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._expects = False
        self._header_bytes = 0
        self._fields_left = 0
        self._silent_bytes = 0  # given to the parser since it last had something to say

    @abstractmethod
    def opened(self, head: Head) -> None:
        """Take in a sound head; its body follows."""

    @abstractmethod
    def continued(self, piece: bytes) -> None:
        """Take in a piece of the body of the newest request. RefusedError: nobody wants it any more."""

    @abstractmethod
    def closed(self) -> None:
        """Note that the newest request is whole."""

    def feed(self, data: bytes) -> Refusal | None:
        """Read *data*, and say why it is refused, if it is; nothing may be fed after that.

        The parser gets it in slices, so that it never buffers much more than a head may have.
        """
        while data:
            if len(data) > SLICE_BYTES:
                piece, data = data[:SLICE_BYTES], data[SLICE_BYTES:]
            else:
                piece, data = data, b""
            self._silent_bytes += len(piece)
            try:
                self._parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                # An upgrade offered and not taken (RFC 9110 7.8): the next request follows.
                data = piece[upgrade.args[0] :] + data
            except httptools.HttpParserError as error:
                cause = error.__context__
                return cause.refusal if isinstance(cause, RefusedError) else MALFORMED
            if self._phase is not Phase.BETWEEN and self._silent_bytes > self._silent_max:
                return TOO_LARGE
        return None

    @property
    def _silent_max(self) -> int:
        return self.limits.request_line_bytes_max + self.limits.headers_bytes_max + SLICE_BYTES

    # Parser callbacks, in the order in which they come.

    def on_message_begin(self) -> None:
        """Count from here."""
        self._phase = Phase.HEAD
        self._url = b""
        self._fields = []
        self._expects = False
        self._header_bytes = self._silent_bytes = 0
        self._fields_left = self.limits.fields_max

    def on_url(self, url: bytes) -> None:
        """Bound the request line."""
        self._url += url
        if len(self._url) + len(self._parser.get_method()) > self._line_bytes_max:
            raise RefusedError(TOO_LARGE)

    @property
    def _line_bytes_max(self) -> int:
        return self.limits.request_line_bytes_max - REQUEST_LINE_OVERHEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the fields, and keep those of the head."""
        value = value.strip(b" \t")
        self._fields_left -= 1
        self._header_bytes += len(name) + len(value) + HEADER_OVERHEAD
        if self._fields_left < 0 or self._header_bytes > self.limits.headers_bytes_max:
            raise RefusedError(TOO_LARGE)
        if not value.isascii():  # could not be sent on unchanged; the parser itself refuses control bytes
            raise RefusedError(MALFORMED)
        if self._phase is Phase.HEAD:  # trailers are not carried: they would arrive after all was decided
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self._expects = True
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Refuse what two programs could read differently; else hand the head over."""
        parser = self._parser
        upgrading = parser.should_upgrade()
        refusal = judge(self._url, parser.get_http_version(), self._fields, upgrading=upgrading)
        if refusal is not None:
            raise RefusedError(refusal)
        self._phase = Phase.BODY
        self._silent_bytes = 0
        path, _, query = self._url.partition(b"?")
        method = parser.get_method().decode("ascii")
        self.opened(Head(method, path, query, self._fields, self._expects, parser.should_keep_alive()))

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body over."""
        self._silent_bytes = 0
        self.continued(body)

    def on_message_complete(self) -> None:
        """The next byte opens another request."""
        self._phase = Phase.BETWEEN
        self._silent_bytes = 0
        self.closed()
