"""Ledger rules: may this journal be booked? Knows no clock, no store, no HTTP.

A decision sees the effect of earlier entries of the same journal. The first
entry that may not happen refuses the whole journal, and of the reasons that
hold for that entry the one that stands first in `Status` is answered.
"""

from collections.abc import Collection
from typing import Final, Protocol

from ledger import accounts, balances
from ledger.accounts import Account, AccountId, Constraint, Side
from ledger.balances import ZERO, Balance
from ledger.money import INT64_MAX, Amount
from ledger.statuses import Status
from ledger.transfers import Booked, Entry, Expire, Journal, Kind, Pending, Post, Row, Transfer, Void
from ledger.values import value

JOURNAL: Final = -1
"""The entry index of a refusal that is about the journal itself."""


OPEN: Final = -(2**63)
"""No period is closed: a time before all that can be booked."""


@value
class AccountState:
    """An account as the book knows it. `balance` is None unless the account is constrained."""

    account: Account
    balance: Balance | None


@value
class TransferState:
    """A booked entry, and how it was resolved if it is a hold that was."""

    row: Row
    resolution: Kind | None


class View(Protocol):
    """What a decision may look at."""

    @property
    def closed_through_us(self) -> int:
        """Return up to when periods are closed, that time included; OPEN if none is."""
        ...

    @property
    def closed_accounts(self) -> Collection[AccountId]:
        """Return the accounts on which nothing new is booked."""
        ...

    def account(self, account_id: AccountId) -> AccountState | None:
        """Return the account, or None if no journal has used it yet."""
        ...

    def transfer(self, transfer_id: str) -> TransferState | None:
        """Return the entry with this id and its resolution, or None."""
        ...


@value
class Accepted:
    """What booking the journal writes: its rows, the accounts it opens, the balances it leaves."""

    rows: tuple[Row, ...]
    opened: tuple[Account, ...]
    changed: tuple[tuple[Account, Balance], ...]


@value
class Rejected:
    """Why nothing was booked. `entry` counts from 0; JOURNAL (-1) is the journal itself."""

    status: Status
    entry: int = JOURNAL
    field: str | None = None


_Refusal = tuple[Status, str | None]

_KIND: Final[dict[type[Entry], Kind]] = {
    Transfer: Kind.TRANSFER,
    Pending: Kind.PENDING,
    Post: Kind.POST,
    Void: Kind.VOID,
    Expire: Kind.EXPIRE,
}

_MOVES: Final = (Transfer, Pending)
_NONE: Final = Constraint.NONE
_NO_NEGATIVE: Final = Constraint.NO_NEGATIVE
_LIMIT: Final = Constraint.LIMIT
_PENDING: Final = Kind.PENDING
_DEBIT: Final = Side.DEBIT
_CREDIT: Final = Side.CREDIT

_RESOLVED: Final = {
    Kind.POST: Status.PENDING_ALREADY_POSTED,
    Kind.VOID: Status.PENDING_ALREADY_VOIDED,
    Kind.EXPIRE: Status.PENDING_ALREADY_EXPIRED,
}


def decide(view: View, journal: Journal) -> Accepted | Rejected:
    """Decide over a journal whose id is new. Writes nothing."""
    if journal.happened_us <= view.closed_through_us:
        return Rejected(Status.PERIOD_CLOSED, JOURNAL, "happened_us")
    draft = _Draft(view)
    for index, entry in enumerate(journal.entries):
        refusal = draft.take(entry)
        if refusal is not None:
            return Rejected(refusal[0], index, refusal[1])
    return draft.accepted()


def difference(booked: Booked, journal: Journal) -> Rejected | None:
    """Name the first field in which *journal* is not what is booked under its id; None if it is the same.

    The limit of an account is a setting of one use, not content.
    """
    for name in ("kind", "happened_us", "subject", "note"):
        if getattr(booked, name) != getattr(journal, name):
            return Rejected(Status(f"exists_with_different_{name}"), JOURNAL, name)
    if len(booked.rows) != len(journal.entries):
        return Rejected(Status.EXISTS_WITH_DIFFERENT_ENTRIES, JOURNAL, "entries")
    for index, (row, entry) in enumerate(zip(booked.rows, journal.entries, strict=True)):
        field = _entry_difference(row, entry)
        if field is not None:
            prefix = "exists_with_different_entry_" if field in {"id", "kind"} else "exists_with_different_"
            return Rejected(Status(prefix + field), index, field)
    return None


def _entry_difference(row: Row, entry: Entry) -> str | None:
    if row.id != entry.id:
        return "id"
    if row.kind is not _KIND[type(entry)]:
        return "kind"
    if isinstance(entry, Transfer | Pending):
        if accounts.difference(row.debit, entry.debit) is not None:
            return "debit"
        if accounts.difference(row.credit, entry.credit) is not None:
            return "credit"
    if isinstance(entry, Transfer | Pending | Post) and entry.amount != Amount(row.units, row.debit.asset):
        return "amount"
    if isinstance(entry, Post | Void | Expire) and row.pending_id != entry.pending_id:
        return "pending_id"
    return None


class _Place:
    """An account in the draft: as it was first used, and the balance it has by now if it is constrained."""

    __slots__ = ("account", "balance")

    def __init__(self, account: Account, balance: Balance | None) -> None:
        self.account = account
        self.balance = balance


