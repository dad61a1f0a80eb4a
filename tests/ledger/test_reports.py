"""Reports add up what was booked, exactly and by account."""

import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from ledger import book, reports
from ledger.accounts import Account, AccountClass, Side
from ledger.balances import Balance
from ledger.book import Created
from ledger.money import INT64_MAX, USD
from ledger.reports import TrialRow
from ledger.stores.sqlite import SqliteStore, SqliteTx
from ledger.transfers import Kind
from tests.ledger.examples import BUYER, CASH, SALES, Ticks, hold, journal, move, post, void

BUDGET = Account(("budget",), USD, AccountClass.MEMORANDUM, Side.DEBIT)
SPENT = Account(("budget_contra",), USD, AccountClass.MEMORANDUM, Side.CREDIT)


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    """A read-only connection beside an open store in which something was sold."""
    path = tmp_path / "book.db"
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks())
    store.open()
    for asked in (
        journal("fund", move("fund/0", units=100), subject="call_1"),
        journal("holds", hold("h1", units=60), hold("h2", units=30), hold("h3", units=10)),
        journal("sale", post("p", "h1", 50), void("v", "h2"), kind="sale"),
        journal("memo", move("m", BUDGET, SPENT, 5)),
    ):
        assert isinstance(await store.run(partial(book.submit, journal=asked)), Created)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    yield connection
    connection.close()
    await store.close()


async def test_balances_are_sums_of_entries(reader: sqlite3.Connection) -> None:
    """Every account, by name, with posted and held sums."""
    found = [(line.account, line.balance) for line in reports.balances(reader)]

    assert found == [
        (BUDGET, Balance(debits_posted=5)),
        (SPENT, Balance(credits_posted=5)),
        (BUYER, Balance(debits_posted=50, credits_posted=100, debits_pending=10)),
        (CASH, Balance(debits_posted=100)),
        (SALES, Balance(credits_posted=50, credits_pending=10)),
    ]


async def test_the_trial_balance_leaves_memorandum_out(reader: sqlite3.Connection) -> None:
    """Posted sums by account; debits and credits have one sum."""
    found = reports.trial_balance(reader)

    assert found == (
        TrialRow("buyer:0xb", USD, 50, 100, 50),
        TrialRow("cash", USD, 100, 0, 100),
        TrialRow("revenue:a%3Ab%25", USD, 0, 50, 50),
    )
    assert sum(row.debits for row in found) == sum(row.credits for row in found)


async def test_a_statement_explains_a_balance(reader: sqlite3.Connection) -> None:
    """Entries in booking order; only posted ones move the net, and the last net is the balance."""
    lines = list(reports.statement(reader, BUYER.id))

    assert [(line.id, line.kind, line.side, line.units, line.net) for line in lines] == [
        ("fund/0", Kind.TRANSFER, Side.CREDIT, 100, 100),
        ("h1", Kind.PENDING, Side.DEBIT, 60, 100),
        ("h2", Kind.PENDING, Side.DEBIT, 30, 100),
        ("h3", Kind.PENDING, Side.DEBIT, 10, 100),
        ("p", Kind.POST, Side.DEBIT, 50, 50),
        ("v", Kind.VOID, Side.DEBIT, 30, 50),
    ]
    assert (lines[0].seq, lines[0].journal, lines[0].subject, lines[0].other) == (1, "fund", "call_1", "cash")
    assert (lines[4].journal_kind, lines[4].happened_us, lines[4].recorded_us) == ("sale", 7, 1_000_000)


async def test_an_unused_account_has_no_statement(reader: sqlite3.Connection) -> None:
    """What was never booked on has nothing to say."""
    assert list(reports.statement(reader, ("nobody",))) == []


async def test_sums_beyond_int64_are_exact(tmp_path: Path) -> None:
    """An append-only account may add up to more than a column holds."""
    store: SqliteStore[SqliteTx] = SqliteStore(tmp_path / "book.db", now_us=Ticks())
    store.open()
    for n in range(3):
        await store.run(partial(book.submit, journal=journal(f"j{n}", move(f"j{n}", CASH, SALES, INT64_MAX))))
    await store.close()

    connection = sqlite3.connect(tmp_path / "book.db")
    connection.row_factory = sqlite3.Row
    rows = reports.trial_balance(connection)
    connection.close()

    assert [(row.debits, row.credits, row.balance) for row in rows] == [
        (3 * INT64_MAX, 0, 3 * INT64_MAX),
        (0, 3 * INT64_MAX, 3 * INT64_MAX),
    ]
