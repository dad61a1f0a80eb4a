"""Reports: what the accounts hold and how they came to it. Reads only, over any connection to a book's file.

Amounts are whole units of the account's asset and may be larger than int64 holds.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ledger import accounts, queries
from ledger.accounts import Account, AccountClass, AccountId, Side
from ledger.balances import Balance, apply
from ledger.money import Asset
from ledger.stores import rows
from ledger.stores.migrate import SQL
from ledger.transfers import Kind

_SQL: Final = queries.load(SQL / "reports.sql")


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account, its number in the file, and its counters added up from its entries."""

    no: int
    account: Account
    balance: Balance


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One line of the trial balance: posted sums, and what they leave on the account's normal side."""

    account: str
    asset: Asset
    debits: int
    credits: int
    balance: int


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of an account's statement.

    `net` is what is posted on the normal side after it; a hold, and its return,
    leave it as it was. `other` is the account on the other side.
    """

    seq: int
    journal: str
    journal_kind: str
    subject: str
    happened_us: int
    recorded_us: int
    id: str
    kind: Kind
    side: Side
    other: str
    units: int
    net: int


def balances(connection: sqlite3.Connection) -> Iterator[AccountBalance]:
    """Yield every account in the order of its name, with its counters added up from its entries."""
    found = connection.execute(_SQL["balances"].sql)
    for head, group in groupby(found, key=lambda row: row[:7]):
        sums = [row[7:] for row in group if row[7] is not None]
        yield AccountBalance(head[0], rows.account(head), rows.balance(sums))


def trial_balance(connection: sqlite3.Connection) -> tuple[TrialRow, ...]:
    """Return every account but memorandum ones; per asset, debits and credits have the same sum."""
    return tuple(
        TrialRow(
            account=accounts.text(line.account.id),
            asset=line.account.asset,
            debits=line.balance.debits_posted,
            credits=line.balance.credits_posted,
            balance=line.balance.net(line.account.side),
        )
        for line in balances(connection)
        if line.account.kind is not AccountClass.MEMORANDUM
    )


def statement(connection: sqlite3.Connection, account_id: AccountId) -> Iterator[Line]:
    """Yield the entries of an account in the order they were booked; nothing if it was never used."""
    name = {"account": accounts.text(account_id)}
    found = connection.execute(_SQL["account"].sql, name).fetchone()
    if found is None:
        return
    account, balance = rows.account(found), Balance()
    for row in connection.execute(_SQL["statement"].sql, name):
        seq, _, journal, journal_kind, subject, happened_us, recorded_us, entry, kind, side, other, units = (
            row
        )
        if kind in {Kind.TRANSFER, Kind.POST}:
            balance = apply(balance, Side(side), Kind.TRANSFER, units)
        yield Line(
            seq=seq,
            journal=journal,
            journal_kind=journal_kind,
            subject=subject,
            happened_us=happened_us,
            recorded_us=recorded_us,
            id=entry,
            kind=Kind(kind),
            side=Side(side),
            other=other,
            units=units,
            net=balance.net(account.side),
        )
