"""Verifying: whether all sealed rows of a book are what was sealed and signed; the first that is not.

The hash chain finds what was changed or taken out of the middle; the signed
checkpoints find a chain that was made anew, and journals taken off its end.
"""

import sqlite3
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ledger import checkpoints, sealed
from ledger.chain import GENESIS, Head
from ledger.checkpoints import NO_STATEMENT, Checkpoint
from ledger.sealed import READS
from ledger.signing import Signed, is_signed_by


@dataclass(frozen=True, slots=True)
class Bad:
    """The first row that is not what was sealed: its table, its number, and what is wrong with it."""

    table: str
    row: int
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was verified: the chain to `head`, signed up to journal `signed`. `bad` is None if all is well."""

    head: Head
    signed: int
    checkpoints: int
    bad: Bad | None


def verify(connection: sqlite3.Connection, public_key: bytes) -> Verdict:
    """Verify the book over one state of it, trusting nothing but *public_key*."""
    with sealed.snapshot(connection):
        last = connection.execute(READS["last_hash"].sql).fetchone()
        head = GENESIS if last is None else Head(*last)
        for seq, what in sealed.hash_chain(connection):
            return Verdict(head, 0, 0, Bad("journals", seq, what))
        return _Signatures(connection, public_key).verdict(head)


class _Signatures:
    """Checkpoints, held one after the other against the journals they cover."""

    def __init__(self, connection: sqlite3.Connection, public_key: bytes) -> None:
        self._key = public_key
        self._hashes = iter(connection.execute(READS["hashes"].sql))
        self._found = connection.execute(READS["checkpoints"].sql)
        self._previous = NO_STATEMENT
        self._signed = 0

    def verdict(self, head: Head) -> Verdict:
        count = 0
        for seq, statement, signature in self._found:
            signed = Signed(statement, signature)
            what = self._wrong(seq, signed)
            if what is not None:
                return Verdict(head, self._signed, count, Bad("checkpoints", seq, what))
            self._previous, self._signed, count = checkpoints.digest(signed), seq, count + 1
        return Verdict(head, self._signed, count, None)

    def _wrong(self, seq: int, signed: Signed) -> str | None:
        if not is_signed_by(self._key, signed):
            return "is not signed with this key"
        try:
            checkpoint = checkpoints.read(signed.statement)
        except ValueError:
            return "is signed and no checkpoint"
        if checkpoint.head.seq != seq or checkpoint.first != self._signed + 1:
            return "does not cover the journals after the checkpoint before it"
        if checkpoint.previous != self._previous:
            return "does not follow the checkpoint before it"
        return self._covers(checkpoint)

    def _covers(self, checkpoint: Checkpoint) -> str | None:
        rows: list[Any] = list(islice(self._hashes, checkpoint.size))
        hashes = [digest for _, digest in rows]
        if len(hashes) < checkpoint.size:
            return f"covers journals after {self._signed + len(hashes)}, which are gone"
        if hashes[-1] != checkpoint.head.hash or checkpoints.root_of(hashes) != checkpoint.root:
            return f"signed other journals {checkpoint.first} to {checkpoint.head.seq} than there are"
        return None
