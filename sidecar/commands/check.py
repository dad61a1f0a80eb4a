"""`sidecar check`: every problem of a config at once; online, also what chain and facilitator say."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sidecar.commands.configured import add_config
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.terminal import Paint, painted

if TYPE_CHECKING:
    from sidecar.settings import Problem

NAME: Final = "check"
HELP: Final = "show every problem of a config"
EXAMPLES: Final = """examples:
  sidecar check --config sidecar.yaml
  sidecar check --config sidecar.yaml --online --json

Ends with 0 if the config can be used, 2 if it cannot, and 3 if --online could not ask.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--online",
        action="store_true",
        help="also ask the networks, the facilitators, the agent and the storage",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the problems and warnings, and tell the outcome by the exit code."""
    from sidecar.settings import Problems, load  # noqa: PLC0415 - pydantic only when a config is read

    found = load(arguments.config, os.environ)
    if isinstance(found, Problems):
        return _told(arguments, found.items, (), Exit.WRONG_USAGE)
    if not arguments.online:
        return _told(arguments, (), found.warnings, Exit.FINE)
    from sidecar.commands.online import ask_all  # noqa: PLC0415 - the adapters only when they are asked

    findings = asyncio.run(ask_all(found))
    code = Exit.WRONG_USAGE if findings.problems else Exit.UNREACHABLE
    problems = (*findings.problems, *findings.unreachable)
    return _told(arguments, problems, (*found.warnings, *findings.warnings), code if problems else Exit.FINE)


def _told(
    arguments: argparse.Namespace, problems: "Sequence[Problem]", warnings: "Sequence[Problem]", code: int
) -> int:
    if arguments.json:
        document = {"ok": not problems, "problems": _items(problems), "warnings": _items(warnings)}
        print(json.dumps(document, indent=2))
    else:
        for problem in problems:
            print(problem.line())
        for warning in warnings:
            print(f"{painted('warning:', Paint.CAREFUL, sys.stdout)} {warning.line()}")
        if not problems:
            print(f"{arguments.config} can be used")
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise Sentence(code, f"{arguments.config} has {count}")
    return code


def _items(problems: "Sequence[Problem]") -> list[dict[str, str]]:
    return [{"path": item.path, "code": item.code, "message": item.message} for item in problems]
