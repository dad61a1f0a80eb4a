"""`sidecar ledger backup`."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.sidecar.shop import Sale, Shop

Run = Callable[..., tuple[int, str, str]]


async def test_the_database_is_copied(run: Run, shop: Shop, tmp_path: Path) -> None:
    """How far it goes, and what belongs to it; beside an open shop."""
    await shop.serve(Sale())
    code, out, err = run("ledger", "backup", str(tmp_path / "a.db"))
    answer = json.loads(run("ledger", "backup", str(tmp_path / "b.db"), "--json")[1])

    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"{tmp_path / 'a.db'} has 3 journals, head {answer['head']}"
    assert out.splitlines()[1] == f"keep {shop.path}.secrets with it: it has the keys"
    assert answer["journals"] == 3


async def test_what_cannot_be_copied_ends_with_three(run: Run, shop: Shop, tmp_path: Path) -> None:
    """One sentence says why."""
    (tmp_path / "a.db").touch()
    code, out, err = run("ledger", "backup", str(tmp_path / "a.db"))

    assert (code, out) == (3, "")
    there = f"{tmp_path / 'a.db'} is there already"
    assert err == f"sidecar: {there}; name a new file, for a backup overwrites nothing\n"
