"""Rows of texts are the values that they were written from."""

from ledger.balances import Balance
from ledger.stores.postgres.prepared import balance, entry, number


def test_each_row_is_what_it_says() -> None:
    """Counters, entries, a journal and the number; an empty text is a text, and NULL is none."""
    assert balance([b"4", b"1", b"2", b"3", b"9223372036854775807"]) == (4, Balance(1, 2, 3, 2**63 - 1))
    held = ["h\u00e9".encode(), b"pending", b"4", b"5", b"6", None, b"void"]
    assert entry(held) == ("h\u00e9", "pending", 4, 5, 6, None, "void")
    assert entry([b"v", b"void", b"4", b"5", b"7", b"h", None]) == ("v", "void", 4, 5, 7, "h", None)
    booked = [b"12", b"3", b"sale", b"-7", b"8", b"", b"a note"]
    assert number(booked) == (12, (3, "sale", -7, 8, "", "a note"))


def test_nothing_but_a_number_is_an_empty_book() -> None:
    """As the first journal finds it."""
    assert number([b"1", *[None] * 6]) == (1, None)
