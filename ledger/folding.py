"""Folding: what accounts came to by a number, kept, so that a report adds up only what came after it.

A fold is added up beside the writer, over journals that are there for good, and
written whole by a small unit of its own. It is never changed. The entries stay
what counts: the audit adds them up anew, and nothing that is signed rests on a fold.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ledger import queries
from ledger.balances import ZERO, Balance
from ledger.money import INT64_MAX
from ledger.queries import Reads
from ledger.stores.migrate import SQL

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "folds.sql").items()}
_SHARED: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "folds.sql").items()}

JOURNALS: Final = 5_000
"""How many journals a fold goes further: what a report has left to add up, and how large the unit becomes."""

_HALF: Final = 31


@dataclass(frozen=True, slots=True)
class Fold:
    """Every journal up to number `seq` is in it; all had happened and were known by then, microseconds."""

    seq: int = 0
    happened_max_us: int = 0
    recorded_max_us: int = 0


START: Final = Fold()
"""Nothing is in it."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A fold to be kept behind `after`: the accounts that were moved between them, by number."""

    after: Fold
    fold: Fold
    sums: Mapping[int, Balance]


class FoldableTx(Protocol):
    """A transaction of a book in a database."""

    @property
    def connection(self) -> "Writes":
        """The connection that it writes over."""
        ...


class Writes(Reads, Protocol):
    """What runs a statement, and one for each of many rows."""

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> object:
        """Run one statement for each of *rows*."""
        ...


def has_turn(connection: Reads, owner: str) -> bool:
    """Tell whether *owner* folds: of several processes the one that seals."""
    if isinstance(connection, sqlite3.Connection):
        return True
    return connection.execute(_SHARED["final"], {"owner": owner}).fetchone() is not None


def next_fold(connection: Reads, owner: str, journals: int = JOURNALS) -> Folded | None:
    """Add up the next *journals* journals; None while there are not so many that are there for good.

    Of several processes that share a book only the one whose *owner* has the turn
    to seal it gets an answer.
    """
    last = _fold(connection.execute(_SQL["last"]).fetchone())
    final = _final(connection, owner)
    asked = {"after": last.seq, "last": final, "count": journals}
    through = connection.execute(_SQL["through"], asked).fetchone()[0]
    between = {"after": last.seq, "through": through}
    happened_us, recorded_us, count = connection.execute(_SQL["times"], between).fetchone()
    if through is None or count < journals:
        return None
    moved = _with({}, connection.execute(_SQL["moved"], between))
    sums = {no: _plus(_sum_of(connection, no, last), units) for no, units in moved.items()}
    happened_max_us = max(happened_us, last.happened_max_us) if last.seq else happened_us
    return Folded(last, Fold(through, happened_max_us, max(recorded_us, last.recorded_max_us)), sums)


def keep(tx: FoldableTx, folded: Folded) -> bool:
    """Keep a fold for ever; False, and nothing is written, if another one was kept since it was added up."""
    if _fold(tx.connection.execute(_SQL["last"]).fetchone()) != folded.after:
        return False
    fold, after = folded.fold, folded.after
    tx.connection.execute(_SQL["add_fold"], (fold.seq, after.seq, fold.happened_max_us, fold.recorded_max_us))
    tx.connection.executemany(
        _SQL["add_sums"], [(no, fold.seq, *_halves(sums)) for no, sums in folded.sums.items()]
    )
    return True


def usable(connection: Reads, happened_us: int, recorded_us: int) -> Fold:
    """Return the last fold with nothing in it that had not happened or was not known by then."""
    asked = {"happened_us": happened_us, "recorded_us": recorded_us}
    return _fold(connection.execute(_SQL["usable"], asked).fetchone())


def now(connection: Reads, fold: Fold) -> dict[int, Balance]:
    """Return what every account came to by its number: what is in *fold*, and the rest."""
    asked = {"after": fold.seq, "through": INT64_MAX}
    return _with(_sums(connection, fold), connection.execute(_SQL["moved"], asked))


