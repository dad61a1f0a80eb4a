"""Opening the books: what cannot be read is one sentence and exit code 3."""

from collections.abc import Callable

import pytest

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
