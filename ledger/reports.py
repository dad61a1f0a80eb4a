"""Reports: what the accounts hold and how they came to it. Reads only, over any connection to a book.

Amounts are whole units of the account's asset and may be larger than int64 holds.
Each is of two times: when things happened, and when the book learned of them. A
report as of both is the same whenever it is made. Where a fold says what accounts
came to up to some number (`ledger.folding`), only what came after it is added up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Final

from ledger import accounts, folding, queries, sealed
from ledger.accounts import Account, AccountClass, AccountId, Side
from ledger.balances import Balance
from ledger.closing import Trial
from ledger.money import INT64_MAX, Amount, Asset, text
from ledger.periods import Standing
from ledger.queries import Reads
from ledger.stores import rows
from ledger.stores.migrate import SQL
from ledger.transfers import Kind

_SQL: Final = queries.load(SQL / "reports.sql")


@dataclass(frozen=True, slots=True)
class AsOf:
    """What had happened by `happened_us` and was booked by `recorded_us`, both included, microseconds."""

    happened_us: int = INT64_MAX
    recorded_us: int = INT64_MAX


NOW: Final = AsOf()
"""Everything that is booked."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an account's statement: after an entry, which left `net`."""

    seq: int = 0
    position: int = 0
    net: int = 0


START: Final = Place()
"""Before the first entry."""


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
    position: int
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


def balances(connection: Reads, as_of: AsOf = NOW) -> Iterator[AccountBalance]:
    """Yield accounts in the order of their names, with what they came to.

    Every account, or of an earlier time those that had been used by then.
    """
    fold = folding.usable(connection, **asdict(as_of))
    if fold == folding.START:
        yield from recomputed(connection, as_of)
        return
    if as_of == NOW:
        found = folding.now(connection, fold)
    else:
        found = folding.as_of(connection, fold, **asdict(as_of))
    for row in connection.execute(_SQL["accounts"].sql):
        if row[0] in found:
            yield AccountBalance(row[0], rows.account(row), found[row[0]])


def recomputed(connection: Reads, as_of: AsOf = NOW) -> Iterator[AccountBalance]:
    """Yield the same from the entries alone: what checks and signatures rest on."""
    if as_of == NOW:
        found = connection.execute(_SQL["balances"].sql)
    else:
        found = connection.execute(_SQL["balances_as_of"].sql, asdict(as_of))
    for head, group in groupby(found, key=lambda row: row[:7]):
        sums = [row[7:] for row in group if row[7] is not None]
        yield AccountBalance(head[0], rows.account(head), rows.balance(sums))


def trial_balance(connection: Reads, as_of: AsOf = NOW) -> tuple[TrialRow, ...]:
    """Return the accounts but memorandum ones; per asset, debits and credits have the same sum."""
    return tuple(_trial_rows(balances(connection, as_of)))


def _trial_rows(lines: Iterable[AccountBalance]) -> Iterator[TrialRow]:
    for line in lines:
        if line.account.kind is not AccountClass.MEMORANDUM:
            yield TrialRow(
                account=accounts.text(line.account.id),
                asset=line.account.asset,
                debits=line.balance.debits_posted,
                credits=line.balance.credits_posted,
                balance=line.balance.net(line.account.side),
            )


def trial(connection: Reads, through_us: int) -> Trial:
    """Return what a period that ends at *through_us* is closed with; read in one snapshot of the caller's.

    It is signed, and so added up from the entries alone.
    """
    standings = [
        Standing(
            row.account,
            row.asset.code,
            text(Amount(row.debits, row.asset)),
            text(Amount(row.credits, row.asset)),
        )
        for row in _trial_rows(recomputed(connection, AsOf(happened_us=through_us)))
    ]
    return Trial(sealed.head(connection).seq, tuple(standings))


def account(connection: Reads, account_id: AccountId) -> tuple[int, Account] | None:
    """Return an account and its number in the file; None if it was never used."""
    found = connection.execute(_SQL["account"].sql, {"account": accounts.text(account_id)}).fetchone()
    return None if found is None else (found[0], rows.account(found))


def statement(
    connection: Reads,
    account_id: AccountId,
    after: Place = START,
    limit: int = INT64_MAX,
    as_of: AsOf = NOW,
) -> Iterator[Line]:
    """Yield entries of an account in the order they were booked; nothing if it was never used.

    At most *limit* of them, those *after* a place; its `net` is taken at its word. Read are
    the stretches of journals that folds name for the account, and what is not folded yet.
    """
    used = account(connection, account_id)
    if used is None:
        return
    no, of = used
    net, left = after.net, limit
    for first, last in folding.stretches(connection, no, after.seq):
        asked = {"no": no, "first": first, "last": last, "limit": left}
        place = {"seq": after.seq, "position": after.position}
        for row in connection.execute(_SQL["statement"].sql, asked | place | asdict(as_of)):
            line = _line(of, net, row)
            net, left = line.net, left - 1
            yield line
        if left <= 0:
            return


def _line(of: Account, net: int, row: Any) -> Line:
    """Read an entry of *of*, which had *net* before it."""
    (
        seq,
        position,
        journal,
        journal_kind,
        subject,
        happened_us,
        recorded_us,
        entry,
        kind,
        side,
        other,
        units,
    ) = row
    if kind in {Kind.TRANSFER, Kind.POST}:
        net += units if side == of.side else -units
    return Line(
        seq=seq,
        position=position,
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
        net=net,
    )
