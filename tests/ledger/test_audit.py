"""The audit finds nothing in a good book, and what was changed in any other."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from ledger import book
from ledger.audit import ROWS_MAX, AuditReport, audit
from ledger.book import Created
from ledger.queries import Query
from ledger.stores.sqlite import SqliteStore, SqliteTx
from tests.ledger.examples import (
    BUYER,
    CASH,
    OPEN,
    SALES,
    TILL,
    Ticks,
    expire,
    hold,
    journal,
    move,
    post,
    void,
)

CHECKS = [
    "assets_balance",
    "closed_periods_stay",
    "closed_accounts_stay",
    "transfers_well_formed",
    "holds_resolved_once",
    "folds_follow",
    "folds_timed",
    "no_overdraft",
    "balances_kept",
    "folds_kept",
    "references",
    "hash_chain",
]

SEALED = [
    *((f"UPDATE journals SET {change} WHERE seq = 2", 2) for change in (
        "id = 'x'",
        "kind = 'x'",
        "happened_us = happened_us + 1",
        "recorded_us = recorded_us + 1",
        "subject = 'x'",
        "note = 'x'",
        "prev_hash = zeroblob(32)",
        "hash = zeroblob(32)",
    )),
    ("UPDATE journals SET seq = 9 WHERE seq = 2", 3),
    *((f"UPDATE transfers SET {change} WHERE id = 'h'", 2) for change in (
        "id = 'x'",
        "kind = 'transfer'",
        "amount = amount + 1",
        "debit_no = (SELECT no FROM accounts WHERE id = 'till')",
        "credit_no = (SELECT no FROM accounts WHERE id = 'till')",
        "position = 7",
    )),
    ("UPDATE transfers SET journal_seq = 1, position = 9 WHERE id = 'h'", 1),
    ("UPDATE transfers SET pending_id = 'h4' WHERE id = 'p'", 3),
    ("UPDATE transfers SET kind = 'void' WHERE id = 'p'", 3),
    ("DELETE FROM transfers WHERE id = 'h2'", 2),
    ("DELETE FROM journals WHERE seq = 2", 3),
    *((f"UPDATE accounts SET {change} WHERE id = 'revenue:a%3Ab%25'", 2) for change in (
        "id = 'x'",
        "id = '%zz'",
        "asset = 'EUR'",
        "decimals = 6",
        "kind = 'equity'",
        "side = 'debit'",
        "bound = 'limit'",
    )),
]  # fmt: skip
"""A change of each sealed column, and the first journal that is no longer what was sealed."""


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """The file of a closed book with every kind of entry."""
    path = tmp_path / "book.db"
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks())
    store.open()
    for asked in (
        journal("fund", move("fund/0", units=100), move("t", TILL, CASH, 5), move("o", OPEN, CASH, 5)),
        journal("holds", hold("h", units=30), hold("h2", units=30), subject="call_1"),
        journal("sale", post("p", "h", 20), void("v", "h2")),
        journal("more", hold("h3", units=10), expire("e", "h3"), hold("h4", units=10)),
    ):
        assert isinstance(await store.run(partial(book.submit, journal=asked)), Created)
    await store.close()
    return path


def found(path: Path, *changes: str) -> dict[str, list[tuple[object, ...]]]:
    """Audit the book after *changes* that no trigger or constraint was there to stop."""
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")]
    for sql in (
        *(f"DROP TRIGGER {name}" for name in names),
        "PRAGMA ignore_check_constraints = ON",
        *changes,
    ):
        connection.execute(sql)
    connection.commit()
    report = audit(connection)
    connection.close()
    return {check.id: list(check.rows) for check in report.checks if check.rows}


async def test_a_good_book_is_clean(path: Path) -> None:
    """Every check runs and finds nothing."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    report = audit(connection)
    connection.close()

    assert report.clean
    assert [check.id for check in report.checks] == CHECKS


@pytest.mark.parametrize(("change", "first"), SEALED, ids=[sql for sql, _ in SEALED])
async def test_a_change_of_any_sealed_column_is_found(path: Path, change: str, first: int) -> None:
    """A change of sealed content is found, at the first journal it touches."""
    bad = found(path, change)["hash_chain"]

    assert bad[0][0] == first


