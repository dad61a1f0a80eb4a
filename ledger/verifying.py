"""Verifying: whether all sealed rows of a book are what was sealed and signed; the first that is not.

The hash chain finds what was changed or taken out of the middle; the signed
checkpoints find a chain that was made anew, and journals taken off its end.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from ledger import checkpoints, periods, reports, sealed
from ledger.chain import Head
from ledger.checkpoints import Checkpoint
from ledger.periods import Period
from ledger.queries import Reads
from ledger.signing import NO_STATEMENT, Signed, is_signed_by


@dataclass(frozen=True, slots=True)
class Bad:
    """The first row that is not what was sealed: its table, its number, and what is wrong with it."""

    table: str
    row: int
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was verified: the chain to `head`, signed up to journal `signed`.

    `bad` is None if all is well; what comes after it was not looked at.
    """

    head: Head
    signed: int
    checkpoints: int
    periods: int
    bad: Bad | None


def verify(connection: Reads, public_key: bytes) -> Verdict:
    """Verify the book over one state of it, trusting nothing but *public_key*."""
    with sealed.snapshot(connection):
        head = sealed.head(connection)
        for seq, what in sealed.hash_chain(connection):
            return Verdict(head, 0, 0, 0, Bad("journals", seq, what))
        signatures = _Signatures(connection, public_key)
        bad = signatures.checkpoints()
        closes = _Closes(connection, public_key)
        if bad is None:
            bad = closes.periods()
        if bad is None:
            bad = _stray(connection)
        return Verdict(head, signatures.signed, signatures.count, closes.count, bad)


def _stray(connection: Reads) -> Bad | None:
    """Find what was slipped in where the chain does not come by, and is added up all the same."""
    found = sealed.read(connection, "strays").fetchone()
    return None if found is None else Bad(*found)


class _Signatures:
    """Checkpoints, held one after the other against the journals they cover."""

    def __init__(self, connection: Reads, public_key: bytes) -> None:
        self._connection = connection
        self._key = public_key
        self._hashes = sealed.scan(connection, "hashes")
        self._previous = NO_STATEMENT
        self.signed = 0
        self.count = 0

    def checkpoints(self) -> Bad | None:
        """Find the first checkpoint that is not what was signed."""
        for seq, statement, signature in sealed.read(self._connection, "checkpoints"):
            signed = Signed(statement, signature)
            what = self._wrong(seq, signed)
            if what is not None:
                return Bad("checkpoints", seq, what)
            self._previous, self.signed = signed.digest, seq
            self.count += 1
        return None

    def _wrong(self, seq: int, signed: Signed) -> str | None:
        if not is_signed_by(self._key, signed):
            return "is not signed with this key"
        try:
            checkpoint = checkpoints.read(signed.statement)
        except ValueError:
            return "is signed and no checkpoint"
        if checkpoint.head.seq != seq or checkpoint.first != self.signed + 1:
            return "does not cover the journals after the checkpoint before it"
        if checkpoint.previous != self._previous:
            return "does not follow the checkpoint before it"
        return self._covers(checkpoint)

    def _covers(self, checkpoint: Checkpoint) -> str | None:
        rows: list[Any] = list(islice(self._hashes, checkpoint.size))
        hashes = [digest for _, digest in rows]
        if len(hashes) < checkpoint.size:
            return f"covers journals after {self.signed + len(hashes)}, which are gone"
        if hashes[-1] != checkpoint.head.hash or checkpoints.root_of(hashes) != checkpoint.root:
            return f"signed other journals {checkpoint.first} to {checkpoint.head.seq} than there are"
        return None


class _Closes:
    """Closed periods, held against each other, the chain, and the newest of them against its accounts."""

    def __init__(self, connection: Reads, public_key: bytes) -> None:
        self._connection = connection
        self._key = public_key
        self._previous = NO_STATEMENT
        self._newest: Period | None = None
        self.count = 0

    def periods(self) -> Bad | None:
        """Find the first close that is not what was signed."""
        for number, through_us, seq, statement, signature in sealed.read(self._connection, "periods"):
            signed = Signed(statement, signature)
            what = self._wrong((number, through_us, seq), signed)
            if what is not None:
                return Bad("periods", number, what)
            self._previous = signed.digest
            self.count += 1
        period = self._newest
        # Its accounts add up all that the periods before hold, so one is enough.
        if period and period.standings != reports.trial(self._connection, period.through_us).standings:
            return Bad("periods", period.number, "signed another trial balance than there is")
        return None

    def _wrong(self, columns: tuple[int, int, int], signed: Signed) -> str | None:
        if not is_signed_by(self._key, signed):
            return "is not signed with this key"
        try:
            period = periods.read(signed.statement)
        except ValueError:
            return "is signed and no close of a period"
        if columns != (period.number, period.through_us, period.head.seq):
            return "is not what was signed"
        if period.number != self.count + 1 or period.previous != self._previous:
            return "does not follow the close before it"
        found = sealed.read(self._connection, "hash_at", seq=period.head.seq).fetchone()
        if found != (period.head.hash,):
            return "was closed over other journals than there are"
        self._newest = period
        return None
