"""One unit's view of a book in PostgreSQL: the ledger's Tx over a connection that others write beside.

Decides nothing and commits nothing. What a decision depends on is locked before it
is made: balance rows in the order of their numbers, and by name what has no row yet.
What is booked is a draft until the group of units ends.
"""

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any, Final

from psycopg import Cursor

from ledger import accounts, queries
from ledger.accounts import AccountId, Constraint
from ledger.balances import ZERO, Balance
from ledger.rules import Accepted, AccountState, TransferState
from ledger.stores import rows as to
from ledger.stores.migrate import SQL
from ledger.stores.postgres import prepared
from ledger.stores.postgres.direct import Later, rows_of, texts
from ledger.stores.postgres.directory import Directory, Known
from ledger.stores.postgres.draft import Draft, numbers_text, texts_text
from ledger.stores.postgres.signed import SignedTx, Taken
from ledger.stores.postgres.statements import Statements
from ledger.transfers import Booked, Journal, Pending, Row, Transfer

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "book.sql").items()}
_DIRECT: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "direct.sql").items()}
_NO_WAIT: Final = {
    name: sql.replace("FOR NO KEY UPDATE", "FOR NO KEY UPDATE SKIP LOCKED") for name, sql in _DIRECT.items()
}
"""The same without waiting: a row that is missed is another transaction's."""


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

    An application subclasses it with its own tables, over `connection`. Its statements
    see the ledger's tables as they were before the group: what the group has booked is
    to be asked of the Tx.
    """

    def __init__(self, connection: Statements, times: Times, known: Known) -> None:
        super().__init__(connection)
        self._times = times
        self._recorded_us = 0
        self._directory = Directory(self.direct, known)
        self._locked: dict[int, Balance] = {}  # balance rows that the group has locked, as they were then
        self._locked_here: list[int] = []  # those that this unit did
        self._group = Draft()
        self._unit = Draft()
        self._prepared: dict[str, TransferState | None] = {}  # entries that this unit has read
        self._asked: tuple[str, int, Any] = (
            "",
            0,
            None,
        )  # the journal that was prepared, its number, its row

    @property
    def recorded_us(self) -> int:
        """See `ledger.store.Tx`."""
        return self._recorded_us

    def begin_group(self) -> None:
        """Start a group of units."""
        super().begin_group()
        self._directory.begin_group()

    def begin(self, *, wait: bool) -> None:
        """Start a unit; unless it may *wait* it is Taken by whatever another transaction holds."""
        super().begin(wait=wait)
        self._recorded_us = self._times.now_us()
        self._unit = Draft()
        self._locked_here.clear()
        self._prepared.clear()
        self._asked = "", 0, None

    def keep(self) -> None:
        """End a unit: what it has booked is the group's."""
        self._group.take(self._unit)
        self._unit = Draft()

    def undo(self) -> None:
        """Forget what may not be there any more, because the unit was rolled back."""
        super().undo()
        self._directory.forget(self._unit.opened)
        for no in self._locked_here:
            self._locked.pop(no, None)
        self._unit = Draft()

    def write(self) -> None:
        """Write what the units of the group have booked, and what they have left to be sent."""
        self._group.write(self.direct)
        self.direct.flush()

    def end_group(self, *, committed: bool) -> None:
        """Forget the group: what it has locked is free, and what it has booked is there, or not."""
        self.direct.clear()
        if not committed:
            self.undo()
        self._directory.end_group(committed=committed)
        self._group = Draft()
        self._locked.clear()

    def prepare(self, journal: Journal) -> None:
        """See `ledger.store.Tx`. One round trip locks, reads and draws a number, where accounts are known.

        Rows that are not balances never change: what another books meanwhile is missed
        at worst, and then its id is found taken when this is written.
        """
        moves = [entry for entry in journal.entries if isinstance(entry, Transfer | Pending)]
        named = {one.id: accounts.text(one.id) for move in moves for one in (move.debit, move.credit)}
        missing = self._directory.missing(named)
        if missing:
            self.alone(*missing)
            self._directory.missing(named)
        holds = {each.pending_id for each in journal.entries if not isinstance(each, Transfer | Pending)}
        self._load(journal, named, [each for each in holds if self._drafted(each) is None])

    def _load(self, journal: Journal, named: Iterable[AccountId], holds: list[str]) -> None:
        known = filter(None, map(self._directory.known, named))
        wanted = [no for no, one in known if one.constraint is not Constraint.NONE and not self._has(no)]
        entries = [*holds, *(entry.id for entry in journal.entries)]
        locked = self._lock(wanted, holds)
        direct = self.direct
        booked = direct.later(_DIRECT["entries"], texts([texts_text(entries)]))
        number = direct.later(_DIRECT["number"], texts([journal.id]))
        found = [prepared.entry(row) for row in rows_of(booked.answer)]
        self._asked = journal.id, *prepared.number(*rows_of(number.answer))
        for row in rows_of(locked.answer) if locked else ():
            self._lock_row(*prepared.balance(row))
        self._directory.meet({no for row in found for no in row[2:4]})
        self._prepared = dict.fromkeys(entries)
        self._prepared |= {row[0]: self._state(*row) for row in found}
        held = [no for row in found if row[0] in holds for no in row[2:4]]
        for no in (*wanted, *held):
            if self._directory.account(no).constraint is not Constraint.NONE and not self._has(no):
                raise Taken(accounts.text(self._directory.account(no).id))

    def unsure(self, journal: Journal) -> bool:  # noqa: ARG002 whatever the journal is
        """See `ledger.store.Tx`; ids are always looked for."""
        return False

    def journal(self, journal_id: str) -> Booked | None:
        """See `ledger.store.Tx`."""
        drafted = self._unit.journals.get(journal_id) or self._group.journals.get(journal_id)
        if drafted is not None:
            return drafted
        asked, _, found = self._asked
        if asked != journal_id:
            found = self._run("journal_by_id", (journal_id,)).fetchone()
        if found is None:
            return None
        seq, kind, happened_us, recorded_us, subject, note = found
        entries = self._run("rows_of_journal", (seq,)).fetchall()
        self._directory.meet({no for row in entries for no in row[2:4]})
        rows = tuple(self._row(*row) for row in entries)
        return Booked(seq, journal_id, kind, happened_us, recorded_us, subject, note, rows)

    def account(self, account_id: AccountId) -> AccountState | None:
        """See `ledger.rules.View`."""
        known = self._directory.find(account_id)
        if known is None:
            return None
        no, account = known
        return AccountState(account, None if account.constraint is Constraint.NONE else self._counters(no))

    def transfer(self, transfer_id: str) -> TransferState | None:
        """See `ledger.rules.View`."""
        drafted = self._drafted(transfer_id)
        if drafted is not None:
            return drafted
        if transfer_id in self._prepared:
            return self._prepared[transfer_id]
        found = self._run("transfers_by_id", ([transfer_id],)).fetchone()
        if found is None:
            return None
        self._directory.meet(set(found[2:4]))
        return self._state(*found)

    def balance(self, account_id: AccountId) -> Balance:
        """See `ledger.store.Tx`. What bounds an account is its reader's alone from now on."""
        known = self._directory.known(account_id)
        if known is None:
            self.alone(accounts.text(account_id))
            known = self._directory.find(account_id)
        if known is None:
            return ZERO
        no, account = known
        if account.constraint is not Constraint.NONE:
            return self._counters(no)
        self._write_out()
        return to.balance(self._run("sums_of", {"no": no}))

    def append(self, journal: Journal, accepted: Accepted) -> int:
        """See `ledger.store.Tx`."""
        if accepted.opened:
            for account, no in zip(accepted.opened, self._directory.draw(len(accepted.opened)), strict=True):
                self._unit.open(no, account)
                self._directory.add(no, account)
        _, seq, _ = self._asked
        number = self._directory.number
        for account, balance in accepted.changed:
            self._unit.keep(number(account), account, balance)
        for row in accepted.rows:
            self._unit.entries[row.id] = TransferState(row, None)
            if row.pending_id is not None:
                hold = self.transfer(row.pending_id)
                assert hold is not None, "the decision over this row has found its hold"
                self._unit.entries[row.pending_id] = TransferState(hold.row, row.kind)
        sides = [(number(row.debit), number(row.credit)) for row in accepted.rows]
        booked = Booked.of(journal, seq=seq, recorded_us=self._recorded_us, rows=accepted.rows)
        self._unit.book(booked, sides)
        return seq

    def _write_out(self) -> None:
        """Write what was booked, for a statement that adds it up; with its savepoint a unit is too late."""
        if self._group.unwritten:
            if self.is_saving:
                raise Taken("what its group has booked")
            self.write()
        self.save()
        self._unit.write(self.direct)

    def _drafted(self, transfer_id: str) -> TransferState | None:
        return self._unit.entries.get(transfer_id) or self._group.entries.get(transfer_id)

    def _has(self, no: int) -> bool:
        return no in self._locked or no in self._unit.kept or no in self._group.kept

    def _counters(self, no: int) -> Balance:
        """Return the counters of a constrained account, locked."""
        if not self._has(no):
            locked = self._lock([no], ())
            for row in rows_of(locked.answer) if locked else ():
                self._lock_row(*prepared.balance(row))
            if not self._has(no):
                raise Taken(accounts.text(self._directory.account(no).id))
        return self._unit.kept.get(no) or self._group.kept.get(no) or self._locked[no]

    def _lock(self, wanted: Sequence[int], holds: Sequence[str]) -> Later | None:
        """Lock the counters of accounts, and of those of holds, before what is asked next."""
        statements = _DIRECT if self.connection.wait else _NO_WAIT
        if holds:
            return self.direct.later(
                statements["lock_held"], texts([numbers_text(wanted), texts_text(holds)])
            )
        return self.direct.later(statements["lock"], texts([numbers_text(wanted)])) if wanted else None

    def _lock_row(self, no: int, balance: Balance) -> None:
        self._locked[no] = balance
        self._locked_here.append(no)

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
        account = self._directory.account
        return Row(row_id, to.KINDS[kind], account(debit_no), account(credit_no), units, pending_id)
