"""A draft is found before it is written, and is in the database after that, word for word."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.balances import Balance
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.direct import Direct
from ledger.stores.postgres.draft import Draft, bytes_text, numbers_text, texts_text
from ledger.stores.postgres.schema import migrate
from ledger.transfers import Booked, Kind, Row
from tests.ledger.examples import BUYER, SALES

NOTE = 'a "quoted" \\ note, {with} NULL, h\u00e9'


@pytest.fixture
def connection(postgres: str) -> Iterator["psycopg.Connection[Any]"]:
    with closing(connect(postgres)) as opened:
        migrate(opened, "here", ())
        yield opened


def booked(name: str, seq: int, *rows: Row) -> Booked:
    return Booked(seq, name, "test", 7, 8, "", NOTE, rows)


def drafted() -> Draft:
    """A hold and its return, in two journals that came one after the other."""
    draft, later = Draft(), Draft()
    for no, account in ((1, BUYER), (2, SALES)):
        draft.open(no, account)
    draft.book(booked("a", 1, Row("h", Kind.PENDING, BUYER, SALES, 5, None)), [(1, 2)])
    draft.keep(1, BUYER, Balance(credits_posted=9, debits_pending=5))
    later.book(booked("b", 2, Row("v", Kind.VOID, BUYER, SALES, 5, "h")), [(1, 2)])
    later.keep(1, BUYER, Balance(credits_posted=9))
    draft.take(later)
    return draft


def test_what_is_drafted_is_found() -> None:
    """By its id and its number; the last word on a balance holds."""
    draft = drafted()

    assert draft.unwritten
    assert [*draft.journals] == ["a", "b"]
    assert draft.kept == {1: Balance(credits_posted=9)}
    assert draft.opened == {BUYER.id: 1, SALES.id: 2}


def test_it_is_written_once_and_word_for_word(connection: "psycopg.Connection[Any]") -> None:
    """All of it together; it is found as before, and a second time there is nothing to write."""
    draft, direct = drafted(), Direct(connection)
    for _ in range(2):
        draft.write(direct)
    direct.flush()

    assert not draft.unwritten
    assert [*draft.journals] == ["a", "b"]
    found = connection.execute("SELECT seq, id, note FROM journals ORDER BY seq").fetchall()
    assert found == [(1, "a", NOTE), (2, "b", NOTE)]
    found = connection.execute("SELECT id, kind, debit_no, pending_id FROM transfers ORDER BY id").fetchall()
    assert found == [("h", "pending", 1, None), ("v", "void", 1, "h")]
    kept = "SELECT account_no, floor, credits_posted, debits_pending FROM balances"
    assert connection.execute(kept).fetchall() == [(1, "credit", 9, 0)]


def test_an_empty_draft_asks_nothing(connection: "psycopg.Connection[Any]") -> None:
    """Nothing is sent to a server, which here is not there any more."""
    direct = Direct(connection)
    connection.close()

    Draft().write(direct)
    direct.flush()


TEXTS = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", codec="utf-8"))))


def test_any_array_is_read_as_it_was(connection: "psycopg.Connection[Any]") -> None:
    """Whatever stands in its texts, and NULL is no text; numbers of every size."""

    @given(TEXTS, st.lists(st.integers(-(2**63), 2**63 - 1)), st.lists(st.binary()))
    def read(texts: list[str | None], numbers: list[int], many: list[bytes]) -> None:
        asked = (texts_text(texts), numbers_text(numbers), bytes_text(many))
        found = connection.execute("SELECT %s::text[], %s::bigint[], %s::bytea[]", asked).fetchone()
        assert found == (texts, numbers, many)

    read()
