"""A draft: journals that are decided and that the database has not been told of, with all they change.

What units of a group have booked is written together, in one round trip, before
their commit; until then it is found here. Nothing here reads.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ledger import accounts, queries
from ledger.accounts import Account, AccountId
from ledger.balances import Balance
from ledger.rules import TransferState
from ledger.stores import rows as to
from ledger.stores.migrate import SQL
from ledger.stores.postgres.direct import Direct, texts
from ledger.transfers import Booked

_SQL: Final = {name: query.sql for name, query in queries.load(SQL / "postgres" / "direct.sql").items()}


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the database lacks."""

    journals: list[Booked]
    transfers: list[tuple[Any, ...]]
    accounts: list[tuple[int, Account]]
    balances: dict[int, tuple[str, Balance]]

    def take(self, other: "_Rows") -> None:
        self.journals.extend(other.journals)
        self.transfers.extend(other.transfers)
        self.accounts.extend(other.accounts)
        self.balances.update(other.balances)


class Draft:
    """What was booked, to be found by id or number; and as rows, until they are written."""

    def __init__(self) -> None:
        self.journals: dict[str, Booked] = {}
        self.entries: dict[str, TransferState] = {}  # those booked, and the holds they resolved
        self.kept: dict[int, Balance] = {}  # of constrained accounts, by their numbers
        self.opened: dict[AccountId, int] = {}
        self._rows = _Rows([], [], [], {})

    @property
    def unwritten(self) -> bool:
        """Whether the database lacks something of it."""
        return bool(self._rows.journals)

    def open(self, no: int, account: Account) -> None:
        """Open an account under a number that nobody else gets."""
        self.opened[account.id] = no
        self._rows.accounts.append((no, account))

    def keep(self, no: int, account: Account, balance: Balance) -> None:
        """Leave a constrained account at *balance*."""
        self.kept[no] = balance
        self._rows.balances[no] = to.floor(account), balance

    def book(self, booked: Booked, sides: Iterable[tuple[int, int]]) -> None:
        """Book a journal; *sides* are the numbers of its entries' accounts, debit and credit."""
        self.journals[booked.id] = booked
        self._rows.journals.append(booked)
        for position, (row, (debit_no, credit_no)) in enumerate(zip(booked.rows, sides, strict=True)):
            self._rows.transfers.append(
                (booked.seq, position, row.id, row.kind, debit_no, credit_no, row.units, row.pending_id)
            )

    def take(self, other: "Draft") -> None:
        """Add what *other*, which came after, has."""
        self.journals |= other.journals
        self.entries |= other.entries
        self.kept |= other.kept
        self.opened |= other.opened
        self._rows.take(other._rows)  # noqa: SLF001 its own kind

    def write(self, direct: Direct) -> None:
        """Leave to be sent what the database lacks."""
        rows, self._rows = self._rows, _Rows([], [], [], {})
        named = [account for _, account in rows.accounts]
        kept = [(no, floor, balance) for no, (floor, balance) in rows.balances.items()]
        if named:
            _write(
                direct,
                "open",
                numbers_text(no for no, _ in rows.accounts),
                texts_text(accounts.text(one.id) for one in named),
                texts_text(one.asset.code for one in named),
                numbers_text(one.asset.decimals for one in named),
                texts_text(one.kind for one in named),
                texts_text(one.side for one in named),
                texts_text(one.constraint for one in named),
            )
        if rows.journals:
            _write(
                direct,
                "book",
                numbers_text(one.seq for one in rows.journals),
                texts_text(one.id for one in rows.journals),
                texts_text(one.kind for one in rows.journals),
                numbers_text(one.happened_us for one in rows.journals),
                numbers_text(one.recorded_us for one in rows.journals),
                texts_text(one.subject for one in rows.journals),
                texts_text(one.note for one in rows.journals),
            )
        if kept:
            _write(
                direct,
                "keep",
                numbers_text(no for no, _, _ in kept),
                texts_text(floor for _, floor, _ in kept),
                numbers_text(balance.debits_posted for _, _, balance in kept),
                numbers_text(balance.credits_posted for _, _, balance in kept),
                numbers_text(balance.debits_pending for _, _, balance in kept),
                numbers_text(balance.credits_pending for _, _, balance in kept),
            )
        if rows.transfers:
            columns = zip(*rows.transfers, strict=True)
            _write(direct, "enter", *map(_column, columns))


def _write(direct: Direct, name: str, *columns: str) -> None:
    direct.later(_SQL[name], texts(columns))


def _column(values: tuple[Any, ...]) -> str:
    return numbers_text(values) if isinstance(values[0], int) else texts_text(values)


# An array as the text that PostgreSQL reads: the driver would look at each value for a type,
# and prepare a statement anew for each size of number.


def numbers_text(values: Iterable[int]) -> str:
    """Return an array of numbers."""
    return f"{{{','.join(map(str, values))}}}"


def texts_text(values: Iterable[str | None]) -> str:
    """Return an array of texts."""
    return f"{{{','.join(map(_quoted, values))}}}"


def bytes_text(values: Iterable[bytes]) -> str:
    """Return an array of bytes."""
    return texts_text("\\x" + value.hex() for value in values)


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
