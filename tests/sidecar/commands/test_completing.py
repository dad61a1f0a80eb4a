"""Completion as bash does it, and the rules that fish is given."""

import argparse
import subprocess
from pathlib import Path

import pytest

from sidecar.cli import Parser
from sidecar.commands import completing
from sidecar.commands.completing import Words, words_of

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_sidecar
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def top() -> Words:
    """Two commands: one with every kind of option, one with commands of its own."""
    show = Parser(prog="sidecar show", description="show it's all")
    show.add_argument("--by", choices=("day", "agent"), help="how")
    show.add_argument("--config", type=Path)
    show.add_argument("--limit", type=int)
    show.add_argument("--hidden", help=argparse.SUPPRESS)
    show.add_argument("what", choices=("books", "calls"))
    ledger = Parser(prog="sidecar ledger", description="the books")
    below = ledger.add_subparsers()
    below.add_parser("audit", description="check them").add_argument("--deep", action="store_true")
    below.add_parser("export", description="write them").add_argument("file", type=Path)
    commands = {"show": show, "ledger": ledger}
    return Words("", below={name: words_of(each, each.actions()) for name, each in commands.items()})


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ([""], ["show", "ledger"]),
        (["sh"], ["show"]),
        (["nothing", ""], ["show", "ledger"]),
        (
            ["show", ""],
            ["books", "calls", "-h", "--help", "--json", "--by", "--config", "--limit"],
        ),
        (["show", "--b"], ["--by"]),
        (["show", "--by", ""], ["day", "agent"]),
        (["show", "--by", "d"], ["day"]),
        (["show", "--by", "day", "b"], ["books"]),
        (["show", "--config", ""], [""]),
        (["show", "--limit", ""], [""]),
        (["ledger", ""], ["audit", "export", "-h", "--help", "--json"]),
        (["ledger", "a"], ["audit"]),
        (["ledger", "audit", "--d"], ["--deep"]),
        (["ledger", "--json", "audit", "--d"], ["--deep"]),
        (["ledger", "export", "--d"], [""]),
    ],
)
def test_bash_offers_what_a_command_takes(
    top: Words, tmp_path: Path, typed: list[str], offered: list[str]
) -> None:
    """A real bash, asked as it asks when Tab is pressed; nothing of ours leaves it to file names."""
    script = tmp_path / "completion.bash"
    script.write_text(completing.bash(top))
    asked = ["bash", "--norc", "-c", ASK, "-", str(script), "sidecar", *typed]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert done.stdout.rstrip("\n").split("\n") == offered


def test_bash_registers_it(top: Words) -> None:
    """Files are offered where we have nothing to offer."""
    listed = subprocess.run(
        ["bash", "--norc", "-c", f"{completing.bash(top)}\ncomplete -p sidecar"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert listed.stdout == "complete -o default -F _sidecar sidecar\n"


def test_zsh_runs_the_same_function(top: Words) -> None:
    """Behind its own two lines; no name of ours is one that zsh keeps for itself."""
    script = completing.zsh(top)

    assert script.endswith(completing.bash(top))
    assert "autoload -U +X bashcompinit && bashcompinit\n" in script
    assert "local place=" in script
    assert not any(f"local {name}=" in script or f' {name}=""' in script for name in ("path", "words"))


def test_fish_has_a_rule_for_every_word(top: Words) -> None:
    """Commands until one is there, then what that one takes; files only where a file is wanted."""
    rules = completing.fish(top).splitlines()

    def rule(*parts: str) -> bool:
        return any(all(part in line for part in parts) for line in rules)

    assert rules[1] == "complete -c sidecar -f"
    assert rule("-n 'not __fish_seen_subcommand_from show ledger'", "-a show", "-d 'show it'\"'\"'s all'")
    assert rule("-n '__fish_seen_subcommand_from show' ", "-l by -x -a 'day agent' -d how")
    assert rule("-l config -r -F")
    assert rule("-l limit -x")
    assert rule("-a 'books calls'")
    assert rule("from ledger; and not __fish_seen_subcommand_from audit export' -a audit -d 'check them'")
    assert rule("from ledger; and __fish_seen_subcommand_from audit' -l deep")
    assert [line.split("from ")[-1] for line in rules if line.endswith("' -F")] == ["export' -F"]
    assert not rule("hidden")
