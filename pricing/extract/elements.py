"""One JSON text that is an object, or an array of objects one after another. Knows no wire format.

An array is how some providers stream without events: its elements are told as they end, and none is kept.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from pricing.extract.members import Found, MemberScanner, pieces_of

_BLANK: Final = b" \t\r\n"
_MARK: Final = b"\xef\xbb\xbf"


class _At(Enum):
    """Where in the text the next byte is."""

    START = "before the text"
    BETWEEN = "before an element, or a comma or the end"
    INSIDE = "inside an object"
    END = "after the array, or in what is neither"


class ElementScanner:
    """Feed it any pieces, then `finish`. Never raises; equal results for every splitting."""

    def __init__(self, wanted: Mapping[str, int]) -> None:
        """Want members of the object, or of each element; see `MemberScanner`."""
        self.is_array = False
        self._scanner = MemberScanner(wanted)
        self._at = _At.START
        self._whole = False

    def feed(self, chunk: bytes) -> Iterator[Found]:
        """Take the next piece and give out the elements of an array that it completes; exhaust it."""
        for piece in pieces_of(chunk):
            at = 0
            while at < len(piece) and self._at is not _At.END:
                if self._at is _At.INSIDE:
                    at = self._scanner.take(piece, at)
                    if self.is_array and self._scanner.ended:
                        yield self._scanner.finish()
                        self._scanner.restart()
                        self._at = _At.BETWEEN
                    elif at < len(piece):  # the object, or something broken: there is nothing more to read
                        self._at = _At.END
                else:
                    at = self._outside(piece, at)

    def finish(self) -> Found:
        """Tell what was found of the object; of an array, of the element that it broke off in."""
        found = self._scanner.finish()
        return Found({}, whole=True, begun=True) if self._whole else found

    def _outside(self, piece: bytes, at: int) -> int:
        byte = piece[at : at + 1]
        if byte == b"{":
            self._at = _At.INSIDE
            return at
        if self._at is _At.START and byte == b"[":
            self.is_array = True
            self._at = _At.BETWEEN
        elif self._at is _At.START and byte not in _BLANK and byte not in _MARK:
            self._at = _At.END
        elif self._at is _At.BETWEEN and byte == b"]":
            self._whole = True
            self._at = _At.END
        elif self._at is _At.BETWEEN and byte != b"," and byte not in _BLANK:
            self._at = _At.END
        return at + 1
