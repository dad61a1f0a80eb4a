"""Direct statements answer, and fail, as those of a cursor do."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.direct import Direct
from tests.ledger.stores.postgres.test_worker import END_OTHERS


@pytest.fixture
def direct(postgres: str) -> Iterator[Direct]:
    with closing(connect(postgres)) as connection:
        yield Direct(connection)


def test_an_answer_is_rows_of_texts(direct: Direct) -> None:
    """Also the second time, when the statement is prepared; NULL is None, and no text is NULL."""
    statement = "SELECT $1::bigint + n, $2, NULL FROM generate_series(1, 2) AS n"

    for _ in range(2):
        found = direct.run(statement, "7", "h\u00e9")
        assert found == [[b"8", "h\u00e9".encode(), None], [b"9", "h\u00e9".encode(), None]]
    assert direct.several("BEGIN; SELECT 1; SELECT 2, ''; ") == [[b"2", b""]]


def test_a_fault_is_the_servers_own(direct: Direct) -> None:
    """By its class, whether it is found when a statement is prepared or when it runs; then all is well."""
    with pytest.raises(psycopg.errors.UndefinedTable, match="nothing"):
        direct.run("SELECT * FROM nothing")
    with pytest.raises(psycopg.errors.DivisionByZero):
        direct.run("SELECT 1 / $1::int", "0")
    with pytest.raises(psycopg.errors.SyntaxError):
        direct.several("SELECT; SELEC")

    with pytest.raises(psycopg.DataError, match="NUL"):
        direct.run("SELECT $1", "cut\0here")

    assert direct.run("SELECT 1 / $1::int", "1") == [[b"1"]]


def test_what_is_undone_here_stays_prepared(direct: Direct) -> None:
    """The driver would have the server forget it."""
    direct.several("BEGIN; SAVEPOINT unit")
    assert direct.run("SELECT $1", "a") == [[b"a"]]
    direct.several("ROLLBACK TO unit")
    direct.several("ROLLBACK")

    assert direct.run("SELECT $1", "b") == [[b"b"]]


def test_a_lost_connection_is_told_from_a_refused_statement(direct: Direct, postgres: str) -> None:
    """It is an OperationalError, as of a cursor."""
    with closing(connect(postgres)) as other:
        other.execute(END_OTHERS)

    with pytest.raises(psycopg.OperationalError):
        direct.several("SELECT 1")
