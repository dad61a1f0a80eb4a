"""The body of a paid request: read whole, hashed, kept until the agent has it. Knows no limit."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Final

SPOOL_BYTES: Final = 64 * 1024
PIECE_BYTES: Final = 64 * 1024


class PaidBody:
    """A request body read whole under its limit, hashed; over 64 KiB it lies in a temporary file."""

    def __init__(self) -> None:
        self._short = b""  # all of it, as long as it is short
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Append a piece."""
        self._hash.update(piece)
        self.size += len(piece)
        if self._file is None and self.size > SPOOL_BYTES:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 closed with the call
            self._file.write(self._short)
            self._short = b""
        if self._file is None:
            self._short += piece
        else:
            self._file.write(piece)

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of what was added."""
        return self._hash.digest()

    def content(self) -> bytes | AsyncIterator[bytes] | None:
        """Return the body as the upstream port takes it; None when it is empty."""
        if self._file is None:
            return self._short or None
        self._file.seek(0)
        return _pieces(self._file)

    def raw(self) -> bytes:
        """Return all of it, to be read here."""
        if self._file is None:
            return self._short
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Drop it."""
        if self._file is not None:
            self._file.close()


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
