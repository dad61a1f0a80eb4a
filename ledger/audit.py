"""The audit: named checks over a book's file, each of which must find nothing. Reads only.

A check is a statement of `audit.sql`, one of the functions below, or a statement
of the caller's. Removal of the newest journals is the one change of sealed rows
that the file alone cannot show.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from ledger import chain, queries, reports
from ledger.accounts import Account, AccountId, Constraint
from ledger.balances import Balance
from ledger.chain import GENESIS, Head
from ledger.queries import Query
from ledger.stores import rows
from ledger.stores.migrate import SQL
from ledger.transfers import Booked, Row

_SQL: Final = queries.load(SQL / "audit.sql")
_READS: Final = queries.load(SQL / "audit_reads.sql")

ROWS_MAX: Final = 100
"""A check stops after so many findings."""

Found = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One check and what it found, at most ROWS_MAX rows. `id` is stable."""

    id: str
    rows: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All checks of one audit, over one state of the book."""

    checks: tuple[Check, ...]

    @property
    def clean(self) -> bool:
        """Whether every check found nothing."""
        return not any(check.rows for check in self.checks)


def audit(connection: sqlite3.Connection, extra: Iterable[Query] = ()) -> AuditReport:
    """Run every check of the ledger, then the caller's *extra* statements, over one snapshot.

    Each extra statement selects what is wrong. The connection may be read-only
    and the store may be in use; it must not be in a transaction.
    """
    connection.execute("BEGIN")
    try:
        checks = [_selected(connection, query) for query in _SQL.values()]
        checks += [_computed(connection, name, check) for name, check in _CHECKS.items()]
        checks += [_selected(connection, query) for query in extra]
    finally:
        connection.execute("ROLLBACK")
    return AuditReport(tuple(checks))


def no_overdraft(connection: sqlite3.Connection) -> Iterator[Found]:
    """Find accounts that must not be negative and are, holds included, by their entries."""
    for line in reports.balances(connection):
        account, balance = line.account, line.balance
        if account.constraint is Constraint.NO_NEGATIVE and balance.available(account.side) < 0:
            yield account.id, balance.available(account.side)


def balances_kept(connection: sqlite3.Connection) -> Iterator[Found]:
    """Find balance rows that are not the sum of the entries, missing, or of an append-only account."""
    kept = {no: (floor, Balance(*counters)) for no, floor, *counters in _read(connection, "kept")}
    for line in reports.balances(connection):
        account, found = line.account, kept.pop(line.no, None)
        constrained = account.constraint is not Constraint.NONE
        if found != ((rows.floor(account), line.balance) if constrained else None):
            yield account.id, found, line.balance
    for no, found in kept.items():
        yield no, found, None


def references(connection: sqlite3.Connection) -> Iterator[Found]:
    """Find rows, of any table of the file, that refer to a row that does not exist."""
    yield from connection.execute("PRAGMA foreign_key_check")


def hash_chain(connection: sqlite3.Connection) -> Iterator[Found]:
    """Find journals, by number, that are missing or are not what was sealed."""
    named = dict(_accounts(connection))
    transfers = _Groups(_read(connection, "transfers"))
    head, recorded_before, seen = GENESIS, 0, set[AccountId]()
    for seq, name, kind, happened_us, recorded_us, subject, note, prev_hash, digest in _read(
        connection, "journals"
    ):
        if seq != head.seq + 1:
            yield seq, f"journals {head.seq + 1} to {seq - 1} are missing"
        if prev_hash != head.hash:
            yield seq, "does not follow the journal before it"
        if recorded_us < recorded_before:
            yield seq, "was recorded before the journal before it"
        try:
            booked_rows = tuple(_row(found, named) for found in transfers.take(seq))
        except (KeyError, ValueError):
            yield seq, "has an entry that cannot be read"
        else:
            booked = Booked(seq, name, kind, happened_us, recorded_us, subject, note, booked_rows)
            if chain.extend(Head(seq - 1, prev_hash), booked, _opened(booked, seen)).hash != digest:
                yield seq, "is not what was sealed"
        head, recorded_before = Head(seq, digest), recorded_us


_CHECKS: Final[Mapping[str, Callable[[sqlite3.Connection], Iterator[Found]]]] = {
    "no_overdraft": no_overdraft,
    "balances_kept": balances_kept,
    "references": references,
    "hash_chain": hash_chain,
}


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


def _row(found: Found, named: Mapping[int, Account]) -> Row:
    _, name, kind, debit_no, credit_no, units, pending_id = found
    return Row(name, rows.KINDS[kind], named[debit_no], named[credit_no], units, pending_id)


def _accounts(connection: sqlite3.Connection) -> Iterator[tuple[int, Account]]:
    for found in _read(connection, "accounts"):
        try:
            yield found[0], rows.account(found)
        except ValueError:
            continue  # the journals that name it are found to be unreadable


def _read(connection: sqlite3.Connection, name: str) -> Iterator[Any]:
    return iter(connection.execute(_READS[name].sql))


def _selected(connection: sqlite3.Connection, query: Query) -> Check:
    return _take(query.name, iter(connection.execute(query.sql)))


def _computed(
    connection: sqlite3.Connection, name: str, check: Callable[[sqlite3.Connection], Iterator[Found]]
) -> Check:
    try:
        return _take(name, check(connection))
    except ValueError as error:  # an account that this ledger did not write
        return Check(name, ((str(error),),))


def _take(name: str, found: Iterator[Found]) -> Check:
    return Check(name, tuple(tuple(row) for row in islice(found, ROWS_MAX)))
