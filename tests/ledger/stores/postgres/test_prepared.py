"""Rows of texts are the values that they were written from."""

from ledger.balances import Balance
from ledger.stores.postgres.direct import Answer
from ledger.stores.postgres.prepared import Prepared, read

NOTHING = [b"", b"", b"", b""]


def test_each_row_is_what_it_says() -> None:
    """Counters, entries, a journal and the number; an empty text is a text, and NULL is none."""
    answer: Answer = [
        [b"balance", b"4", b"1", b"2", b"3", b"9223372036854775807", *NOTHING],
        [b"number", b"12", b"1", b"0", b"0", b"0", *NOTHING],
        [b"entry", b"4", b"5", b"6", b"0", b"0", "h\u00e9".encode(), b"pending", None, b"void"],
        [b"entry", b"4", b"5", b"7", b"0", b"0", b"v", b"void", b"h", None],
        [b"journal", b"3", b"-7", b"8", b"0", b"0", b"sale", b"", b"a note", b""],
    ]

    assert read(answer) == Prepared(
        number=12,
        balances=[(4, Balance(1, 2, 3, 2**63 - 1))],
        entries=[("h\u00e9", "pending", 4, 5, 6, None, "void"), ("v", "void", 4, 5, 7, "h", None)],
        journal=(3, "sale", -7, 8, "", "a note"),
    )


def test_nothing_but_a_number_is_an_empty_book() -> None:
    """As the first journal finds it."""
    assert read([[b"number", b"1", b"0", b"0", b"0", b"0", *NOTHING]]) == Prepared(1, [], [], None)
