"""Direct statements answer, and fail, as those of a cursor do."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.direct import Direct, Overdue, rows_of, texts
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


def test_what_is_left_is_sent_with_what_comes_next(direct: Direct) -> None:
    """In its order, in one round trip; who looks at an answer sends it."""
    direct.several("CREATE TEMP TABLE seen (n int)")
    first = direct.later("INSERT INTO seen VALUES (1)")
    second = direct.later("INSERT INTO seen SELECT count(*) FROM seen")

    answered = [first.is_answered]
    assert direct.run("SELECT n FROM seen") == [[b"1"], [b"1"]]
    assert [*answered, first.is_answered] == [False, True]
    assert second.answer.command_tuples == 1
    assert rows_of(direct.later("SELECT $1", texts(["a"])).answer) == [[b"a"]]


def test_much_is_left_and_all_is_sent(direct: Direct) -> None:
    """More than a socket takes, both ways."""
    left = [direct.later("SELECT $1", texts([str(n) * 50_000])) for n in range(50)]

    assert [rows_of(each.answer) for each in left] == [[[str(n).encode() * 50_000]] for n in range(50)]


def test_what_is_refused_ends_what_was_sent_with_it(direct: Direct) -> None:
    """Whoever waits hears of it, unless an earlier unit had left it: that is no fault of who waits."""
    direct.later("SELECT 1 / $1::int", texts(["0"]))
    after = direct.later("SELECT 1")
    with pytest.raises(psycopg.errors.DivisionByZero):
        direct.run("SELECT 2")
    with pytest.raises(psycopg.InternalError, match="undone"):
        after.answer  # noqa: B018

    direct.later("SELECT 1 / $1::int", texts(["0"]))
    direct.turn += 1
    with pytest.raises(Overdue, match="division by zero") as found:
        direct.run("SELECT 2")

    assert isinstance(found.value.error, psycopg.errors.DivisionByZero)
    assert direct.run("SELECT 3") == [[b"3"]]


def test_what_came_with_an_answer_that_is_not_taken_was_run(direct: Direct) -> None:
    """Its savepoint is there, and can be gone back to: only the server's own refusal ends what follows."""

    def refused(_: object) -> None:
        raise LookupError("somebody else has it")

    direct.several("BEGIN; CREATE TEMP TABLE seen (n int)")
    direct.later("SELECT false", (), refused)
    mark = direct.later("SAVEPOINT unit")
    direct.later("INSERT INTO seen VALUES (1)")
    with pytest.raises(LookupError, match="somebody else"):
        direct.flush()

    assert mark.is_answered
    direct.several("ROLLBACK TO unit")
    assert direct.run("SELECT count(*) FROM seen") == [[b"0"]]


def test_a_unit_forgets_what_it_has_left_and_nothing_else(direct: Direct) -> None:
    """What an earlier one has left is sent all the same."""
    direct.several("CREATE TEMP TABLE seen (n int)")
    direct.later("INSERT INTO seen VALUES (1)")
    direct.turn += 1
    mine = direct.later("INSERT INTO seen VALUES (2)")

    assert direct.forget() == [mine]
    assert direct.run("SELECT n FROM seen") == [[b"1"]]
    direct.later("INSERT INTO seen VALUES (3)")
    direct.clear()
    assert direct.run("SELECT n FROM seen") == [[b"1"]]


def test_a_connection_lost_while_much_is_sent_is_told(direct: Direct, postgres: str) -> None:
    """It is an OperationalError here too, whoever had left what was sent."""
    direct.run("SELECT 1")
    direct.later("SELECT 1")
    direct.turn += 1
    with closing(connect(postgres)) as other:
        other.execute(END_OTHERS)

    with pytest.raises(psycopg.OperationalError):
        direct.run("SELECT 1")
