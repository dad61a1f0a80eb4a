"""The directory knows accounts by name and number, and asks for each once."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from ledger.stores.postgres import directory
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.direct import Direct
from ledger.stores.postgres.directory import Directory
from ledger.stores.postgres.schema import migrate
from tests.ledger.examples import BUYER, CASH

INSERT = "INSERT INTO accounts VALUES (%s, %s, 'USD', 9, %s, %s, %s)"


@pytest.fixture
def connection(postgres: str) -> Iterator["psycopg.Connection[Any]"]:
    with closing(connect(postgres)) as opened:
        migrate(opened, "here", ())
        opened.execute(INSERT, (7, "cash", "asset", "debit", "none"))
        opened.execute(INSERT, (8, "buyer:0xb", "liability", "credit", "no_negative"))
        yield opened


def test_an_account_is_met_once(connection: "psycopg.Connection[Any]") -> None:
    """By its name or its number, and then without asking."""
    book = Directory(Direct(connection))
    assert book.known(CASH.id) is None
    assert book.find(CASH.id) == (7, CASH)
    book.meet([7, 8])
    connection.close()

    assert (book.known(BUYER.id), book.find(CASH.id)) == ((8, BUYER), (7, CASH))
    assert (book.number(BUYER), book.account(7)) == (8, CASH)
    book.meet([7, 8])


def test_who_is_not_there_is_asked_for_again(connection: "psycopg.Connection[Any]") -> None:
    """Somebody else may have opened it meanwhile."""
    book = Directory(Direct(connection))
    assert book.find(("late",)) is None
    assert book.missing({("late",): "late", CASH.id: "cash"}) == ["late"]

    connection.execute(INSERT, (9, "late", "asset", "debit", "none"))

    assert book.missing({("late",): "late"}) == []


def test_numbers_are_drawn_for_one_alone(connection: "psycopg.Connection[Any]") -> None:
    """No two draws share one."""
    direct = Direct(connection)
    book, other = Directory(direct), Directory(direct)

    assert len({*book.draw(3), *other.draw(2)}) == 5


def test_what_was_undone_or_is_too_much_is_forgotten(
    connection: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that was opened by a unit that was undone is unknown; the memory is bounded."""
    book = Directory(Direct(connection))
    book.add(99, BUYER)
    book.forget([BUYER.id, ("never met",)])
    assert book.find(BUYER.id) == (8, BUYER)

    monkeypatch.setattr(directory, "_KNOWN_MAX", 0)
    book.trim()
    assert book.known(BUYER.id) is None
