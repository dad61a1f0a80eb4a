"""Statements written for SQLite say the same in PostgreSQL's words."""

from contextlib import closing

import pytest

from ledger.stores.postgres import dialect
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.dialect import Connection, schema, statement


@pytest.mark.parametrize(
    ("sqlite", "postgres"),
    [
        ("SELECT ? WHERE a = :name", "SELECT %s WHERE a = %(name)s"),
        ("SELECT 'a ? :b' || x % 2", "SELECT 'a ? :b' || x %% 2"),
        ("SELECT '100%', ':x'", "SELECT '100%%', ':x'"),
        ("SELECT 1::bigint", "SELECT 1::bigint"),
        ("id GLOB 'cost:*'", "id LIKE 'cost:%%'"),
        ("json_group_array(json_object('n', n))", "json_group_array(json_build_object('n', n))"),
        ("SELECT 1 -- why? :so\n", "SELECT 1 \n"),
        ("SELECT group_concat(name, ' + ')", "SELECT string_agg(name, ' + ')"),
    ],
)
def test_words_are_exchanged(sqlite: str, postgres: str) -> None:
    """Parameters, patterns and names of functions; never what stands in quotes."""
    assert statement(sqlite) == postgres


def test_parameters_are_numbered() -> None:
    """By their place, or once for each name; what stands in quotes is not touched."""
    assert dialect.numbered("SELECT ?, ? % 2, '100%?'", wait=True) == ("SELECT $1, $2 % 2, '100%?'", ())
    assert dialect.numbered("SELECT :a, :b, :a", wait=True) == ("SELECT $1, $2, $1", ("a", "b"))


def test_a_lock_waits_or_does_not() -> None:
    """What a statement marks as locked is locked in PostgreSQL alone, and not where it is only read."""
    sql = "SELECT state FROM payments WHERE id = ? /* locked */"

    assert dialect.numbered(sql, wait=True)[0] == "SELECT state FROM payments WHERE id = $1 FOR UPDATE"
    assert dialect.numbered(sql, wait=False)[0].endswith("FOR UPDATE NOWAIT")
    assert statement(sql) == "SELECT state FROM payments WHERE id = %s "


def test_a_schema_is_put_into_postgresqls_types() -> None:
    """Types, table options and triggers; collation is that of bytes, as in SQLite."""
    script = (
        "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER NOT NULL, b BLOB) STRICT, WITHOUT ROWID;\n"
        "CREATE TRIGGER t_stay BEFORE UPDATE ON t\nBEGIN SELECT RAISE(ABORT, 'no'); END;"
    )

    assert schema(script) == (
        'CREATE TABLE t (id text COLLATE "C" PRIMARY KEY, n bigint NOT NULL, b bytea);\n'
        "CREATE TRIGGER t_stay BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION refuse('no');"
    )


def test_a_connection_reads_it(postgres: str) -> None:
    """Sums are whole numbers, rows are tuples, and many rows are one call."""
    with closing(Connection(connect(postgres))) as connection:
        connection.execute("CREATE TABLE t (n bigint)")
        connection.executemany("INSERT INTO t VALUES (?)", [(2**62,), (2**62,), (2**62,)])

        assert connection.execute("SELECT sum(n) FROM t WHERE n > :n", {"n": 1}).fetchone() == (3 * 2**62,)


@pytest.mark.parametrize("begin", ["SELECT 1", "BEGIN"])
def test_a_long_answer_is_had_in_pieces(postgres: str, monkeypatch: pytest.MonkeyPatch, begin: str) -> None:
    """In its order, several at once, in a transaction or outside one; who stops early leaves nothing open."""
    monkeypatch.setattr(dialect, "PIECE_ROWS", 7)
    rows = "SELECT n FROM generate_series(1, 50) AS n"
    with closing(Connection(connect(postgres))) as connection:
        connection.execute(begin)
        assert [*zip(connection.scan(rows), connection.scan(rows), strict=True)] == [
            ((n,), (n,)) for n in range(1, 51)
        ]
        started = connection.scan(rows)
        assert next(iter(started)) == (1,)
        connection.execute("ROLLBACK")
        del started

        assert connection.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)