class _Draft:
    """The book as it would stand after the entries taken so far."""

    __slots__ = ("_changed", "_opened", "_places", "_resolutions", "_rows", "_view")

    def __init__(self, view: View) -> None:
        self._view = view
        self._rows: dict[str, Row] = {}
        self._resolutions: dict[str, Kind] = {}
        self._places: dict[AccountId, _Place] = {}
        self._changed: dict[AccountId, _Place] = {}
        self._opened: list[Account] = []

    def accepted(self) -> Accepted:
        changed = [(at.account, at.balance) for at in self._changed.values() if at.balance is not None]
        return Accepted(tuple(self._rows.values()), tuple(self._opened), tuple(changed))

    def take(self, entry: Entry) -> _Refusal | None:
        """Add *entry*, or say why not; after a refusal the draft is of no further use."""
        if entry.id in self._rows or self._view.transfer(entry.id) is not None:
            return Status.ENTRY_ID_TAKEN, "id"
        if isinstance(entry, _MOVES):
            return self._move(entry)
        return self._resolve(entry)

    def _move(self, entry: Transfer | Pending) -> _Refusal | None:
        debit, credit, units, asset = entry.debit, entry.credit, entry.amount.units, entry.amount.asset
        if units <= 0:
            return Status.AMOUNT_NOT_POSITIVE, "amount"
        if debit.asset is not credit.asset and debit.asset != credit.asset:
            return Status.ASSETS_DIFFER, "credit"
        if asset is not debit.asset and asset != debit.asset:
            return Status.ASSETS_DIFFER, "amount"
        if debit.id == credit.id:
            return Status.ACCOUNTS_SAME, "credit"
        paying, receiving = self._place(debit), self._place(credit)
        if paying.account is not debit:
            field = accounts.difference(paying.account, debit)
            if field is not None:
                return Status.ACCOUNT_DIFFERS, f"debit.{field}"
        if receiving.account is not credit:
            field = accounts.difference(receiving.account, credit)
            if field is not None:
                return Status.ACCOUNT_DIFFERS, f"credit.{field}"
        closed = self._view.closed_accounts
        if closed and (debit.id in closed or credit.id in closed):
            return Status.ACCOUNT_CLOSED, "debit" if debit.id in closed else "credit"
        row = Row(entry.id, _KIND[type(entry)], debit, credit, units, None)
        return self._apply(row, paying, receiving, held=0)

    def _resolve(self, entry: Post | Void | Expire) -> _Refusal | None:
        if isinstance(entry, Post) and entry.amount.units <= 0:
            return Status.AMOUNT_NOT_POSITIVE, "amount"
        found = self._find(entry.pending_id)
        if found is None:
            return Status.PENDING_NOT_FOUND, "pending_id"
        hold = found.row
        if isinstance(entry, Post) and entry.amount.asset != hold.debit.asset:
            return Status.ASSETS_DIFFER, "amount"
        if hold.kind is not _PENDING:
            return Status.PENDING_NOT_PENDING, "pending_id"
        if found.resolution is not None:
            return _RESOLVED[found.resolution], "pending_id"
        units = entry.amount.units if isinstance(entry, Post) else hold.units
        if units > hold.units:
            return Status.EXCEEDS_PENDING, "amount"
        kind = _KIND[type(entry)]
        self._resolutions[hold.id] = kind
        row = Row(entry.id, kind, hold.debit, hold.credit, units, hold.id)
        return self._apply(row, self._place(hold.debit), self._place(hold.credit), held=hold.units)

    def _apply(self, row: Row, paying: _Place, receiving: _Place, held: int) -> _Refusal | None:
        """Add the row, and refuse it if a balance it leaves breaks a bound."""
        self._rows[row.id] = row
        debit = credit = None
        if paying.balance is not None:
            debit = paying.balance = balances.apply(paying.balance, _DEBIT, row.kind, row.units, held)
            self._changed[row.debit.id] = paying
        if receiving.balance is not None:
            credit = receiving.balance = balances.apply(receiving.balance, _CREDIT, row.kind, row.units, held)
            self._changed[row.credit.id] = receiving
        if debit is not None and _is_negative(row.debit, debit):
            return Status.EXCEEDS_CREDITS, "debit"
        if credit is not None and _is_negative(row.credit, credit):
            return Status.EXCEEDS_DEBITS, "credit"
        # Only what increases an account is held against its limit: a limit may have been lowered since.
        if row.pending_id is None:
            if debit is not None and _is_beyond(row.debit, _DEBIT, debit):
                return Status.EXCEEDS_LIMIT, "debit"
            if credit is not None and _is_beyond(row.credit, _CREDIT, credit):
                return Status.EXCEEDS_LIMIT, "credit"
        if row.units > INT64_MAX:
            return Status.OVERFLOW, "amount"
        if debit is not None and debit.largest() > INT64_MAX:
            return Status.OVERFLOW, "debit"
        if credit is not None and credit.largest() > INT64_MAX:
            return Status.OVERFLOW, "credit"
        return None

    def _find(self, pending_id: str) -> TransferState | None:
        row = self._rows.get(pending_id)
        if row is not None:
            return TransferState(row, self._resolutions.get(pending_id))
        found = self._view.transfer(pending_id)
        if found is None or found.resolution is not None:
            return found
        return TransferState(found.row, self._resolutions.get(pending_id))

    def _place(self, account: Account) -> _Place:
        """Return the account as first used, which may be now, with its balance if it is constrained."""
        known = self._places.get(account.id)
        if known is None:
            state = self._view.account(account.id)
            if state is None:
                known = _Place(account, None if account.constraint is _NONE else ZERO)
                self._opened.append(account)
            else:
                known = _Place(state.account, state.balance)
            self._places[account.id] = known
        return known


def _is_negative(account: Account, balance: Balance) -> bool:
    return account.constraint is _NO_NEGATIVE and balance.available(account.side) < 0


def _is_beyond(account: Account, side: Side, balance: Balance) -> bool:
    if account.constraint is not _LIMIT or account.side is not side or account.limit is None:
        return False
    return balance.exposure(side) > account.limit
