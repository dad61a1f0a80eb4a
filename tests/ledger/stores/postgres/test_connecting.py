"""A server that would not keep a book as promised is refused with one sentence that tells nothing secret."""

import psycopg
import pytest
from psycopg import conninfo

from ledger.store import StoreUnusable
from ledger.stores.postgres.connecting import WAITS, Waits, connect, opened, place_of


def test_every_wait_has_a_limit(postgres: str) -> None:
    """A connection carries its limits from the first statement on."""
    with connect(postgres, waits=Waits(statement_ms=700, lock_ms=600, idle_ms=500)) as connection:
        limits = [
            connection.execute(f"SHOW {name}_timeout").fetchone()
            for name in ("statement", "lock", "idle_in_transaction_session")
        ]

    assert limits == [("700ms",), ("600ms",), ("500ms",)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, ("1", "4", "1", "4", "9000")), ({"keepalives_idle": 60}, ("1", "60", "1", "4", "9000"))],
)
def test_a_server_that_vanished_is_not_waited_for(
    postgres: str, said: dict[str, int], expected: tuple[str, ...]
) -> None:
    """Nobody is left to hold it to its limits: the connection has its own, unless the address says others."""
    names = ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
    with connect(conninfo.make_conninfo(postgres, **said), waits=Waits(gone_s=9)) as connection:
        limits = connection.info.get_parameters()

    assert tuple(limits.get(name) for name in names) == expected


def test_a_reader_cannot_write(postgres: str) -> None:
    """A connection that was asked for reading refuses anything else."""
    with (
        connect(postgres, read_only=True) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE t (n bigint)")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("synchronous_commit=off", "has synchronous_commit off: it would lose what it acknowledged"),
    ],
)
def test_a_server_that_is_not_fit_is_refused(postgres: str, setting: str, sentence: str) -> None:
    """It says what is wrong, and where."""
    address = conninfo.make_conninfo(postgres, options=f"-c {setting}")

    with pytest.raises(StoreUnusable, match=sentence):
        opened(address, WAITS)


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    """The sentence says host and database, never the password."""
    address = "postgresql://user:hunter2@127.0.0.1:1/books"

    with pytest.raises(StoreUnusable, match=r"PostgreSQL database books at 127\.0\.0\.1:1 cannot") as refused:
        opened(address, WAITS)

    assert "hunter2" not in str(refused.value)


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    """What is no address may be a password."""
    assert place_of("postgresql://u:p%zz@/x y") == "the PostgreSQL address"
