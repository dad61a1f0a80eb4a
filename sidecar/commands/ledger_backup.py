"""`sidecar ledger backup`: a copy of the database, beside a running sidecar or without one."""

import argparse
from pathlib import Path
from typing import Final

from sidecar.commands.configured import settings_of
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import books_place, print_json
from sidecar.commands.progress import Progress
from sidecar.commands.subcommands import Subcommand


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the new file")


def _backup(arguments: argparse.Namespace) -> int:
    from sidecar.adapters import secrets  # noqa: PLC0415 - only when books are read
    from sidecar.adapters.storage.backup import (  # noqa: PLC0415 - only when books are read
        NotAFile,
        NotCopied,
        back_up,
    )

    with books_place(arguments) as place, Progress("copying the database"):
        try:
            answer = back_up(place, arguments.file)
        except NotAFile as fault:
            raise Sentence(Exit.WRONG_USAGE, str(fault)) from fault
        except NotCopied as fault:
            raise Sentence(Exit.UNREACHABLE, str(fault)) from fault
    if arguments.json:
        print_json(answer)
    else:
        print(f"{answer['file']} has {answer['journals']} journals, head {answer['head']}")
        print(f"keep {secrets.beside(settings_of(arguments).storage)} with it: it has the keys")
    return Exit.FINE


SUBCOMMANDS: Final = (
    Subcommand("backup", "copy the database, also while it is in use", _backup, _configure),
)
"""What is copied."""
