"""One unit's view of a book in PostgreSQL: the ledger's Tx over a connection that others write beside.

Decides nothing and commits nothing. What a decision depends on is locked before it
is read: balance rows in the order of their numbers, and by name what has no row yet.
"""

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, Final

from psycopg import Cursor

from ledger import accounts, queries
from ledger.accounts import Account, AccountId, Constraint
from ledger.balances import ZERO, Balance
from ledger.rules import Accepted, AccountState, TransferState
from ledger.stores import rows as to
from ledger.stores.migrate import SQL
from ledger.stores.postgres.dialect import Connection
from ledger.stores.postgres.signed import SignedTx
from ledger.transfers import Booked, Journal, Pending, Row, Transfer

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "book.sql").items()}

_SQL["try_lock"] = _SQL["lock"] + " NOWAIT"

_KNOWN_MAX: Final = 65_536
"""Accounts remembered from unit to unit; all are forgotten when there are more."""


class Times:
    """When the book learns something: one time for all connections of a process, which never goes back."""

    def __init__(self, now_us: Callable[[], int], last_us: int) -> None:
        self._now_us = now_us
        self._last_us = last_us
        self._lock = Lock()

    def now_us(self) -> int:
        """Return the time of a unit that begins now."""
        with self._lock:
            self._last_us = max(self._now_us(), self._last_us)
            return self._last_us


