"""Closings in a SQLite transaction: periods and accounts that are closed. Decides nothing."""

import sqlite3
from collections.abc import Collection
from typing import Final

from ledger import accounts, queries
from ledger.accounts import AccountId, Closure
from ledger.periods import Period
from ledger.rules import OPEN
from ledger.signing import Signed
from ledger.stores.memories import Memories
from ledger.stores.migrate import SQL
from ledger.stores.unwritten import Unwritten

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "book.sql").items()}
_ACCOUNTS: Final = "accounts"


class ClosingsTx:
    """See `ledger.store.ClosableTx`; what was read is kept in memory, as nobody else writes to the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._unwritten = Unwritten(connection)
        self.memories = Memories()
        self._closed: dict[str, Collection[AccountId]] = self.memories.add({})
        self._closed_us = self._closed_through()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, with nothing kept back: ask for it anew after booking something."""
        if self._unwritten:
            self._unwritten.write()
        return self._connection

    @property
    def written(self) -> int:
        """See `ledger.stores.writer.Transaction`."""
        return self._connection.total_changes - self._unwritten.others + self._unwritten.added

    @property
    def closed_through_us(self) -> int:
        """See `ledger.rules.View`."""
        return self._closed_us

    @property
    def closed_accounts(self) -> Collection[AccountId]:
        """See `ledger.rules.View`."""
        closed = self._closed.get(_ACCOUNTS)
        if closed is None:
            rows = self._connection.execute(_SQL["closed_accounts"])
            named = frozenset(accounts.parse(name) for (name,) in rows)
            closed = self.memories.keep(self._closed, _ACCOUNTS, named)
        return closed

    def last_period(self) -> Signed | None:
        """See `ledger.store.ClosableTx`."""
        found = self.connection.execute(_SQL["last_period"]).fetchone()
        return None if found is None else Signed(*found)

    def happened_since(self, *, seq: int, through_us: int) -> bool:
        """See `ledger.store.ClosableTx`."""
        return bool(self.connection.execute(_SQL["happened_since"], (seq, through_us)).fetchone()[0])

    def add_period(self, period: Period, signed: Signed) -> None:
        """See `ledger.store.ClosableTx`."""
        row = (period.number, period.through_us, period.head.seq, signed.statement, signed.signature)
        self.connection.execute(_SQL["add_period"], row)
        self._closed_us = period.through_us

    def closure(self, account_id: AccountId) -> Closure | None:
        """See `ledger.store.ClosableTx`."""
        found = self.connection.execute(_SQL["closure"], (accounts.text(account_id),)).fetchone()
        return None if found is None else Closure(account_id, *found)

    def add_closure(self, closure: Closure) -> None:
        """See `ledger.store.ClosableTx`."""
        row = (closure.closed_us, closure.reason, closure.key, accounts.text(closure.account))
        self.connection.execute(_SQL["add_closure"], row)
        self.memories.keep(self._closed, _ACCOUNTS, frozenset({*self.closed_accounts, closure.account}))

    def _closed_through(self) -> int:
        (through_us,) = self._connection.execute(_SQL["closed_through"]).fetchone()
        return OPEN if through_us is None else through_us
