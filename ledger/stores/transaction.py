"""One unit's view of a book in SQLite: the ledger's Tx over a connection.

Decides nothing and commits nothing: the writer does the second, the rules the first.
"""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from ledger import accounts, chain, queries
from ledger.accounts import Account, AccountId, Constraint
from ledger.balances import Balance
from ledger.chain import GENESIS, Head
from ledger.rules import Accepted, AccountState, TransferState
from ledger.signing import Signed
from ledger.stores import rows as to
from ledger.stores.closings import ClosingsTx
from ledger.stores.migrate import SQL
from ledger.stores.unwritten import Value
from ledger.transfers import Booked, Journal, Kind, Row

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "book.sql").items()}
_JOURNAL_BY_ID: Final = _SQL["journal_by_id"]
_ROWS_OF_JOURNAL: Final = _SQL["rows_of_journal"]
_TRANSFER_BY_ID: Final = _SQL["transfer_by_id"]
_ACCOUNT_BY_ID: Final = _SQL["account_by_id"]
_ACCOUNT_BY_NO: Final = _SQL["account_by_no"]
_BALANCE_OF: Final = _SQL["balance_of"]
_ADD_ACCOUNT: Final = _SQL["add_account"]
_ADD_JOURNAL: Final = _SQL["add_journal"]
_ADD_TRANSFER: Final = _SQL["add_transfer"]
_SAVE_BALANCE: Final = _SQL["save_balance"]

_PENDING: Final = Kind.PENDING
_NONE: Final = Constraint.NONE

_TAKEN: Final = tuple(
    " UNION ALL ".join([_SQL["journal_taken"], *[_SQL["entry_taken"]] * entries]) for entries in range(9)
)
"""Whether any of the ids of a journal of so many entries is taken: one statement instead of one for each."""


@dataclass(frozen=True, slots=True)
class _Known:
    """An account that is on disk, and its number there."""

    no: int
    account: Account


