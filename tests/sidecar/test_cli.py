"""The command line itself."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from sidecar import cli
from sidecar.commands.errors import Exit, Sentence

ROOT = Path(__file__).parents[2]
Run = Callable[[argparse.Namespace], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Put a command of the test's own in the place of `calls`."""

    def put(run: Run) -> None:
        module = ModuleType("sidecar.commands.calls")
        module.__dict__.update(NAME="calls", HELP="of the test", EXAMPLES="examples:\n  none", run=run)
        module.__dict__["configure"] = lambda parser: parser.add_argument("--limit", type=int)
        monkeypatch.setitem(sys.modules, "sidecar.commands.calls", module)

    return put


def _python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_exit_code_is_the_commands(command: Callable[[Run], None]) -> None:
    """What a command returns is what the shell sees."""
    command(lambda _: Exit.FOUND_WRONG)

    assert cli.main(["calls"]) == 1


def test_every_command_takes_json(command: Callable[[Run], None]) -> None:
    """No command has to declare it, and without the word it is off."""
    seen: list[bool] = []

    def run(arguments: argparse.Namespace) -> int:
        seen.append(arguments.json)
        return Exit.FINE

    command(run)
    cli.main(["calls"])
    cli.main(["calls", "--json"])

    assert seen == [False, True]


@pytest.mark.parametrize(
    ("words", "json"), [(["audit"], False), (["audit", "--json"], True), (["--json", "audit"], True)]
)
def test_subcommands_take_json_too(words: list[str], json: bool) -> None:
    """It may stand on either side of the subcommand."""
    parser = cli.Parser(prog="sidecar ledger")
    parser.add_subparsers().add_parser("audit")

    assert parser.parse_args(words, argparse.Namespace(json=False)).json is json


def test_a_command_may_describe_json_itself() -> None:
    """Declaring it again is no error."""
    parser = cli.Parser(prog="sidecar sandbox")
    parser.add_argument("--json", action="store_true", help="one line")

    assert parser.parse_args(["--json"]).json


def test_a_sentence_is_the_whole_error(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A command's own words go to stderr, with its code."""

    def run(_: argparse.Namespace) -> int:
        raise Sentence(Exit.UNREACHABLE, "the database is held by process 7")

    command(run)

    assert cli.main(["calls"]) == 3
    assert capsys.readouterr() == ("", "sidecar: the database is held by process 7\n")


def test_a_bug_is_a_sentence_too(command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]) -> None:
    """No user ever reads a traceback."""

    def run(_: argparse.Namespace) -> int:
        raise ZeroDivisionError("by zero")

    command(run)

    assert cli.main(["calls"]) == 1
    assert capsys.readouterr().err.startswith("sidecar: ZeroDivisionError: by zero; this is a bug")


@pytest.mark.parametrize("words", ["--version", "schema"])
def test_output_that_finds_no_room_is_a_sentence(words: str) -> None:
    """Also what is short, and written out only at the end."""
    with Path("/dev/full").open("w", encoding="ascii") as full:
        command = [sys.executable, "-m", "sidecar", words]
        ended = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )

    assert ended.stderr == "sidecar: what it prints cannot be written: No space left on device\n"
    assert ended.returncode == Exit.UNREACHABLE


@pytest.mark.parametrize("words", ["--version", "schema"])
def test_output_that_nobody_reads_is_no_fault(words: str) -> None:
    """As of `sidecar calls | head`: who has seen enough hears no complaint."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "sidecar", words]
    ended = subprocess.run(
        command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_ctrl_c_ends_quietly(command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]) -> None:
    """The shell's own code, and nothing to read."""

    def run(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    command(run)

    assert cli.main(["calls"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "say which command"),
        (["cals"], "there is no command 'cals'; did you mean 'calls'?"),
        (["--verbose"], "there is no command '--verbose'"),
        (["calls", "--limit", "x"], "argument --limit: invalid int value: 'x'; see `sidecar calls --help`"),
        (["calls", "--lim", "1"], "unrecognized arguments: --lim 1; see `sidecar calls --help`"),
        (["calls", "extra"], "unrecognized arguments: extra"),
        (["calls", "--cursor", "\udcff"], "what was written after `sidecar` is not text in UTF-8"),
    ],
)
def test_wrong_usage_is_one_line(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    """Usage errors say what is wrong and where to look, with the usage code."""
    command(lambda _: Exit.FINE)

    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"sidecar: {sentence}")
    assert err.count("\n") == 1


def test_a_commands_help_has_examples(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Help is on stdout and no error."""
    command(lambda _: Exit.FOUND_WRONG)

    assert cli.main(["calls", "--help"]) == 0
    out = capsys.readouterr().out
    assert "of the test" in out
    assert "examples:\n  none" in out
    assert "--json" in out


def test_the_version_is_told() -> None:
    """Scripts can ask which sidecar this is; the module and the command are one."""
    found = _python("-m", "sidecar", "--version")

    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("sidecar ")


def test_only_the_chosen_command_is_imported() -> None:
    """Starting costs what the command costs, not what all of them cost."""
    found = _python(
        "-c",
        "import sys; from sidecar.cli import main; main(['init']);"
        "print([m for m in sys.modules if m == 'pydantic' or m.startswith('sidecar.commands.')])",
    )
    last = found.stdout.splitlines()[-1]

    assert last == "['sidecar.commands.errors', 'sidecar.commands.terminal', 'sidecar.commands.init']"


LOUD = """
import sys, types
from sidecar.cli import main

loud = types.ModuleType("sidecar.commands.calls")
loud.HELP = loud.EXAMPLES = ""
loud.configure, loud.run = lambda parser: None, lambda arguments: print("x" * 1_000_000) or 0
sys.modules["sidecar.commands.calls"] = loud
sys.exit(main(["calls"]))
"""


def test_a_reader_that_stops_is_no_error() -> None:
    """`sidecar calls | head` shows what was asked for and nothing else."""
    piped = f"{shlex.quote(sys.executable)} -c '{LOUD}' | head -c 10; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run(
        ["/bin/bash", "-c", piped], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert (found.stdout, found.stderr) == ("xxxxxxxxxx0\n", "")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_of_the_registry_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each names itself and explains its arguments."""
    module = import_module(f"sidecar.commands.{name}")

    assert name == module.NAME
    assert cli.main([name, "--help"]) == 0
    assert f"usage: sidecar {name}" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, and where to read on."""
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in cli.COMMANDS)
    assert "`sidecar COMMAND --help`" in out
