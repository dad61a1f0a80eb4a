"""Reports add up what was booked, exactly and by account."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ledger import book, reports
from ledger.accounts import Account, AccountClass, Side, text
from ledger.balances import Balance
from ledger.book import Created
from ledger.money import INT64_MAX, USD
from ledger.reports import START, AsOf, Place, TrialRow
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


async def test_a_statement_is_read_in_pages(reader: sqlite3.Connection) -> None:
    """A page begins after the last line of the one before, with its balance; together they are the whole."""
    whole = list(reports.statement(reader, BUYER.id))
    found: list[reports.Line] = []
    after = START
    while page := list(reports.statement(reader, BUYER.id, after, limit=2)):
        found += page
        after = Place(page[-1].seq, page[-1].position, page[-1].net)

    assert found == whole
    assert len(whole) == 6


async def test_reports_are_of_two_times(tmp_path: Path) -> None:
    """What had happened is one question, what was known of it another; the past answers as it did."""
    clock = Ticks()
    store: SqliteStore[SqliteTx] = SqliteStore(tmp_path / "book.db", now_us=clock)
    store.open()
    told: list[tuple[TrialRow, ...]] = []
    with closing(sqlite3.connect(tmp_path / "book.db")) as connection:
        for known_us, happened_us, entry in (
            (100, 10, move("a", CASH, BUYER, 50)),
            (200, 30, hold("h", BUYER, SALES, 20)),
            (300, 20, move("b", CASH, BUYER, 7)),  # learned late
            (400, 40, post("p", "h", 5)),
        ):
            clock.us = known_us
            asked = journal(f"j{known_us}", entry, happened_us=happened_us)
            assert isinstance(await store.run(partial(book.submit, journal=asked)), Created)
            told.append(reports.trial_balance(connection))

        def at(happened_us: int, recorded_us: int) -> dict[str, Balance]:
            as_of = AsOf(happened_us, recorded_us)
            return {text(each.account.id): each.balance for each in reports.balances(connection, as_of)}

        again = [
            reports.trial_balance(connection, AsOf(recorded_us=known_us)) for known_us in (100, 200, 300, 400)
        ]
        assert [[row for row in rows if row.account != "revenue:a%3Ab%25"] for rows in again] == [
            [row for row in rows if row.account != "revenue:a%3Ab%25"] for rows in told
        ]
        assert at(9, 400) == {}
        assert at(20, 200) == {"cash": Balance(50), "buyer:0xb": Balance(0, 50)}
        assert at(20, 400) == {"cash": Balance(57), "buyer:0xb": Balance(0, 57)}
        assert at(30, 400)["buyer:0xb"] == Balance(0, 57, 20, 0)
        assert at(40, 399)["buyer:0xb"] == Balance(0, 57, 20, 0)
        assert at(40, 400)["buyer:0xb"] == Balance(5, 57)
        lines = [line.id for line in reports.statement(connection, BUYER.id, as_of=AsOf(30, 300))]
        assert lines == ["a", "h", "b"]
    await store.close()


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
