"""A compressed answer, metered on an unpacked copy. Knows no wire format; what passes on is not touched.

gzip, and deflate in both of the forms that servers mean by it. An upstream that was asked for identity and
compresses all the same is read, within limits: of bytes unpacked in all, and for each byte that came. Beyond
them nothing more is unpacked, and the answer is not measured.
"""

import zlib
from typing import Final

from pricing.extract.meters import Meter, Metered
from pricing.usage import Unmeasured

CODINGS: Final = frozenset({b"gzip", b"x-gzip", b"deflate"})
UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
RATIO_MAX: Final = 100
"""Bytes unpacked for one that came; it counts once there are more than `RATIO_FROM_BYTES` of them."""

RATIO_FROM_BYTES: Final = 1024 * 1024

_BLOCK_BYTES: Final = 4 * 1024
"""Taken and given out at a time. Blocks are cut here, so that no splitting of what comes changes a result."""

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_BARE: Final = -zlib.MAX_WBITS
_MAGIC: Final = b"\x1f\x8b"


class InflateMeter:
    """Unpack what comes, in small pieces, for *meter* to read."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._block = bytearray()
        self._inflater = zlib.decompressobj()
        self._inside = False  # a member of the compressed text; there may be several
        self._members = 0
        self._over = False  # what follows is no further member
        self._came = 0
        self._unpacked = 0
        self._problem: str | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next piece; after a problem nothing more is unpacked."""
        for start in range(0, len(chunk), _BLOCK_BYTES):
            self._block += chunk[start : start + _BLOCK_BYTES]
            if len(self._block) >= _BLOCK_BYTES:
                block = bytes(self._block[:_BLOCK_BYTES])
                del self._block[:_BLOCK_BYTES]
                self._take(block)

    def finish(self) -> Metered:
        """Tell what the meter read, or that the answer is not measured."""
        self._take(bytes(self._block))
        found = self._meter.finish()
        complete = self._members > 0 and not self._inside
        if self._problem is None and self._came and not complete and not found.usages:
            self._problem = "cut off"
        if self._problem is None:
            return found
        hidden = Unmeasured(provider=None, model=None, response_id=None, problem=self._problem)
        return Metered((hidden,), found.declared, self._problem)

    def _take(self, block: bytes) -> None:
        self._came += len(block)
        try:
            while block and not self._over and self._problem is None:
                block = self._unpack(block)
        except zlib.error:
            self._problem = "compressed answer cannot be read"

    def _unpack(self, block: bytes) -> bytes:
        """Unpack as far as the member goes, and give back what follows it."""
        if not self._inside:
            if self._members and block == _MAGIC[:1]:
                self._block[:0] = block  # to be told by the byte that follows
                return b""
            if self._members and not block.startswith(_MAGIC):
                self._over = True
                return b""
            self._inflater = zlib.decompressobj(_form_of(block))
            self._inside = True
        while self._problem is None:
            piece = self._inflater.decompress(block, _BLOCK_BYTES)
            self._pass_on(piece)
            block = self._inflater.unconsumed_tail
            if self._inflater.eof:
                self._inside = False
                self._members += 1
                return self._inflater.unused_data
            if not block and len(piece) < _BLOCK_BYTES:
                break
        return b""

    def _pass_on(self, piece: bytes) -> None:
        self._unpacked += len(piece)
        swollen = self._unpacked > RATIO_FROM_BYTES and self._unpacked > RATIO_MAX * self._came
        if swollen or self._unpacked > UNPACKED_BYTES_MAX:
            self._problem = "compressed answer is too large"
        else:
            self._meter.feed(piece)


def _form_of(block: bytes) -> int:
    """Tell how to unpack what begins so. Some servers leave out the two bytes that deflate begins with."""
    head = int.from_bytes(block[:2])
    is_zlib = head >> 8 & 0x0F == zlib.DEFLATED and head % 31 == 0
    return _GZIP_OR_ZLIB if is_zlib or block.startswith(_MAGIC) else _BARE
