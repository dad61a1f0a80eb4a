"""Signed statements beside a shared book: checkpoints over its chain, and the closes of its periods.

What is signed follows on what was signed before, so whoever reads the last one of
either kind is alone with it until its unit is committed.
"""

from collections.abc import Collection
from typing import Any, Final

from psycopg import Cursor, pq

from ledger import accounts, queries
from ledger.accounts import AccountId, Closure
from ledger.chain import GENESIS, Head
from ledger.periods import Period
from ledger.rules import OPEN
from ledger.signing import Signed
from ledger.stores.migrate import SQL
from ledger.stores.postgres.direct import Later, texts
from ledger.stores.postgres.draft import texts_text
from ledger.stores.postgres.leases import Begun
from ledger.stores.postgres.statements import Statements

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "signed.sql").items()}


class Taken(Exception):
    """Another transaction decides over the same thing; this unit must be run again when it may wait."""


class SignedTx:
    """See `ledger.store`: what SealableTx and ClosableTx add to a Tx, over *connection*."""

    def __init__(self, connection: Statements) -> None:
        self.connection = connection
        self.direct = connection.direct
        self._closed_us = OPEN
        self._before_us = OPEN  # as it was when the unit began
        self._savepoint = False  # whether there is one in this group
        self._savepoint_before = False  # as it was when the unit began
        self._mark: Later | None = None  # this unit's savepoint, sent or not
        self.number = ""
        """What the group's transaction is known by after a crash; empty until it has begun."""
        connection.before = self.save
        self._closed: frozenset[AccountId] | None = None  # accounts, once a unit of the group has asked
        self._before: frozenset[AccountId] | None = None

    @property
    def closed_through_us(self) -> int:
        """See `ledger.rules.View`; nobody closes a period while a group of units runs, but a unit of it."""
        if not self.number:
            self.direct.flush()
        return self._closed_us

    @property
    def closed_accounts(self) -> Collection[AccountId]:
        """See `ledger.rules.View`; nobody closes an account while a group of units runs, but a unit of it."""
        if self._closed is None:
            rows = self.connection.postgres.execute(_SQL["closed_accounts"])  # reads, and needs no savepoint
            self._closed = frozenset(accounts.parse(name) for (name,) in rows)
        return self._closed

    @property
    def head(self) -> Head:
        """Return the end of the hash chain, as far as it is sealed by now."""
        found = self._execute("head").fetchone()
        return GENESIS if found is None else Head(*found)

    def begin_group(self) -> None:
        """Start a group of units."""
        self.number = ""
        self._savepoint, self._mark = False, None
        self._closed = None

    def begun(self, begun: Begun) -> None:
        """Learn what is closed while the group runs, when its transaction has begun."""
        self.number = begun.number
        self._closed_us = self._before_us = begun.closed_us
        self._closed = self._before = None if begun.closures else frozenset()

    def begin(self, *, wait: bool) -> None:
        """Start a unit; unless it may *wait* it is Taken by whatever another transaction holds."""
        self.connection.wait = wait
        self.direct.turn += 1
        self._before_us, self._before = self._closed_us, self._closed
        self._savepoint_before, self._mark = self._savepoint, None

    @property
    def is_saved(self) -> bool:
        """Whether this unit can be undone alone: what it writes, and what the server refuses it."""
        return self._mark is not None and self._mark.is_answered

    @property
    def is_saving(self) -> bool:
        """Whether what is written from now on is undone with this unit."""
        return self._mark is not None

    def save(self) -> None:
        """Make the savepoint that this unit is rolled back to, before its first statement that needs it."""
        if self._mark is None:
            if self._savepoint:
                self.direct.later("RELEASE unit")
            self._mark = self.direct.later("SAVEPOINT unit")
            self._savepoint = True

    def roll_back(self) -> None:
        """Undo in the database what this unit has written there."""
        unsent = self.direct.forget()
        if self._mark in unsent:
            self._savepoint = self._savepoint_before
        elif self._mark is not None:
            assert self.is_saved, "a group whose unit has no savepoint is undone as a whole"
            self.direct.several("ROLLBACK TO unit")

    def undo(self) -> None:
        """Forget what may not be there any more, because the unit, or its whole group, was rolled back."""
        self._closed_us, self._closed = self._before_us, self._before

    def alone(self, *names: str) -> bool:
        """Let nobody else decide over what is called *names* until this unit is committed.

        True: others could have, so what was read before is to be read again.
        """
        asked = _SQL["wait_alone" if self.connection.wait else "try_alone"]

        def check(answer: "pq.abc.PGresult") -> None:
            if answer.get_value(0, 0) == b"f":
                raise Taken(", ".join(names))

        self.direct.later(asked, texts([texts_text(names)]), check)
        return True

    def last_checkpoint(self) -> Signed | None:
        """See `ledger.store.SealableTx`. Nobody else signs until this unit is committed."""
        self.alone("checkpoints of the book")
        found = self._execute("last_checkpoint").fetchone()
        return None if found is None else Signed(*found)

    def hashes(self, *, first: int, count: int) -> list[bytes]:
        """See `ledger.store.SealableTx`."""
        return [found for (found,) in self._execute("hashes", (first, count))]

    def add_checkpoint(self, seq: int, signed: Signed) -> None:
        """See `ledger.store.SealableTx`."""
        self._execute("add_checkpoint", (seq, signed.statement, signed.signature))

    def last_period(self) -> Signed | None:
        """See `ledger.store.ClosableTx`. Nobody else books until this unit is committed.

        Whoever is in the midst of it is waited for: a unit that holds anything may not.
        """
        self._close_alone()
        (through_us,) = self._execute("closed_through").fetchone() or (None,)
        self._closed_us = OPEN if through_us is None else through_us
        found = self._execute("last_period").fetchone()
        return None if found is None else Signed(*found)

    def happened_since(self, *, seq: int, through_us: int) -> bool:
        """See `ledger.store.ClosableTx`; *seq* is a place in the chain, and who has none comes after it."""
        found = self._execute("happened_since", {"seq": seq, "through_us": through_us}).fetchone()
        return found is not None and bool(found[0])

    def add_period(self, period: Period, signed: Signed) -> None:
        """See `ledger.store.ClosableTx`."""
        row = (period.number, period.through_us, period.head.seq, signed.statement, signed.signature)
        self._execute("add_period", row)
        self._closed_us = period.through_us

    def closure(self, account_id: AccountId) -> Closure | None:
        """See `ledger.store.ClosableTx`; who books is waited for, as for `last_period`."""
        self._close_alone()
        self._closed = None
        found = self._execute("closure", (accounts.text(account_id),)).fetchone()
        return None if found is None else Closure(account_id, *found)

    def add_closure(self, closure: Closure) -> None:
        """See `ledger.store.ClosableTx`."""
        row = (closure.closed_us, closure.reason, closure.key, accounts.text(closure.account))
        self._execute("add_closure", row)
        self._closed = None

    def _close_alone(self) -> None:
        if not self.connection.wait:
            raise Taken("the periods of the book")
        self._execute("close_alone")

    def _execute(self, name: str, parameters: Any = ()) -> "Cursor[Any]":
        self.save()
        return self.connection.postgres.execute(_SQL[name], parameters)
