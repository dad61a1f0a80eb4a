"""`sidecar completion`: the real commands, in a real shell."""

import json
import subprocess

import pytest

from sidecar import cli

ASK = 'source /dev/stdin; COMP_WORDS=(sidecar {typed}); COMP_CWORD={at}; _sidecar; echo "${{COMPREPLY[@]}}"'


def offered(script: str, *typed: str) -> list[str]:
    asked = ASK.format(typed=" ".join(f"'{word}'" for word in typed), at=len(typed))
    done = subprocess.run(
        ["bash", "--norc", "-c", asked], input=script, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["completion", "bash"]) == 0
    return capsys.readouterr().out


def test_every_command_is_offered(script: str) -> None:
    """The registry, in its order."""
    assert offered(script, "") == list(cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_commands_options_are_offered(script: str, command: str) -> None:
    """At least those that all commands have."""
    assert {"--help", "--json"} <= set(offered(script, command, "--"))


def test_values_are_offered_where_they_are_known(script: str) -> None:
    """As the command itself would name them."""
    assert "endpoint" in offered(script, "margin", "--by", "")
    assert offered(script, "completion", "f") == ["fish"]
    assert "audit" in offered(script, "ledger", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also as JSON."""
    assert cli.main(["completion", shell]) == 0
    plain = capsys.readouterr().out
    assert cli.main(["completion", shell, "--json"]) == 0

    assert f"# Completion of sidecar for {'fish' if shell == 'fish' else 'bash'}" in plain
    assert json.loads(capsys.readouterr().out) == {"script": plain}


def test_a_shell_nobody_knows_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """It names those that are known."""
    assert cli.main(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
