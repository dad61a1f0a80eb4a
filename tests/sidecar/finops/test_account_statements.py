"""A statement is read page by page; its cursor carries the balance on."""

import pytest

from ledger.accounts import Side
from ledger.reports import START, Line, Place
from ledger.transfers import Kind
from sidecar.domain import chart
from sidecar.finops.account_statements import CursorText, place, statement_object

NOON_US = 1_777_636_800_000_000


def a_line(seq: int, net: int) -> Line:
    return Line(
        seq, 3, "j", "settled", "call_1", NOON_US, NOON_US, "j/0", Kind.POST, Side.DEBIT, "cash", 7, net
    )


def test_a_page_shows_what_moved_the_account() -> None:
    """Amounts and the balance after each entry, in the account's asset."""
    found = statement_object(chart.buyer("0xb"), [a_line(1, 43)], limit=1)

    assert found == {
        "account": "buyer:0xb",
        "asset": "USD",
        "class": "liability",
        "side": "credit",
        "items": [
            {
                "seq": 1,
                "journal": "j",
                "journal_kind": "settled",
                "subject": "call_1",
                "happened_at": "2026-05-01T12:00:00.000000Z",
                "recorded_at": "2026-05-01T12:00:00.000000Z",
                "id": "j/0",
                "kind": "post",
                "side": "debit",
                "other": "cash",
                "amount": "0.000000007",
                "balance": "0.000000043",
            }
        ],
        "next_cursor": None,
    }


def test_the_next_page_begins_where_this_one_ends() -> None:
    """With one line more than the page has, there is a cursor, and it is read back."""
    found = statement_object(chart.buyer("0xb"), [a_line(1, 43), a_line(2, -5), a_line(9, 0)], limit=2)

    assert found["next_cursor"] == "2.3.-5"
    assert place(found["next_cursor"]) == Place(2, 3, -5)
    assert place(None) == START


@pytest.mark.parametrize(
    "cursor", ["", "1", "1.2", "a.b.c", "1.2.3.4", "-1.2.3", "1.2.3 ", "9" * 19 + ".0.0"]
)
def test_another_text_is_no_cursor(cursor: str) -> None:
    """What an answer did not give is refused."""
    with pytest.raises(CursorText, match="cursor is the next_cursor"):
        place(cursor)
