"""Opening the books: what cannot be read is one sentence and exit code 3."""

from collections.abc import Callable

import pytest

from tests.postgres_server import url_of
from tests.sidecar.builders import shared_storage
from tests.sidecar.configs import MINIMAL
from tests.sidecar.shop import Shop, forced

Run = Callable[..., tuple[int, str, str]]
COMMANDS = (
    ("margin",),
    ("calls",),
    ("call", "call_1"),
    ("ledger", "audit"),
    ("ledger", "trial-balance"),
)


@pytest.mark.parametrize("words", COMMANDS)
async def test_a_missing_database_is_one_sentence(run: Run, shop: Shop, words: tuple[str, ...]) -> None:
    """Nothing was sold yet where there is no database: code 3, and none is made."""
    await shop.store.close()
    shop.path.unlink()
    code, out, err = run(*words)

    assert (code, out) == (3, "")
    assert err == f"sidecar: there is no database at {shop.path}; `sidecar serve` makes it when it starts\n"
    assert not shop.path.exists()


@pytest.mark.parametrize("words", COMMANDS)
async def test_a_broken_database_is_one_sentence(run: Run, shop: Shop, words: tuple[str, ...]) -> None:
    """No traceback, whatever the file lacks."""
    with forced(shop.path) as connection:
        connection.execute("DROP VIEW movements")
        connection.execute("ALTER TABLE accounts RENAME COLUMN bound TO b")
        connection.execute("ALTER TABLE calls RENAME COLUMN endpoint TO e")
    code, out, err = run(*words)

    assert (code, out) == (3, "")
    assert err.startswith("sidecar: ")
    assert err.count("\n") == 1


async def test_a_wrong_config_comes_first(run: Run, shop: Shop) -> None:
    """Which books to read is the config's word: its problems are exit code 2."""
    shop.path.with_name("shop.yaml").write_text("nothing: 1\n")
    code, _, err = run("margin")

    assert code == 2
    assert "nothing" in err


async def test_the_books_are_read_beside_the_writer(run: Run) -> None:
    """A running sidecar holds the lock, and reading needs none."""
    assert run("ledger", "audit")[0] == 0


async def test_a_postgresql_is_read_as_a_file_is(run: Run, shop: Shop, postgres: str) -> None:
    """The audit and the reports find what a sidecar has made there; before that they say so."""
    config = shop.path.with_name("shop.yaml")
    config.write_text(f"{MINIMAL}storage: {url_of(postgres)}\n")
    code, out, err = run("ledger", "audit")
    assert (code, out) == (3, "")
    assert "`sidecar serve` of this version brings it there" in err

    await shared_storage(postgres).close()
    for words in COMMANDS:
        assert run(*words)[0] == (1 if words[0] == "call" else 0), words
    assert run("ledger", "export")[0] == 0
    assert run("ledger", "verify", "--public-key", "00" * 32)[0] == 0
    assert run("ledger", "prove", "call_1/admit", "--public-key", "00" * 32)[0] == 1
