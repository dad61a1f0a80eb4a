"""Server-sent events out of bytes in pieces: the data of events, and comments. Knows no JSON.

Lines end with LF, CR or CRLF; a leading byte order mark is dropped; data lines of one event are joined by LF.
Only what an endless stream can bear is kept: so many bytes of one event and so many of one line. Unlike a
browser, the parser also gives out an event that the stream ended in the middle of: here it is evidence.
"""

import re
from dataclasses import dataclass
from typing import Final

EVENT_BYTES_MAX: Final = 48 * 1024
"""Kept of one event, and of one line: together with a hundred declared costs within a meter's 256 KiB."""

_LINE_END: Final = re.compile(rb"\r\n?|\n")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """The data of one event; *cut* when there was more of it than is kept."""

    data: bytes
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that starts with a colon, without the colon and one space after it."""

    text: bytes
    cut: bool = False


class SseParser:
    """Feed it any pieces of a stream. Never raises; equal results for every splitting."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._line_cut = False
        self._first_line = True
        self._after_cr = False
        self._data = bytearray()
        self._has_data = False
        self._data_cut = False

    def feed(self, chunk: bytes) -> list[Event | Comment]:
        """Take the next piece and give out what it completed."""
        out: list[Event | Comment] = []
        start = 1 if self._after_cr and chunk[:1] == b"\n" else 0  # the LF of a CRLF that was split
        self._after_cr = chunk.endswith(b"\r") if chunk else self._after_cr
        for match in _LINE_END.finditer(chunk, start):
            self._extend(chunk[start : match.start()])
            self._end_line(out)
            start = match.end()
        self._extend(chunk[start:])
        return out

    def finish(self) -> list[Event | Comment]:
        """Give out what the end of the stream left unfinished."""
        out: list[Event | Comment] = []
        if self._line:
            self._end_line(out)
        self._dispatch(out)
        return out

    def _extend(self, piece: bytes) -> None:
        room = EVENT_BYTES_MAX - len(self._line)
        self._line_cut |= len(piece) > room
        self._line += piece[:room]

    def _end_line(self, out: list[Event | Comment]) -> None:
        line, cut = bytes(self._line), self._line_cut
        self._line.clear()
        self._line_cut = False
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            self._dispatch(out)
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not field:
            out.append(Comment(value, cut))
        elif field == b"data":
            self._add_data(value, cut=cut)

    def _add_data(self, value: bytes, *, cut: bool) -> None:
        joined = b"\n" + value if self._has_data else value
        room = EVENT_BYTES_MAX - len(self._data)
        self._data_cut |= cut or len(joined) > room
        self._data += joined[:room]
        self._has_data = True

    def _dispatch(self, out: list[Event | Comment]) -> None:
        if self._has_data:
            out.append(Event(bytes(self._data), self._data_cut))
        self._data.clear()
        self._has_data = self._data_cut = False