def as_of(connection: Reads, fold: Fold, happened_us: int, recorded_us: int) -> dict[int, Balance]:
    """Return what the accounts came to by those times, for which *fold* is usable."""
    asked = {"after": fold.seq, "happened_us": happened_us, "recorded_us": recorded_us}
    return _with(_sums(connection, fold), connection.execute(_SQL["moved_as_of"], asked))


def stretches(connection: Reads, no: int, seq: int) -> Iterator[tuple[int, int]]:
    """Yield where an account's entries from journal *seq* on are: after which number, and up to which.

    The folds that moved it, in their order, and what comes after the last fold.
    """
    last = _fold(connection.execute(_SQL["last"]).fetchone())
    moved = connection.execute(_SQL["stretches"], {"no": no, "seq": seq, "last": last.seq}).fetchall()
    yield from ((max(after, seq - 1), through) for after, through in moved)
    yield max(last.seq, seq - 1), INT64_MAX


def kept(connection: Reads) -> Iterator[tuple[int, int, Balance]]:
    """Yield all that is kept: number of the account, of the fold, and the sums; by account and fold."""
    for no, seq, *halves in connection.execute(_SQL["kept"]):
        yield no, seq, _balance(halves)


def added_up(connection: Reads) -> Iterator[tuple[int, int, Balance]]:
    """Yield the same as it should be, from the entries themselves."""
    account, balance, seq = 0, ZERO, 0
    for no, fold_seq, side, phase, high, low in connection.execute(_SQL["added_up"]):
        if (no, fold_seq) != (account, seq):
            if account:
                yield account, seq, balance
            account, balance, seq = no, balance if no == account else ZERO, fold_seq
        balance = _plus(balance, Balance(**{f"{side}s_{phase}": (high << _HALF) + low}))
    if account:
        yield account, seq, balance


def _final(connection: Reads, owner: str) -> int:
    """Return up to where no journal can appear any more; 0 for who has not the turn."""
    if isinstance(connection, sqlite3.Connection):
        found = connection.execute(_SQL["final"]).fetchone()
    else:
        found = connection.execute(_SHARED["final"], {"owner": owner}).fetchone()
    return 0 if found is None else int(found[0])


def _fold(row: Any) -> Fold:
    return START if row is None else Fold(*row)


def _sums(connection: Reads, fold: Fold) -> dict[int, Balance]:
    return {row[0]: _balance(row[1:]) for row in connection.execute(_SQL["sums"], {"seq": fold.seq})}


def _sum_of(connection: Reads, no: int, fold: Fold) -> Balance:
    found = connection.execute(_SQL["sums_of"], {"no": no, "seq": fold.seq}).fetchone()
    return ZERO if found is None else _balance(found[1:])


def _with(sums: dict[int, Balance], moved: Iterable[Any]) -> dict[int, Balance]:
    """Add what was moved to the sums of each account."""
    for no, side, phase, high, low in moved:
        units = Balance(**{f"{side}s_{phase}": (high << _HALF) + low})
        sums[no] = _plus(sums.get(no, ZERO), units)
    return sums


def _plus(one: Balance, other: Balance) -> Balance:
    return Balance(
        one.debits_posted + other.debits_posted,
        one.credits_posted + other.credits_posted,
        one.debits_pending + other.debits_pending,
        one.credits_pending + other.credits_pending,
    )


def _halves(balance: Balance) -> tuple[int, ...]:
    counters = (
        balance.debits_posted,
        balance.credits_posted,
        balance.debits_pending,
        balance.credits_pending,
    )
    return tuple(half for units in counters for half in (units >> _HALF, units & ((1 << _HALF) - 1)))


def _balance(halves: Any) -> Balance:
    return Balance(*((high << _HALF) + low for high, low in zip(halves[::2], halves[1::2], strict=True)))