class PostgresTx(SignedTx):
    """See `ledger.store`: Tx, SealableTx and ClosableTx. One object serves all units of a connection in turn.

    An application subclasses it with its own tables, over `connection`.
    """

    def __init__(self, connection: Connection, times: Times) -> None:
        super().__init__(connection)
        self._times = times
        self._recorded_us = 0
        self._by_id: dict[AccountId, tuple[int, Account]] = {}
        self._by_no: dict[int, Account] = {}
        self._opened: list[AccountId] = []  # by units that are not committed yet
        self._kept: dict[int, Balance] = {}  # balance rows that this unit has locked, as it left them
        self._transfers: dict[str, TransferState | None] = {}
        self._asked: tuple[str, Any] = (
            "",
            None,
        )  # the journal that was prepared, and what is booked under its id

    @property
    def recorded_us(self) -> int:
        """See `ledger.store.Tx`."""
        return self._recorded_us

    def begin(self, *, wait: bool) -> None:
        """Start a unit; unless it may *wait* it is Taken by whatever another transaction holds."""
        super().begin(wait=wait)
        self._recorded_us = self._times.now_us()
        self._kept.clear()
        self._transfers.clear()
        self._asked = "", None
        if len(self._by_id) > _KNOWN_MAX:
            self._by_id.clear()
            self._by_no.clear()

    def undo(self) -> None:
        """Forget what may not be there any more, because a unit, or its whole group, was rolled back."""
        super().undo()
        for name in self._opened:
            known = self._by_id.pop(name, None)
            if known is not None:
                self._by_no.pop(known[0], None)
        self._opened.clear()

    def committed(self) -> None:
        """Rely from now on on what the units of a group have opened."""
        self._opened.clear()

    def prepare(self, journal: Journal) -> None:
        """See `ledger.store.Tx`. Statements are prepared, and not sent as a pipeline: what a lock ends there
        psycopg takes for prepared, and planning anew costs more than the round trips.
        """
        moves = [entry for entry in journal.entries if isinstance(entry, Transfer | Pending)]
        named = {one.id: accounts.text(one.id) for move in moves for one in (move.debit, move.credit)}
        holds = [each.pending_id for each in journal.entries if not isinstance(each, Transfer | Pending)]
        self._load(journal, named, holds)
        missing = [name for one, name in named.items() if one not in self._by_id]
        if missing:
            self.alone(*missing)
            self._load(journal, named, holds)

    def _load(self, journal: Journal, named: dict[AccountId, str], holds: list[str]) -> None:
        """Lock balances, then read: what is read by a later statement is of after the lock was had."""
        wanted = [*{*holds, *(entry.id for entry in journal.entries)}]
        unknown = [name for one, name in named.items() if one not in self._by_id]
        locked = self._run(self._lock, {"accounts": [*named.values()], "holds": holds})
        found = self._run("accounts_by_id", (unknown,)) if unknown else None
        entries = self._run("transfers_by_id", (wanted,))
        self._asked = journal.id, self._run("journal_by_id", (journal.id,)).fetchone()
        for row in found or ():
            self._remember(row[0], to.account(row))
        self._kept |= {no: Balance(*counters) for no, *counters in locked}
        read = entries.fetchall()
        self._know({no for row in read for no in row[2:4]})
        self._transfers = dict.fromkeys(wanted)
        self._transfers |= {row[0]: self._state(*row) for row in read}

    @property
    def _lock(self) -> str:
        return "lock" if self.connection.wait else "try_lock"

    def journal(self, journal_id: str) -> Booked | None:
        """See `ledger.store.Tx`."""
        asked, found = self._asked
        if asked != journal_id:
            found = self._run("journal_by_id", (journal_id,)).fetchone()
        if found is None:
            return None
        seq, kind, happened_us, recorded_us, subject, note = found
        entries = self._run("rows_of_journal", (seq,)).fetchall()
        self._know({no for row in entries for no in row[2:4]})
        rows = tuple(self._row(*row) for row in entries)
        return Booked(seq, journal_id, kind, happened_us, recorded_us, subject, note, rows)

    def account(self, account_id: AccountId) -> AccountState | None:
        """See `ledger.rules.View`."""
        known = self._known(account_id)
        if known is None:
            return None
        no, account = known
        return AccountState(account, None if account.constraint is Constraint.NONE else self._counters(no))

    def transfer(self, transfer_id: str) -> TransferState | None:
        """See `ledger.rules.View`."""
        if transfer_id in self._transfers:
            return self._transfers[transfer_id]
        found = self._run("transfers_by_id", ([transfer_id],)).fetchone()
        if found is None:
            return None
        self._know(set(found[2:4]))
        return self._state(*found)

    def balance(self, account_id: AccountId) -> Balance:
        """See `ledger.store.Tx`. What bounds an account is its reader's alone from now on."""
        known = self._known(account_id)
        if known is None:
            self.alone(accounts.text(account_id))
            known = self._known(account_id)
        if known is None:
            return ZERO
        no, account = known
        if account.constraint is not Constraint.NONE:
            return self._counters(no)
        return to.balance(self._run("sums_of", (no,)))

    def append(self, journal: Journal, accepted: Accepted) -> int:
        """See `ledger.store.Tx`."""
        if accepted.opened:
            self._open(accepted.opened)
        number = self._by_id
        kept = [(number[each.id][0], to.floor(each), balance) for each, balance in accepted.changed]
        rows = accepted.rows
        found = self._run(
            "add_journal",
            (
                *(journal.id, journal.kind, journal.happened_us, self._recorded_us),
                *(journal.subject, journal.note),
                [no for no, _, _ in kept],
                [floor for _, floor, _ in kept],
                [balance.debits_posted for _, _, balance in kept],
                [balance.credits_posted for _, _, balance in kept],
                [balance.debits_pending for _, _, balance in kept],
                [balance.credits_pending for _, _, balance in kept],
                list(range(len(rows))),
                [row.id for row in rows],
                [row.kind.value for row in rows],
                [number[row.debit.id][0] for row in rows],
                [number[row.credit.id][0] for row in rows],
                [row.units for row in rows],
                [row.pending_id for row in rows],
            ),
        ).fetchone()
        assert found is not None, "an inserted journal has a number"
        self._kept |= {no: balance for no, _, balance in kept}
        self._transfers.clear()
        self._asked = "", None
        return int(found[0])

    def _open(self, opened: Sequence[Account]) -> None:
        # In the order of names, so that two who open the same accounts do not wait for each other.
        by_name = {
            accounts.text(each.id): each for each in sorted(opened, key=lambda each: accounts.text(each.id))
        }
        each = by_name.values()
        columns = (
            [*by_name],
            [one.asset.code for one in each],
            [one.asset.decimals for one in each],
            [one.kind.value for one in each],
            [one.side.value for one in each],
            [one.constraint.value for one in each],
        )
        for no, name in self._run("add_accounts", columns):
            self._remember(no, by_name[name])
            self._opened.append(by_name[name].id)

    def _counters(self, no: int) -> Balance:
        """Return the counters of a constrained account, locked."""
        if no not in self._kept:
            name = accounts.text(self._by_no[no].id)
            for kept, *counters in self._run(self._lock, {"accounts": [name], "holds": []}):
                self._kept[kept] = Balance(*counters)
        return self._kept[no]

    def _known(self, account_id: AccountId) -> tuple[int, Account] | None:
        if account_id not in self._by_id:
            for row in self._run("accounts_by_id", ([accounts.text(account_id)],)):
                self._remember(row[0], to.account(row))
        return self._by_id.get(account_id)

    def _know(self, numbers: Iterable[int]) -> None:
        """Read the accounts of *numbers* that are not known yet."""
        unknown = [no for no in numbers if no not in self._by_no]
        if unknown:
            for row in self._run("accounts_by_no", (unknown,)):
                self._remember(row[0], to.account(row))

    def _remember(self, no: int, account: Account) -> None:
        self._by_id[account.id] = (no, account)
        self._by_no[no] = account

    def _run(self, name: str, parameters: Any = ()) -> "Cursor[Any]":
        return self.connection.postgres.execute(_SQL[name], parameters)

    def _state(
        self,
        row_id: str,
        kind: str,
        debit_no: int,
        credit_no: int,
        units: int,
        pending_id: str | None,
        resolution: str | None,
    ) -> TransferState:
        row = self._row(row_id, kind, debit_no, credit_no, units, pending_id)
        return TransferState(row, None if resolution is None else to.KINDS[resolution])

    def _row(
        self, row_id: str, kind: str, debit_no: int, credit_no: int, units: int, pending_id: str | None
    ) -> Row:
        return Row(row_id, to.KINDS[kind], self._by_no[debit_no], self._by_no[credit_no], units, pending_id)
