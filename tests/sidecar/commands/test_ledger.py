"""`sidecar ledger`: its subcommands."""

from collections.abc import Callable

import pytest

from sidecar.cli import main
from sidecar.commands.ledger import SUBCOMMANDS

Run = Callable[..., tuple[int, str, str]]


async def test_a_subcommand_is_needed(run: Run) -> None:
    """Without one it is wrong usage, and all of them are named."""
    code, _, err = run("ledger")

    assert code == 2
    assert all(each.name in err for each in SUBCOMMANDS)


@pytest.mark.parametrize("name", [each.name for each in SUBCOMMANDS])
def test_each_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its help says what it does, where the config is, and how it is typed."""
    assert main(["ledger", name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--config" in shown
    assert f"examples:\n  sidecar ledger {name}" in shown
