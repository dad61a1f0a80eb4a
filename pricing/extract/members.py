"""Keep a few members of a JSON object that passes by in pieces. Knows no wire format and keeps no body.

State is bounded by what is wanted, whatever passes: strings and containers nobody asked for are stepped
over. The scanner is not a validator; of what is not JSON it keeps what it could read and says `whole=False`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import ClassVar, Final

from ledger.values import value

KEY_BYTES_MAX: Final = 96
KEPT_DEPTH_MAX: Final = 8
PIECE_BYTES_MAX: Final = 64 * 1024
"""What is looked at in one go: a regular expression remembers something for each string it passes."""

UNREAD: Final = object()
"""Stands for a member that is there but was too long, too deep, not JSON, or wanted only as present."""

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_STRING_REST: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_TO_BRACKET: Final = re.compile(rb'[^"{}\[\]]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"{}\[\]]*)*', re.DOTALL)
_TO_DELIMITER: Final = re.compile(rb"[^,}\] \t\r\n]*")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _FIRST, _LAST, _COMMA, _COLON = b'"\\{}[],:'

_Path = tuple[str | None, ...]
"""Keys from the outermost object inwards; None is a key too long or too broken to be wanted."""


@value
class Found:
    """Members by wanted name, as JSON values; numbers that are not whole are left as text.

    *whole* is true when the object was seen to its end, *begun* when there was an object at all.
    """

    values: Mapping[str, object]
    whole: bool
    begun: bool


class _At(Enum):
    """Where in the text the next byte is."""

    START = "before the object"
    MEMBER = "before a key or the end of an object"
    KEY = "inside a key"
    COLON = "after a key"
    VALUE = "before a value"
    STRING = "inside a string of a value"
    NESTED = "inside a container that is stepped over"
    BARE = "inside a number or a literal"
    NEXT = "after a value"
    END = "after the object"
    BROKEN = "in what is not an object"


class MemberScanner:
    """Feed it any pieces of one JSON text, then `finish`. Never raises; equal results for every splitting."""

    def __init__(self, wanted: Mapping[str, int]) -> None:
        """Want members by name, with the bytes to keep of each; 0 asks only whether it is there.

        `usage` is a member of the object itself, `response/usage` one of its member `response`, and
        `candidates/0/index` one of the first element of its member `candidates`.
        """
        self._wanted: dict[_Path, str] = {tuple(name.split("/")): name for name in wanted}
        self._bytes_max = wanted
        self._inner = {path[:depth] for path in self._wanted for depth in range(1, len(path))}
        assert not self._inner & set(self._wanted), "what is entered is not kept as well"
        self.restart()

    def restart(self) -> None:
        """Forget what was read, for the next object."""
        self._raw: dict[str, bytes | None] = {}
        self._at = _At.START
        self._begun = False
        self._path: _Path = ()  # keys of the containers we are in
        self._ends = bytearray()  # and the byte that closes each of them
        self._key: str | None = None
        self._key_raw = bytearray()
        self._escaped = False
        self._depth = 0  # open containers inside the value that is stepped over
        self._name: str | None = None  # of the member whose value is being kept
        self._kept: bytearray | None = None
        self._kept_max = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next piece."""
        for piece in pieces_of(chunk):
            self.take(piece, 0)

    def take(self, piece: bytes, at: int) -> int:
        """Take a short piece from *at* on; tell where reading stopped, at its end or that of the object."""
        while at < len(piece) and (step := self._STEPS.get(self._at)) is not None:
            at = step(self, piece, at)
        return at

    @property
    def ended(self) -> bool:
        """Tell whether the object was seen to its end."""
        return self._at is _At.END

    def finish(self) -> Found:
        """Tell what was found; a member that was cut off was not."""
        values = {name: UNREAD if raw is None else _read(raw) for name, raw in self._raw.items()}
        return Found(values, whole=self.ended, begun=self._begun)

    def _start(self, chunk: bytes, at: int) -> int:
        byte = chunk[at]
        if byte == _OPEN:
            self._begun = True
            self._enter((), _CLOSE, _At.MEMBER)
        elif byte not in _BYTE_ORDER_MARK and byte not in b" \t\r\n":
            self._at = _At.BROKEN
        return at + 1

    def _member(self, chunk: bytes, at: int) -> int:
        at = _skip(_SPACE, chunk, at)
        if at == len(chunk):
            return at
        if chunk[at] == _QUOTE:
            self._at = _At.KEY
            self._key_raw.clear()
        elif chunk[at] == _CLOSE:
            self._leave()
        else:
            self._at = _At.BROKEN
        return at + 1

    def _in_key(self, chunk: bytes, at: int) -> int:
        end, closed = self._string_end(chunk, at)
        if len(self._key_raw) <= KEY_BYTES_MAX:
            self._key_raw += chunk[at : min(end, at + KEY_BYTES_MAX + 1)]
        if not closed:
            return end
        key = _read(b'"' + self._key_raw + b'"') if len(self._key_raw) <= KEY_BYTES_MAX else None
        self._key = key if isinstance(key, str) else None
        self._at = _At.COLON
        return end + 1

    def _colon(self, chunk: bytes, at: int) -> int:
        at = _skip(_SPACE, chunk, at)
        if at == len(chunk):
            return at
        self._at = _At.VALUE if chunk[at] == _COLON else _At.BROKEN
        return at + 1

    def _before_value(self, chunk: bytes, at: int) -> int:
        at = _skip(_SPACE, chunk, at)
        if at == len(chunk):
            return at
        path = (*self._path, self._key)
        byte = chunk[at]
        if byte == _OPEN and path in self._inner:
            self._enter(path, _CLOSE, _At.MEMBER)
            return at + 1
        if byte == _FIRST and path in self._inner:
            self._enter(path, _LAST, _At.VALUE)
            self._key = "0"
            return at + 1
        if byte == _LAST == self._ends[-1]:
            self._leave()
            return at + 1
        self._begin_keeping(path)
        if byte == _QUOTE:
            self._at = _At.STRING
        elif byte in b"{[":
            self._at = _At.NESTED
            self._depth = 1
        else:
            self._at = _At.BARE
            return at
        self._keep(chunk, at, at + 1)
        return at + 1

    def _in_string(self, chunk: bytes, at: int) -> int:
        end, closed = self._string_end(chunk, at)
        end += closed
        self._keep(chunk, at, end)
        if closed and self._depth:
            self._at = _At.NESTED
        elif closed:
            self._end_value()
        return end

    def _in_nested(self, chunk: bytes, at: int) -> int:
        end = _skip(_TO_BRACKET, chunk, at)
        if end == len(chunk):
            self._keep(chunk, at, end)
            return end
        byte = chunk[end]
        self._keep(chunk, at, end + 1)
        if byte == _QUOTE:
            self._at = _At.STRING
        elif byte in b"{[":
            self._depth += 1
            if self._depth > KEPT_DEPTH_MAX:
                self._kept = None
        else:
            self._depth -= 1
            if self._depth == 0:
                self._end_value()
        return end + 1

    def _in_bare(self, chunk: bytes, at: int) -> int:
        end = _skip(_TO_DELIMITER, chunk, at)
        self._keep(chunk, at, end)
        if end < len(chunk):
            self._end_value()
        return end

    def _next(self, chunk: bytes, at: int) -> int:
        at = _skip(_SPACE, chunk, at)
        if at == len(chunk):
            return at
        if chunk[at] == _COMMA:
            self._at = _At.MEMBER if self._ends[-1] == _CLOSE else _At.VALUE
            self._key = None
        elif chunk[at] == self._ends[-1]:
            self._leave()
        else:
            self._at = _At.BROKEN
        return at + 1

    def _string_end(self, chunk: bytes, at: int) -> tuple[int, bool]:
        """Find the closing quote of the string we are in, or the end of the chunk."""
        if self._escaped:
            self._escaped = False
            at += 1
        end = _skip(_STRING_REST, chunk, at)
        if end < len(chunk) and chunk[end] == _BACKSLASH:  # the escaped byte is in the next piece
            self._escaped = True
            end += 1
        return end, end < len(chunk)

    def _enter(self, path: _Path, end: int, at: _At) -> None:
        self._path, self._at = path, at
        self._ends.append(end)

    def _leave(self) -> None:
        self._path = self._path[:-1]
        self._ends.pop()
        self._at = _At.NEXT if self._ends else _At.END

    def _begin_keeping(self, path: _Path) -> None:
        self._name = self._wanted.get(path)
        self._kept_max = 0 if self._name is None else self._bytes_max[self._name]
        self._kept = bytearray() if self._kept_max else None

    def _keep(self, chunk: bytes, start: int, end: int) -> None:
        if self._kept is None:
            return
        if len(self._kept) + end - start > self._kept_max:
            self._kept = None
        else:
            self._kept += chunk[start:end]

    def _end_value(self) -> None:
        if self._name is not None:
            self._raw[self._name] = None if self._kept is None else bytes(self._kept)
        self._name = self._kept = None
        self._at = _At.NEXT

    _STEPS: ClassVar[Mapping[_At, Callable[["MemberScanner", bytes, int], int]]] = {
        _At.START: _start,
        _At.MEMBER: _member,
        _At.KEY: _in_key,
        _At.COLON: _colon,
        _At.VALUE: _before_value,
        _At.STRING: _in_string,
        _At.NESTED: _in_nested,
        _At.BARE: _in_bare,
        _At.NEXT: _next,
    }


def _skip(pattern: re.Pattern[bytes], chunk: bytes, at: int) -> int:
    match = pattern.match(chunk, at)
    return at if match is None else match.end()


def _read(raw: bytes) -> object:
    """Read one short JSON value; depth is bounded before, so nothing but ValueError can come of it."""
    try:
        return json.loads(raw.decode(), parse_float=str, parse_constant=str)
    except ValueError:
        return UNREAD


def pieces_of(chunk: bytes) -> Iterator[bytes]:
    """Cut *chunk* into pieces that are short enough to be looked at in one go."""
    for start in range(0, len(chunk), PIECE_BYTES_MAX):
        yield chunk[start : start + PIECE_BYTES_MAX]
