"""The port: what a synchronous ledger transaction and its store offer. Knows no database.

The docstrings are the contract; every store passes the same tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ledger.accounts import AccountId, Closure
from ledger.balances import Balance
from ledger.chain import Head
from ledger.periods import Period
from ledger.rules import Accepted, View
from ledger.signing import Signed
from ledger.transfers import Booked, Journal

R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the chain is behind the book: journals not sealed, and when the oldest was recorded."""

    journals: int = 0
    oldest_us: int | None = None


class Rollback(Exception):
    """Raised by a unit of work to undo everything it wrote; `run` then returns `value`."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class StorageFull(Exception):
    """No room: nothing of the unit was written. The store lives, and trying again later is right."""


class StorageAway(Exception):
    """The database cannot be reached, or is too busy. Nothing of the unit was written; later is right."""


class StorageDead(Exception):
    """The store is finished and every later unit raises this; the message says why.

    A unit that gets it *may* be on disk (its commit was answered with an error):
    only the file, opened again, tells.
    """


class StoreRefused(Exception):
    """A store could not be opened. The message is one sentence for the operator; nothing was changed."""


class StoreLocked(StoreRefused):
    """Another process has the store open for writing."""


class StoreNotOurs(StoreRefused):
    """The file is no database, or another application's."""


class StoreTooNew(StoreRefused):
    """The file was written by a newer version; migrations only go forward."""


class StoreUnusable(StoreRefused):
    """The file or its directory cannot be written, or the server cannot be used."""


class StoreUnfit(StoreUnusable):
    """The server that has the book would not keep it as promised; the message says what it should be."""


class StoreNotReached(StoreUnusable):
    """The server that has the book does not answer, or does not let us in."""


class Tx(View, Protocol):
    """One unit of work's view of the book; reads see what the unit itself has written.

    It is valid only while the unit runs, in the thread that runs it.
    """

    @property
    def recorded_us(self) -> int:
        """When the book learns what this unit writes: microseconds, never below the unit before."""
        ...

    def prepare(self, journal: Journal) -> None:
        """Make sure that a decision over *journal* still holds when it is written.

        Where units of other connections run meanwhile, what they would change is
        kept from them until this one is committed. Only `book.submit` calls this.
        """
        ...

    def unsure(self, journal: Journal) -> bool:
        """Tell whether ids of *journal* were taken for new without being looked for; they have been by now.

        A store may do so where booking one that is not new cannot be committed. But a
        journal that is refused as if it were new may be one that is booked.
        """
        ...

    def journal(self, journal_id: str) -> Booked | None:
        """Return the booked journal with this id, or None."""
        ...

    def balance(self, account_id: AccountId) -> Balance:
        """Return the counters of an account; all zero if it was never used.

        Constant time for a constrained account; for any other what was folded, and all entries since.
        """
        ...

    def append(self, journal: Journal, accepted: Accepted) -> int:
        """Write what the rules accepted and return the journal's sequence number.

        Numbers grow with what follows from what. With one writer they have no
        gaps; with several, those of the hash chain have none. Only `book.submit`
        calls this.
        """
        ...


class SealableTx(Tx, Protocol):
    """A transaction of a book that can be sealed: signed checkpoints stand beside its journals."""

    @property
    def head(self) -> Head:
        """Return the end of the hash chain."""
        ...

    def last_checkpoint(self) -> Signed | None:
        """Return the checkpoint that goes furthest, or None if there is none yet."""
        ...

    def hashes(self, *, first: int, count: int) -> list[bytes]:
        """Return the chain hashes of *count* journals from number *first* on; all of them are booked."""
        ...

    def add_checkpoint(self, seq: int, signed: Signed) -> None:
        """Keep, for ever, a checkpoint that goes up to journal *seq*. Only `sealing.seal` calls this."""
        ...


class ClosableTx(Tx, Protocol):
    """A transaction of a book whose periods and accounts can be closed."""

    @property
    def head(self) -> Head:
        """Return the end of the hash chain."""
        ...

    def last_period(self) -> Signed | None:
        """Return the newest close, or None if no period is closed yet."""
        ...

    def happened_since(self, *, seq: int, through_us: int) -> bool:
        """Tell whether a journal after number *seq* happened at *through_us* or before."""
        ...

    def add_period(self, period: Period, signed: Signed) -> None:
        """Keep the close of a period; what happened in it is refused from now on. Only for `closing`."""
        ...

    def closure(self, account_id: AccountId) -> Closure | None:
        """Return how an account was closed, or None. Nobody else books until this unit is committed."""
        ...

    def add_closure(self, closure: Closure) -> None:
        """Keep the close of an account; new transfers on it are refused from now on. Only for `closing`."""
        ...


class Store(Protocol[T_co]):
    """A book on its medium."""

    async def run(self, unit: Callable[[T_co], R]) -> R:
        """Run *unit* in a transaction of its own; durable when this returns.

        A unit is a plain function: no await, no effect outside the transaction.
        Units run one after the other, or as if they did: where several writers
        share a book, a unit may be undone and run again. If the unit raises, what
        it wrote is undone, other units are not disturbed, and the exception comes
        out here; for Rollback its value is returned instead. A unit whose caller is cancelled
        while it waits still runs. StorageFull, StorageAway and StorageDead as they say.
        """
        ...

    async def close(self) -> None:
        """Finish the units that were accepted, then release the medium. May be called again."""
        ...
