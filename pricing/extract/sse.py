"""Server-sent events out of bytes in pieces: the data of events, and comments. Knows no JSON.

Lines end with LF, CR or CRLF; a leading byte order mark is dropped; data lines of one event are joined by LF.
Only what an endless stream can bear is kept: so many bytes of one event and so many of one line. An event
that is longer is given out in parts: providers repeat the whole answer in the event that tells its usage.
Unlike a browser, the parser also gives out an event that the stream ended in the middle of: here it is
evidence.
"""

import re
from dataclasses import dataclass
from typing import Final

EVENT_BYTES_MAX: Final = 16 * 1024
"""Kept of one event: together with all else that a meter keeps within its 256 KiB."""

LINE_BYTES_MAX: Final = 9 * 1024
"""Kept of one line before it is known to be data; a comment that is longer is cut."""

_LINE_END: Final = re.compile(rb"\r\n?|\n")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """The data of one event; of a long one only the end, behind its parts."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of an event that is longer than what is kept, or more of it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that starts with a colon, without the colon and one space after it."""

    text: bytes
    cut: bool = False


Item = Event | Part | Comment


class SseParser:
    """Feed it any pieces of a stream. Never raises; equal results for every splitting."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._line_cut = False
        self._line_open = False  # it is a long line of data, and its beginning is among the data already
        self._first_line = True
        self._after_cr = False
        self._data = bytearray()
        self._has_data = False

    def feed(self, chunk: bytes) -> list[Item]:
        """Take the next piece and give out what it completed."""
        out: list[Item] = []
        start = 1 if self._after_cr and chunk[:1] == b"\n" else 0  # the LF of a CRLF that was split
        self._after_cr = chunk.endswith(b"\r") if chunk else self._after_cr
        for match in _LINE_END.finditer(chunk, start):
            self._extend(chunk[start : match.start()], out)
            self._end_line(out)
            start = match.end()
        self._extend(chunk[start:], out)
        return out

    def finish(self) -> list[Item]:
        """Give out what the end of the stream left unfinished."""
        out: list[Item] = []
        if self._line or self._line_open:
            self._end_line(out)
        self._dispatch(out)
        return out

    def _extend(self, piece: bytes, out: list[Item]) -> None:
        if self._line_open:
            self._add_data(piece, out)
            return
        if self._line_cut:
            return
        self._line += piece
        if len(self._line) <= LINE_BYTES_MAX:
            return
        field, value = self._field()
        if field == b"data":
            self._begin_data(value, out)
            self._line_open = True
            self._line.clear()
        else:
            self._line_cut = True
            del self._line[LINE_BYTES_MAX:]

    def _end_line(self, out: list[Item]) -> None:
        if not self._line_open:
            field, value = self._field()
            if not self._line:
                self._dispatch(out)
            elif not field:
                out.append(Comment(value, self._line_cut))
            elif field == b"data":
                self._begin_data(value, out)
        self._line.clear()
        self._line_cut = self._line_open = False

    def _field(self) -> tuple[bytes, bytes]:
        """Tell the name and the value of the line as far as it is there."""
        if self._first_line:
            self._first_line = False
            if self._line.startswith(_BYTE_ORDER_MARK):
                del self._line[: len(_BYTE_ORDER_MARK)]
        field, _, value = bytes(self._line).partition(b":")
        return field, value.removeprefix(b" ")

    def _begin_data(self, value: bytes, out: list[Item]) -> None:
        self._add_data(b"\n" + value if self._has_data else value, out)
        self._has_data = True

    def _add_data(self, piece: bytes, out: list[Item]) -> None:
        self._data += piece
        while len(self._data) > EVENT_BYTES_MAX:
            out.append(Part(bytes(self._data[:EVENT_BYTES_MAX])))
            del self._data[:EVENT_BYTES_MAX]

    def _dispatch(self, out: list[Item]) -> None:
        if self._has_data:
            out.append(Event(bytes(self._data)))
        self._data.clear()
        self._has_data = False
