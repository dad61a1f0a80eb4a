"""A book in memory: for tests, and as the plainest reading of the contract. Nothing survives the process.

Runs the same rules, seals the same chain, and undoes a unit as a database does.
"""

from collections import ChainMap
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, TypeVar, cast

from ledger import chain
from ledger.accounts import Account, AccountId, Closure, Constraint, Side
from ledger.balances import ZERO, Balance, apply
from ledger.chain import GENESIS, Head
from ledger.periods import Period
from ledger.rules import OPEN, Accepted, AccountState, TransferState
from ledger.signing import Signed
from ledger.store import Rollback, StorageDead
from ledger.transfers import Booked, Journal, Kind, Row

R = TypeVar("R")


class MemoryTx:
    """The ledger's transaction over dictionaries; what a unit writes lies above what is committed."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._recorded_us = 0
        self._head = self._committed = GENESIS
        self._accounts: ChainMap[AccountId, Account] = ChainMap({}, {})
        self._balances: ChainMap[AccountId, Balance] = ChainMap({}, {})
        self._journals: ChainMap[str, Booked] = ChainMap({}, {})
        self._rows: ChainMap[str, Row] = ChainMap({}, {})
        self._resolutions: ChainMap[str, Kind] = ChainMap({}, {})
        self._hashes: ChainMap[int, bytes] = ChainMap({}, {})
        self._checkpoints: ChainMap[int, Signed] = ChainMap({}, {})
        self._periods: ChainMap[int, Signed] = ChainMap({}, {})  # by the time they are closed through
        self._closures: ChainMap[AccountId, Closure] = ChainMap({}, {})
        booked = (self._accounts, self._balances, self._journals, self._rows, self._resolutions)
        signed = (self._hashes, self._checkpoints, self._periods, self._closures)
        self._tables: tuple[ChainMap[Any, Any], ...] = (*booked, *signed)

    @property
    def recorded_us(self) -> int:
        """See `ledger.store.Tx`."""
        return self._recorded_us

    @property
    def closed_through_us(self) -> int:
        """See `ledger.rules.View`."""
        return max(self._periods, default=OPEN)

    @property
    def closed_accounts(self) -> Collection[AccountId]:
        """See `ledger.rules.View`."""
        return self._closures.keys()

    @property
    def head(self) -> Head:
        """Return the end of the hash chain."""
        return self._head

    def prepare(self, journal: Journal) -> None:
        """See `ledger.store.Tx`; units run one after the other."""

    def unsure(self, journal: Journal) -> bool:  # noqa: ARG002 whatever the journal is
        """See `ledger.store.Tx`; ids are always looked for."""
        return False

    def journal(self, journal_id: str) -> Booked | None:
        """See `ledger.store.Tx`."""
        return self._journals.get(journal_id)

    def account(self, account_id: AccountId) -> AccountState | None:
        """See `ledger.rules.View`."""
        account = self._accounts.get(account_id)
        return None if account is None else AccountState(account, self._balances.get(account_id))

    def transfer(self, transfer_id: str) -> TransferState | None:
        """See `ledger.rules.View`."""
        row = self._rows.get(transfer_id)
        return None if row is None else TransferState(row, self._resolutions.get(transfer_id))

    def balance(self, account_id: AccountId) -> Balance:
        """See `ledger.store.Tx`."""
        kept = self._balances.get(account_id)
        return self.recomputed(account_id) if kept is None else kept

    def recomputed(self, account_id: AccountId) -> Balance:
        """Return the counters of an account by adding up its entries."""
        balance = ZERO
        for row in self._rows.values():
            held = 0 if row.pending_id is None else self._rows[row.pending_id].units
            if row.debit.id == account_id:
                balance = apply(balance, Side.DEBIT, row.kind, row.units, held)
            if row.credit.id == account_id:
                balance = apply(balance, Side.CREDIT, row.kind, row.units, held)
        return balance

    def append(self, journal: Journal, accepted: Accepted) -> int:
        """See `ledger.store.Tx`."""
        booked = Booked.of(journal, seq=self._head.seq + 1, recorded_us=self._recorded_us, rows=accepted.rows)
        self._head = chain.extend(self._head, booked, accepted.opened)
        self._journals[booked.id] = booked
        self._hashes[booked.seq] = self._head.hash
        for account in accepted.opened:
            self._accounts[account.id] = replace(account, limit=None)
        for account, balance in accepted.changed:
            assert account.constraint is not Constraint.NONE, "an append-only account has no balance row"
            self._balances[account.id] = balance
        for row in accepted.rows:
            self._rows[row.id] = row
            if row.pending_id is not None:
                self._resolutions[row.pending_id] = row.kind
        return booked.seq

    def last_checkpoint(self) -> Signed | None:
        """See `ledger.store.SealableTx`."""
        return self._checkpoints[max(self._checkpoints)] if self._checkpoints else None

    def hashes(self, *, first: int, count: int) -> list[bytes]:
        """See `ledger.store.SealableTx`."""
        return [self._hashes[seq] for seq in range(first, first + count)]

    def add_checkpoint(self, seq: int, signed: Signed) -> None:
        """See `ledger.store.SealableTx`."""
        self._checkpoints[seq] = signed

    def last_period(self) -> Signed | None:
        """See `ledger.store.ClosableTx`."""
        return self._periods[max(self._periods)] if self._periods else None

    def happened_since(self, *, seq: int, through_us: int) -> bool:
        """See `ledger.store.ClosableTx`."""
        journals = self._journals.values()
        return any(each.seq > seq and each.happened_us <= through_us for each in journals)

    def add_period(self, period: Period, signed: Signed) -> None:
        """See `ledger.store.ClosableTx`."""
        self._periods[period.through_us] = signed

    def closure(self, account_id: AccountId) -> Closure | None:
        """See `ledger.store.ClosableTx`."""
        return self._closures.get(account_id)

    def add_closure(self, closure: Closure) -> None:
        """See `ledger.store.ClosableTx`."""
        self._closures[closure.account] = closure

    def begin(self) -> None:
        """Start a unit: what it records has one time, never below the time of the unit before."""
        self._recorded_us = max(self._now_us(), self._recorded_us)

    def commit(self) -> None:
        """Keep what the unit wrote."""
        self._committed = self._head
        for table in self._tables:
            written, kept = table.maps
            kept.update(written)
            written.clear()

    def undo(self) -> None:
        """Forget what the unit wrote."""
        self._head = self._committed
        for table in self._tables:
            table.maps[0].clear()


class MemoryStore:
    """See `ledger.store.Store`. Each unit runs at once, in the caller's task."""

    def __init__(self, *, now_us: Callable[[], int]) -> None:
        self._tx = MemoryTx(now_us)
        self._closed = False

    async def run(self, unit: Callable[[MemoryTx], R]) -> R:
        """See `ledger.store.Store`; there is no medium to be full or to die."""
        if self._closed:
            raise StorageDead("the store is closed")
        self._tx.begin()
        try:
            value = unit(self._tx)
        except Rollback as rollback:
            self._tx.undo()
            return cast("R", rollback.value)
        except BaseException:
            self._tx.undo()
            raise
        self._tx.commit()
        return value

    async def close(self) -> None:
        """See `ledger.store.Store`."""
        self._closed = True
