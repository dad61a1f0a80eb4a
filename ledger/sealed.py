"""Sealed rows: journals as the file holds them, against the hash chain they were sealed in. Reads only."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from ledger import chain, queries
from ledger.accounts import Account, AccountId
from ledger.chain import GENESIS, Head
from ledger.queries import Reads, Rows, Scans
from ledger.stores import rows
from ledger.stores.migrate import SQL
from ledger.transfers import Booked, Row

_READS: Final = queries.load(SQL / "sealed_reads.sql")
_SHARED_READS: Final = queries.load(SQL / "postgres" / "sealed_reads.sql")

Found = tuple[Any, ...]


@contextmanager
def snapshot(connection: Reads) -> Iterator[None]:
    """Read one state of the book, also beside a writer.

    Texts are read also where a change has made bytes of them that are no text, which
    only a file lets happen: those are what is looked for. The connection must not be
    in a transaction.
    """
    if not isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
        return
    before = connection.text_factory
    connection.text_factory = _lenient
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.text_factory = before


def read(connection: Reads, name: str, **parameters: object) -> Rows:
    """Run the statement *name*. Where several share a book, a journal's number is its place in the chain."""
    return connection.execute((_READS if alone(connection) else _SHARED_READS)[name].sql, parameters)


def scan(connection: Reads, name: str) -> Iterator[Any]:
    """Run the statement *name* and yield its rows, of which there may be more than fit in memory."""
    if isinstance(connection, Scans):
        return connection.scan(_SHARED_READS[name].sql)
    return iter(read(connection, name))


def head(connection: Reads) -> Head:
    """Return the end of the chain."""
    last = read(connection, "last_hash").fetchone()
    return GENESIS if last is None else Head(*last)


def alone(connection: Reads) -> bool:
    """Tell a file with its one writer from a database that several share."""
    return isinstance(connection, sqlite3.Connection)


def _lenient(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def hash_chain(connection: Reads) -> Iterator[Found]:
    """Find journals, by number, that are missing or are not what was sealed."""
    named = dict(_accounts(connection))
    transfers = _Groups(scan(connection, "transfers"))
    end, recorded_before, seen = GENESIS, 0, set[AccountId]()
    for seq, name, kind, happened_us, recorded_us, subject, note, prev_hash, digest in scan(
        connection, "journals"
    ):
        if seq != end.seq + 1:
            yield seq, f"journals {end.seq + 1} to {seq - 1} are missing"
        if prev_hash != end.hash:
            yield seq, "does not follow the journal before it"
        if alone(connection) and recorded_us < recorded_before:  # the clocks of several writers differ
            yield seq, "was recorded before the journal before it"
        try:
            booked_rows = _rows(transfers.take(seq), named)
        except (KeyError, ValueError):
            yield seq, "has an entry that cannot be read"
        else:
            booked = Booked(seq, name, kind, happened_us, recorded_us, subject, note, booked_rows)
            if chain.extend(Head(seq - 1, prev_hash), booked, _opened(booked, seen)).hash != digest:
                yield seq, "is not what was sealed"
        end, recorded_before = Head(seq, digest), recorded_us


def journals(connection: Reads) -> Iterator[Booked]:
    """Yield every journal in the order of the chain; KeyError or ValueError at one that cannot be read."""
    named = dict(_accounts(connection))
    transfers = _Groups(scan(connection, "transfers"))
    for seq, name, kind, happened_us, recorded_us, subject, note, _, _ in scan(connection, "journals"):
        booked_rows = _rows(transfers.take(seq), named)
        yield Booked(seq, name, kind, happened_us, recorded_us, subject, note, booked_rows)


def booked(connection: Reads, journal_id: str) -> tuple[Booked, bytes, bytes] | None:
    """Return a journal, the bytes that are sealed of it, and the hash before it; None if it is not there."""
    found = read(connection, "journal", id=journal_id).fetchone()
    if found is None:
        return None
    seq, name, kind, happened_us, recorded_us, subject, note, prev_hash, _ = found
    entries: list[Row] = []
    opened: dict[AccountId, Account] = {}
    for entry, entry_kind, units, pending_id, *sides in read(connection, "journal_entries", seq=seq):
        debit, credit = (rows.account(tuple(side)) for side in (sides[:7], sides[7:]))
        entries.append(Row(entry, rows.KINDS[entry_kind], debit, credit, units, pending_id))
        for no, account in ((sides[0], debit), (sides[7], credit)):
            used = read(connection, "used_before", account=no, seq=seq).fetchone()
            if not used[0]:
                opened.setdefault(account.id, account)
    journal = Booked(seq, name, kind, happened_us, recorded_us, subject, note, tuple(entries))
    return journal, chain.canonical(journal, list(opened.values())), prev_hash


class _Groups:
    """Entries in the order of the chain, handed out journal by journal."""

    def __init__(self, found: Iterator[Found]) -> None:
        self._found = found
        self._next = next(found, None)

    def take(self, seq: int) -> Iterator[Found]:
        """Yield the entries of journal *seq*; entries of a journal that is not there are passed over."""
        while self._next is not None and self._next[0] <= seq:
            entry, self._next = self._next, next(self._found, None)
            if entry[0] == seq:
                yield entry


def _opened(booked: Booked, seen: set[AccountId]) -> list[Account]:
    """Return the accounts that *booked* is the first to use, and note that they have been seen."""
    used = {account.id: account for row in booked.rows for account in (row.debit, row.credit)}
    opened = [account for name, account in used.items() if name not in seen]
    seen.update(used)
    return opened


def _rows(found: Iterator[Found], named: Mapping[int, Account]) -> tuple[Row, ...]:
    """Return the entries of a journal; KeyError or ValueError if one is not as this ledger writes it."""
    read: list[Row] = []
    for _, position, name, kind, debit_no, credit_no, units, pending_id in found:
        if position != len(read):
            raise ValueError("an entry is missing, or stands in another place")
        read.append(Row(name, rows.KINDS[kind], named[debit_no], named[credit_no], units, pending_id))
    return tuple(read)


def _accounts(connection: Reads) -> Iterator[tuple[int, Account]]:
    for found in scan(connection, "accounts"):
        try:
            yield found[0], rows.account(found)
        except ValueError:
            continue  # the journals that name it are found to be unreadable