class SqliteTx(ClosingsTx):
    """See `ledger.store`: Tx, SealableTx and ClosableTx. One object serves all units, one after the other.

    An application subclasses it with its own tables, over `connection`. Nobody else writes to
    the file, so what units have read and written is kept in `memories` for those after them.
    """

    def __init__(self, connection: sqlite3.Connection, now_us: Callable[[], int]) -> None:
        super().__init__(connection)
        self._now_us = now_us
        last = connection.execute(_SQL["head"]).fetchone()
        self._head = GENESIS if last is None else Head(last[0], last[1])
        self._recorded_us: int = 0 if last is None else last[2]
        self._by_id: dict[AccountId, _Known] = self.memories.add({})
        self._by_no: dict[int, _Known] = self.memories.add({})
        self._absent: dict[AccountId, bool] = self.memories.add({})  # accounts that nobody has opened yet
        self._states: dict[AccountId, AccountState] = self.memories.add({})
        self._entries: dict[str, TransferState] = self.memories.add({})
        self._new: tuple[str, ...] = ()  # ids that are nobody's, as was just found out or is trusted
        self._apart = True

    @property
    def recorded_us(self) -> int:
        """See `ledger.store.Tx`."""
        return self._recorded_us

    @property
    def head(self) -> Head:
        """Return the end of the hash chain."""
        return self._head

    def begin(self, *, apart: bool = True) -> None:
        """Start a unit: what it records has one time, never below the time of the unit before.

        *apart*: what it books is written at once, and new ids are asked for. Otherwise its rows
        are written with those of its group, and what UNIQUE refuses then has the group run again.
        """
        now_us = self._now_us()
        self._recorded_us = max(self._recorded_us, now_us)
        self._new = ()
        self._apart = apart
        self._unwritten.begin(apart=apart)
        self.memories.begin()

    def write(self) -> None:
        """See `ledger.stores.writer.Transaction`."""
        self._unwritten.begin()
        if self._unwritten:
            self._unwritten.write()

    def undo(self, head: Head) -> None:
        """Forget what is kept in memory of the unit that was just rolled back to *head*."""
        self._head = head
        self._closed_us = self._closed_through()
        self._new = ()
        self.memories.undo()

    def lose(self, head: Head) -> None:
        """Forget all that is kept in memory: a group was rolled back to *head*."""
        self.undo(head)
        self._unwritten.clear()
        self.memories.clear()

    def prepare(self, journal: Journal) -> None:
        """See `ledger.store.Tx`; units run one after the other, so this is only about ids."""
        if self._apart:
            self._ask(journal)
        else:
            self._new = (journal.id, *[entry.id for entry in journal.entries])

    def unsure(self, journal: Journal) -> bool:
        """See `ledger.store.Tx`."""
        if self._apart:
            return False
        self._ask(journal)
        return True

    def _ask(self, journal: Journal) -> None:
        ids = (journal.id, *[entry.id for entry in journal.entries])
        self._new = ()
        if len(ids) <= len(_TAKEN) and self.connection.execute(_TAKEN[len(ids) - 1], ids).fetchone() is None:
            self._new = ids

    def journal(self, journal_id: str) -> Booked | None:
        """See `ledger.store.Tx`."""
        if journal_id in self._new:
            return None
        found = self.connection.execute(_JOURNAL_BY_ID, (journal_id,)).fetchone()
        if found is None:
            return None
        seq, kind, happened_us, recorded_us, subject, note = found
        rows = tuple(
            self._row(row_id, row_kind, debit_no, credit_no, units, pending_id)
            for row_id, row_kind, debit_no, credit_no, units, pending_id in self.connection.execute(
                _ROWS_OF_JOURNAL, (seq,)
            )
        )
        return Booked(seq, journal_id, kind, happened_us, recorded_us, subject, note, rows)

    def account(self, account_id: AccountId) -> AccountState | None:
        """See `ledger.rules.View`."""
        state = self._states.get(account_id)
        if state is None:
            known = self._known(account_id)
            if known is None:
                return None
            balance = None
            if known.account.constraint is not _NONE:
                balance = Balance(*self.connection.execute(_BALANCE_OF, (known.no,)).fetchone())
            state = self.memories.keep(self._states, account_id, AccountState(known.account, balance))
        return state

    def transfer(self, transfer_id: str) -> TransferState | None:
        """See `ledger.rules.View`."""
        known = self._entries.get(transfer_id)
        if known is not None or transfer_id in self._new:
            return known
        found = self.connection.execute(_TRANSFER_BY_ID, (transfer_id,)).fetchone()
        if found is None:
            return None
        kind, debit_no, credit_no, units, pending_id, resolution = found
        row = self._row(transfer_id, kind, debit_no, credit_no, units, pending_id)
        state = TransferState(row, None if resolution is None else to.KINDS[resolution])
        return self.memories.keep(self._entries, transfer_id, state)

    def balance(self, account_id: AccountId) -> Balance:
        """See `ledger.store.Tx`."""
        state = self.account(account_id)
        if state is None:
            return Balance()
        if state.balance is not None:
            return state.balance
        return to.balance(self.connection.execute(_SQL["sums_of"], {"no": self._found(state.account).no}))

    def append(self, journal: Journal, accepted: Accepted) -> int:
        """See `ledger.store.Tx`."""
        before, unwritten = self._head, self._unwritten
        rows = accepted.rows
        booked = Booked.of(journal, seq=before.seq + 1, recorded_us=self._recorded_us, rows=rows)
        head = chain.extend(before, booked, accepted.opened)
        for account in accepted.opened:
            self._open(account)
        seq = booked.seq
        named = (seq, booked.id, booked.kind, booked.happened_us, booked.recorded_us)
        unwritten.add(_ADD_JOURNAL, [*named, booked.subject, booked.note, before.hash, head.hash])
        unwritten.add(_ADD_TRANSFER, self._transfers(seq, rows))
        if accepted.changed:
            unwritten.add(_SAVE_BALANCE, self._balances_of(accepted))
        self._new = ()
        self._head = head
        for row in rows:
            if row.kind is _PENDING or row.pending_id is not None:
                self._note(row)
        return seq

    def last_checkpoint(self) -> Signed | None:
        """See `ledger.store.SealableTx`."""
        found = self.connection.execute(_SQL["last_checkpoint"]).fetchone()
        return None if found is None else Signed(*found)

    def hashes(self, *, first: int, count: int) -> list[bytes]:
        """See `ledger.store.SealableTx`."""
        return [found for (found,) in self.connection.execute(_SQL["hashes"], (first, count))]

    def add_checkpoint(self, seq: int, signed: Signed) -> None:
        """See `ledger.store.SealableTx`."""
        self.connection.execute(_SQL["add_checkpoint"], (seq, signed.statement, signed.signature))

    def _transfers(self, seq: int, rows: Iterable[Row]) -> list[Value]:
        values: list[Value] = []
        known = self._by_id
        for position, row in enumerate(rows):
            debit = known.get(row.debit.id) or self._found(row.debit)
            credit = known.get(row.credit.id) or self._found(row.credit)
            values += (seq, position, row.id, str(row.kind), debit.no, credit.no, row.units, row.pending_id)
        return values

    def _balances_of(self, accepted: Accepted) -> list[Value]:
        values: list[Value] = []
        for account, balance in accepted.changed:
            known = self._by_id[account.id]  # the decision has looked it up
            self.memories.keep(self._states, account.id, AccountState(known.account, balance))
            values += (known.no, to.floor(account), balance.debits_posted, balance.credits_posted)
            values += (balance.debits_pending, balance.credits_pending)
        return values

    def _note(self, row: Row) -> None:
        """Remember a hold that was booked, with its accounts as booked; of one that was resolved, how."""
        if row.kind is _PENDING:
            debit, credit = self._by_id[row.debit.id].account, self._by_id[row.credit.id].account  # just used
            booked = Row(row.id, row.kind, debit, credit, row.units, None)
            self.memories.keep(self._entries, row.id, TransferState(booked, None))
        elif row.pending_id is not None:
            hold = self._entries[row.pending_id]  # the decision has looked it up
            self.memories.keep(self._entries, hold.row.id, TransferState(hold.row, row.kind))

    def _open(self, account: Account) -> None:
        asset = account.asset
        name = accounts.text(account.id)
        values = (name, asset.code, asset.decimals, account.kind, account.side, account.constraint)
        no = self._connection.execute(_ADD_ACCOUNT, values).lastrowid
        assert no is not None, "an inserted row has a number"
        self._absent.pop(account.id, None)
        self._remember(_Known(no, account if account.limit is None else replace(account, limit=None)))

    def _known(self, account_id: AccountId) -> _Known | None:
        known = self._by_id.get(account_id)
        if known is None and account_id not in self._absent:
            found = self._connection.execute(_ACCOUNT_BY_ID, (accounts.text(account_id),)).fetchone()
            if found is None:
                self.memories.keep(self._absent, account_id, True)
                return None
            known = self._remember(_Known(found[0], to.account(found)))
        return known

    def _found(self, account: Account) -> _Known:
        known = self._known(account.id)
        assert known is not None, "an account of a decision is booked by now"
        return known

    def _numbered(self, no: int) -> Account:
        known = self._by_no.get(no)
        if known is None:
            found = self._connection.execute(_ACCOUNT_BY_NO, (no,)).fetchone()
            known = self._remember(_Known(no, to.account(found)))
        return known.account

    def _remember(self, known: _Known) -> _Known:
        self.memories.keep(self._by_id, known.account.id, known)
        return self.memories.keep(self._by_no, known.no, known)

    def _row(
        self, row_id: str, kind: str, debit_no: int, credit_no: int, units: int, pending_id: str | None
    ) -> Row:
        return Row(
            row_id, to.KINDS[kind], self._numbered(debit_no), self._numbered(credit_no), units, pending_id
        )
