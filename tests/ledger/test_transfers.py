"""Journals are values: equal by content, never empty."""

import pytest

from ledger.transfers import Booked, Journal
from tests.ledger.examples import journal


def test_a_journal_records_something() -> None:
    """A journal without entries is a programmer's error."""
    with pytest.raises(AssertionError, match="at least one entry"):
        Journal("j", "test", (), 0)


def test_booked_is_the_journal_with_its_place() -> None:
    """The book adds a number, a time and rows; everything else is the caller's."""
    asked = journal("j", kind="sale", happened_us=5, subject="call_1")

    booked = Booked.of(asked, seq=3, recorded_us=9, rows=())

    assert booked == Booked(3, "j", "sale", 5, 9, "call_1", "", ())
