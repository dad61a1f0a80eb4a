"""The directory knows accounts by name and number, and asks for each once."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from ledger.stores.postgres import directory
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.direct import Direct
from ledger.stores.postgres.directory import Directory, Known
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
    book = Directory(Direct(connection), Known())
    assert book.known(CASH.id) is None
    assert book.find(CASH.id) == (7, CASH)
    book.meet([7, 8])
    connection.close()

    assert (book.known(BUYER.id), book.find(CASH.id)) == ((8, BUYER), (7, CASH))
    assert (book.number(BUYER), book.account(7)) == (8, CASH)
    book.meet([7, 8])


def test_who_is_not_there_is_asked_for_again(connection: "psycopg.Connection[Any]") -> None:
    """Somebody else may have opened it meanwhile."""
    book = Directory(Direct(connection), Known())
    assert book.find(("late",)) is None
    assert book.missing({("late",): "late", CASH.id: "cash"}) == ["late"]

    connection.execute(INSERT, (9, "late", "asset", "debit", "none"))

    assert book.missing({("late",): "late"}) == []


def test_numbers_are_drawn_for_one_alone(connection: "psycopg.Connection[Any]") -> None:
    """No two draws share one."""
    direct = Direct(connection)
    book, other = Directory(direct, Known()), Directory(direct, Known())

    assert len({*book.draw(3), *other.draw(2)}) == 5


def test_what_was_undone_or_is_too_much_is_forgotten(
    connection: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that was opened by a unit that was undone is unknown; the memory is bounded."""
    book = Directory(Direct(connection), Known())
    book.add(99, BUYER)
    book.forget([BUYER.id, ("never met",)])
    assert book.find(BUYER.id) == (8, BUYER)

    monkeypatch.setattr(directory, "_KNOWN_MAX", 0)
    book.begin_group()
    assert book.known(BUYER.id) is None


def test_what_is_committed_all_connections_know(connection: "psycopg.Connection[Any]") -> None:
    """What one has opened the others know when it is there, and not before; what one has read, at once."""
    known, direct = Known(), Direct(connection)
    one, other = Directory(direct, known), Directory(direct, known)
    assert one.find(CASH.id) == (7, CASH)
    one.add(99, BUYER)

    assert (other.known(CASH.id), other.known(BUYER.id)) == ((7, CASH), None)
    assert one.account(99) == BUYER
    one.end_group(committed=False)
    assert one.known(BUYER.id) is None
    one.add(100, BUYER)
    one.end_group(committed=True)
    assert (other.known(BUYER.id), other.account(100)) == ((100, BUYER), BUYER)


def test_a_group_goes_on_seeing_what_it_has_seen(
    connection: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when another one has had everything forgotten meanwhile."""
    monkeypatch.setattr(directory, "_KNOWN_MAX", 0)
    known, direct = Known(), Direct(connection)
    one, other = Directory(direct, known), Directory(direct, known)
    one.begin_group()
    one.find(CASH.id)
    other.begin_group()

    assert (one.number(CASH), other.known(CASH.id)) == (7, None)
