"""The audit: named checks over a book, each of which must find nothing. Reads only.

A check is a statement of `audit.sql`, one of the functions below, or a statement
of the caller's. Removal of the newest journals is the one change of sealed rows
that it cannot show; signed checkpoints do (`ledger.verifying`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from ledger import folding, queries, reports, sealed
from ledger.accounts import Constraint
from ledger.balances import Balance
from ledger.queries import Query, Reads
from ledger.stores import rows
from ledger.stores.migrate import SQL

_SQL: Final = queries.load(SQL / "audit.sql")
_READS: Final = queries.load(SQL / "audit_reads.sql")
_SHARED_READS: Final = queries.load(SQL / "postgres" / "audit_reads.sql")

ROWS_MAX: Final = 100
"""A check stops after so many findings."""

Found = tuple[Any, ...]
Finding = Callable[[Reads], Iterator[Found]]
"""A check that is computed: it yields what is wrong."""

NO_MORE: Final[Mapping[str, Finding]] = {}


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


def audit(
    connection: Reads, extra: Iterable[Query] = (), computed: Mapping[str, Finding] = NO_MORE
) -> AuditReport:
    """Run every check of the ledger, then the caller's *extra* and *computed* ones, over one snapshot.

    Each extra statement selects what is wrong. The connection may be read-only
    and the store may be in use; it must not be in a transaction.
    """
    with sealed.snapshot(connection):
        checks = [_selected(connection, query) for query in _statements(connection)]
        checks += [_computed(connection, name, check) for name, check in _CHECKS.items()]
        checks += [_selected(connection, query) for query in extra]
        checks += [_computed(connection, name, check) for name, check in computed.items()]
    return AuditReport(tuple(checks))


def no_overdraft(connection: Reads) -> Iterator[Found]:
    """Find accounts that must not be negative and are, holds included, by their entries."""
    for line in reports.recomputed(connection):
        account, balance = line.account, line.balance
        if account.constraint is Constraint.NO_NEGATIVE and balance.available(account.side) < 0:
            yield account.id, balance.available(account.side)


def balances_kept(connection: Reads) -> Iterator[Found]:
    """Find balance rows that are not the sum of the entries, missing, or of an append-only account."""
    kept = {no: (floor, Balance(*counters)) for no, floor, *counters in _read(connection, "kept")}
    for line in reports.recomputed(connection):
        account, found = line.account, kept.pop(line.no, None)
        constrained = account.constraint is not Constraint.NONE
        if found != ((rows.floor(account), line.balance) if constrained else None):
            yield account.id, found, line.balance
    for no, found in kept.items():
        yield no, found, None


def references(connection: Reads) -> Iterator[Found]:
    """Find rows, of any table of the file, that refer to a row that does not exist."""
    yield from connection.execute(
        "PRAGMA foreign_key_check" if sealed.alone(connection) else _SHARED_READS["references"].sql
    )


def folds_kept(connection: Reads) -> Iterator[Found]:
    """Find kept sums of an account, by its number and the fold's, that are not those of its entries."""
    kept, added_up = folding.kept(connection), folding.added_up(connection)
    one, other = next(kept, None), next(added_up, None)
    while one is not None or other is not None:
        if one == other:
            one, other = next(kept, None), next(added_up, None)
        elif one is not None and (other is None or one[:2] <= other[:2]):
            yield one
            if other is not None and one[:2] == other[:2]:
                other = next(added_up, None)
            one = next(kept, None)
        elif other is not None:
            yield *other[:2], None
            other = next(added_up, None)


_CHECKS: Final[Mapping[str, Finding]] = {
    "no_overdraft": no_overdraft,
    "balances_kept": balances_kept,
    "folds_kept": folds_kept,
    "references": references,
    "hash_chain": sealed.hash_chain,
}


def _statements(connection: Reads) -> Iterator[Query]:
    """Yield the ledger's statements; where several share a book a journal's place is not its number."""
    for name, query in _SQL.items():
        yield query if sealed.alone(connection) else _SHARED_READS.get(name, query)


def _read(connection: Reads, name: str) -> Iterator[Any]:
    return iter(connection.execute(_READS[name].sql))


def _selected(connection: Reads, query: Query) -> Check:
    return _take(query.name, iter(connection.execute(query.sql)))


def _computed(connection: Reads, name: str, check: Finding) -> Check:
    try:
        return _take(name, check(connection))
    except ValueError as error:  # an account that this ledger did not write
        return Check(name, ((str(error),),))


def _take(name: str, found: Iterator[Found]) -> Check:
    return Check(name, tuple(tuple(row) for row in islice(found, ROWS_MAX)))
