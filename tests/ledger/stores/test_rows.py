"""Rows become values exactly, or not at all."""

import pytest

from ledger.balances import Balance
from ledger.stores import rows
from ledger.transfers import Kind
from tests.ledger.examples import BUYER, CASH, OPEN, SALES, TILL


def test_an_account_row_is_the_account() -> None:
    """Every column of the row is a field of the account."""
    row = (3, "revenue:a%3Ab%25", "USD", 9, "revenue", "credit", "none")

    assert rows.account(row) == SALES


@pytest.mark.parametrize(("column", "value"), [(1, "%zz"), (4, "x"), (5, "x"), (6, "x")])
def test_a_foreign_row_is_refused(column: int, value: str) -> None:
    """What this ledger never writes is not guessed at."""
    row = [3, "cash", "USD", 9, "asset", "debit", "none"]
    row[column] = value

    with pytest.raises(ValueError, match=value):
        rows.account(tuple(row))  # type: ignore[arg-type]  # the claim under test


def test_the_floor_is_the_normal_side() -> None:
    """Only an account that may not be negative has a side that may not be overdrawn."""
    assert [rows.floor(each) for each in (BUYER, TILL, OPEN, CASH)] == ["credit", "debit", "none", "none"]


def test_sums_come_in_halves() -> None:
    """High and low halves give a counter beyond what a column holds."""
    sums = [("debit", "posted", 2**33, 2**31 + 5), ("credit", "pending", 0, 7)]

    assert rows.balance(sums) == Balance(debits_posted=2**64 + 2**31 + 5, credits_pending=7)


def test_kinds_are_known_by_their_text() -> None:
    """Every kind of entry, and no other word."""
    assert set(rows.KINDS.values()) == set(Kind)
    with pytest.raises(KeyError):
        rows.KINDS["x"]
