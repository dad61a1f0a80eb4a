"""The command line: finds the command, runs it, and turns every end into an exit code and a sentence.

Only the chosen command's module is imported; `--help` imports them all. Knows
of a command only what `Command` says.
"""

import argparse
import errno
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, NoReturn, Protocol, cast

from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.terminal import Paint, painted
from sidecar.configuration.problems import did_you_mean

COMMANDS: Final = (
    "sandbox",
    "demo",
    "serve",
    "init",
    "schema",
    "check",
    "margin",
    "calls",
    "call",
    "ledger",
    "reconcile",
    "completion",
)
"""The registry: each is a module of `sidecar.commands`."""

INTERRUPTED: Final = 130
"""The shell's own code for a command that Ctrl-C ended."""

_UNREAD: Final = re.compile(r"[\ud800-\udfff]")
"""What stands for the bytes of an argument that are not UTF-8."""

_EXAMPLES: Final = """examples:
  sidecar init > sidecar.yaml             a starter config with comments
  sidecar check --config sidecar.yaml     every problem of it at once
  sidecar serve --config sidecar.yaml     sell calls
  sidecar margin --by endpoint            what they earned

`sidecar COMMAND --help` tells more of one; every command takes --json.
"""


_OUTPUT_LOST: Final = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What writing to a pipe or a file ends with when nobody reads on, or there is no room."""


class Command(Protocol):
    """What a command's module offers. `EXAMPLES` are lines for its --help; its command lines can be run."""

    NAME: str
    HELP: str
    EXAMPLES: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; returns an `Exit` or raises Sentence. What is heavy is imported here."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, and which always takes `--json`."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options, allow_abbrev=False, conflict_handler="resolve")
        # Suppressed, so that a subcommand without it does not unset what was said before.
        self.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object"
        )

    def actions(self) -> Sequence[argparse.Action]:
        """Return what it takes."""
        return self._actions

    def error(self, message: str) -> NoReturn:
        """End with the usage code."""
        raise Sentence(Exit.WRONG_USAGE, f"{message}; see `{self.prog} --help`")


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Nothing is raised but a bug under `python -X dev`."""
    try:
        code = _ended(sys.argv[1:] if words is None else list(words))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as lost:
        if lost.errno not in _OUTPUT_LOST:
            raise
        # Without this, Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(lost, BrokenPipeError):  # who read our output has seen enough
            return Exit.FINE
        _complain(f"what it prints cannot be written: {lost.strerror}")
        return Exit.UNREACHABLE
    return code


def _ended(words: list[str]) -> int:
    try:
        return _run(words)
    except Sentence as end:
        _complain(end.text)
        return end.code
    except Exception as bug:
        if sys.flags.dev_mode or (isinstance(bug, OSError) and bug.errno in _OUTPUT_LOST):
            raise
        sentence = f"{type(bug).__name__}: {bug}; this is a bug of the sidecar (python -X dev shows where)"
        _complain(sentence)
        return Exit.FOUND_WRONG


def _complain(sentence: str) -> None:
    print(f"{painted('sidecar:', Paint.BAD, sys.stderr)} {sentence}", file=sys.stderr)


def _run(words: list[str]) -> int:
    if any(map(_UNREAD.search, words)):
        raise Sentence(Exit.WRONG_USAGE, "what was written after `sidecar` is not text in UTF-8")
    match words:
        case ["-h" | "--help", *_]:
            print(_help(), end="")
            return Exit.FINE
        case ["--version", *_]:
            print(f"sidecar {_version()}")
            return Exit.FINE
        case [name, *rest] if name in COMMANDS:
            return _command(name, rest)
        case [name, *_]:
            text = f"there is no command {name!r}; {did_you_mean(name, COMMANDS)}"
            raise Sentence(Exit.WRONG_USAGE, text)
        case _:
            raise Sentence(Exit.WRONG_USAGE, "say which command; see `sidecar --help`")


def _command(name: str, words: list[str]) -> int:
    try:
        arguments = _parser(name).parse_args(words, argparse.Namespace(json=False, parsers=_parsers))
    except SystemExit:  # argparse, after it printed the help
        return Exit.FINE
    return _module(name).run(arguments)


def _parsers() -> Mapping[str, Parser]:
    """Return every command's parser by its name, which imports them all."""
    return {name: _parser(name) for name in COMMANDS}


def _parser(name: str) -> Parser:
    command = _module(name)
    parser = Parser(prog=f"sidecar {name}", description=command.HELP, epilog=command.EXAMPLES)
    command.configure(parser)
    return parser


def _module(name: str) -> Command:
    return cast("Command", import_module(f"sidecar.commands.{name}"))


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {_module(name).HELP}" for name in COMMANDS]
    return "\n".join(
        (
            "usage: sidecar COMMAND [options]",
            "       sidecar --version",
            "",
            "commands:",
            *lines,
            "",
            _EXAMPLES,
        )
    )


def _version() -> str:
    try:
        return version("x402-sidecar")
    except PackageNotFoundError:
        return "(run from its source tree)"