async def test_every_column_was_changed(path: Path) -> None:
    """No column of the three sealed tables is left out of the test above."""
    connection = sqlite3.connect(path)
    columns = {
        (table, name)
        for table in ("accounts", "journals", "transfers")
        for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    }
    connection.close()

    missed = {
        (t, c) for t, c in columns if not any(f"UPDATE {t} SET" in s and f"{c} = " in s for s, _ in SEALED)
    }

    assert missed == {("accounts", "no")}  # a number inside the file, not content


@pytest.mark.parametrize(
    ("check", "change", "row"),
    [
        ("assets_balance", "UPDATE accounts SET asset = 'EUR' WHERE id = 'cash'", ("EUR", 9, "posted")),
        ("closed_periods_stay", "INSERT INTO periods VALUES (1, 7, 2, '', zeroblob(64))", (3, 1)),
        ("transfers_well_formed", "UPDATE transfers SET credit_no = debit_no WHERE id = 't'", ("t",)),
        ("transfers_well_formed", "UPDATE transfers SET amount = 0 WHERE id = 't'", ("t",)),
        ("transfers_well_formed", "UPDATE accounts SET decimals = 6 WHERE id = 'till'", ("t",)),
        ("transfers_well_formed", "DELETE FROM accounts WHERE id = 'till'", ("t",)),
        ("holds_resolved_once", "UPDATE transfers SET amount = 31 WHERE id = 'p'", ("p",)),
        ("holds_resolved_once", "UPDATE transfers SET amount = 29 WHERE id = 'v'", ("v",)),
        ("holds_resolved_once", "UPDATE transfers SET pending_id = 't' WHERE id = 'p'", ("p",)),
        ("holds_resolved_once", "DELETE FROM transfers WHERE id = 'h'", ("p",)),
        ("holds_resolved_once", "UPDATE transfers SET journal_seq = 4, position = 9 WHERE id = 'h'", ("p",)),
        ("no_overdraft", "UPDATE transfers SET amount = 200 WHERE id = 'h4'", (("buyer", "0xb"), -120)),
        ("references", "DELETE FROM accounts WHERE id = 'cash'", ("transfers", None, "accounts", 1)),
    ],
)
async def test_each_check_finds_its_fault(
    path: Path, check: str, change: str, row: tuple[object, ...]
) -> None:
    """Each check sees the one thing it is named after."""
    assert row in found(path, change)[check]


async def test_a_hold_resolved_twice_is_found(path: Path) -> None:
    """Should the unique index be gone, the audit still counts."""
    bad = found(
        path,
        "DROP INDEX transfers_by_pending",
        "UPDATE transfers SET pending_id = 'h' WHERE id = 'v'",
    )

    assert ("h",) in bad["holds_resolved_once"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE balances SET credits_posted = credits_posted + 1",
        "UPDATE balances SET debits_pending = debits_pending + 1 WHERE floor = 'credit'",
        "UPDATE balances SET floor = 'none'",
        "DELETE FROM balances",
        "INSERT INTO balances SELECT no, 'none', 0, 0, 0, 0 FROM accounts WHERE id = 'cash'",
        "INSERT INTO balances VALUES (99, 'none', 0, 0, 0, 0)",
    ],
)
async def test_a_balance_row_that_is_not_the_sum_is_found(path: Path, change: str) -> None:
    """Balance rows are a cache of the entries, and checked against them."""
    assert set(found(path, change)) - {"references"} == {"balances_kept"}


async def test_the_callers_checks_run_too(path: Path) -> None:
    """An application adds statements that must find nothing; findings are bounded."""
    connection = sqlite3.connect(path)
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    report = audit(
        connection,
        [Query("quiet", "nothing is wrong", "SELECT 1 WHERE 0"), Query("loud", "much is wrong", endless)],
    )
    connection.close()

    assert not report.clean
    assert [(check.id, len(check.rows)) for check in report.checks[-2:]] == [("quiet", 0), ("loud", ROWS_MAX)]


def test_an_empty_report_is_clean() -> None:
    """Nothing found is what clean means."""
    assert AuditReport(()).clean


async def test_an_audit_disturbs_nobody(path: Path) -> None:
    """It reads one state of the book beside an open store, and leaves no transaction behind."""
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks())
    store.open()
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)

    assert audit(connection).clean
    await store.run(partial(book.submit, journal=journal("next", move("next", BUYER, SALES, 1))))
    assert audit(connection).clean
    assert not connection.in_transaction

    connection.close()
    await store.close()
