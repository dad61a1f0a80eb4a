"""The storage that a config names is opened, and what cannot be is refused with one sentence."""

from pathlib import Path

import pytest

from ledger.store import StoreNotOurs, StoreNotReached, StoreUnusable
from ledger.stores.postgres.connecting import connect
from sidecar.adapters.storage import opening
from sidecar.adapters.storage.opening import open_at, refuse_unfit
from tests.sidecar.builders import NOW_US


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_both_kinds_run_units(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    """A path is a file, anything else the address of a database."""
    place = request.getfixturevalue("postgres") if kind == "postgres" else tmp_path / "books.db"
    storage = open_at(place, lambda: NOW_US, "run_1")

    assert await storage.run(lambda tx: tx.price_version("POST /research", "terms", NOW_US)) == 1
    assert storage.failed is None
    await storage.close()


def test_a_database_is_looked_at_without_a_change(postgres: str) -> None:
    """An empty one is fit and stays empty; another application's is refused."""
    refuse_unfit(postgres)
    with connect(postgres) as connection:
        assert connection.execute("SELECT to_regclass('journals')").fetchone() == (None,)
        connection.execute("CREATE TABLE theirs (n bigint)")

    with pytest.raises(StoreNotOurs, match="is the database of another application"):
        refuse_unfit(postgres)


def test_a_database_that_is_away_is_told_apart() -> None:
    """Who cannot be reached may be fit tomorrow; the sentence has no password."""
    with pytest.raises(StoreNotReached, match="cannot be reached") as refused:
        refuse_unfit("postgresql://u:hunter2@127.0.0.1:1/books")
    assert "hunter2" not in str(refused.value)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who installed the sidecar alone hears what is missing."""
    monkeypatch.setattr(opening, "find_spec", lambda _: None)

    with pytest.raises(StoreUnusable, match=r"needs psycopg, which lock/image\.txt installs"):
        open_at("postgresql://h/db", lambda: NOW_US, "run_1")
