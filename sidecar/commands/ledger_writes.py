"""`sidecar ledger close` and `post`: what a person writes into the books.

Beside a running sidecar, which alone may write, through its operator API; else
into the file itself. Both do the same, by the same key.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import print_json
from sidecar.commands.subcommands import Subcommand
from sidecar.commands.tables import aligned
from sidecar.commands.writing import Write, write

DOCUMENT_BYTES_MAX: Final = 64 * 1024


def _configure_close(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--before", required=True, metavar="T", help="close what happened before this time, RFC 3339"
    )


def _close(arguments: argparse.Namespace) -> int:
    answer = write(arguments, Write("close", {"before": arguments.before}))
    if arguments.json:
        print_json(answer)
    else:
        rows = [(each["account"], each["asset"], each["debits"], each["credits"]) for each in answer["items"]]
        print(aligned([("account", "asset", "debits", "credits"), *rows]))
        print(f"period {answer['number']}, before {answer['before']}, is closed; --json gives what is signed")
    return Exit.FINE


def _configure_post(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the journal, YAML or JSON")


def _post(arguments: argparse.Namespace) -> int:
    answer = write(arguments, Write("journals", _document(arguments.file)))
    if arguments.json:
        print_json(answer)
    elif answer["status"] == "created":
        print(f"booked as {answer['id']}, journal {answer['seq']}")
    else:
        print(f"was booked before as {answer['id']}, journal {answer['seq']}; nothing changed")
    return Exit.FINE


def _document(path: Path) -> Any:
    import yaml  # noqa: PLC0415 - only when a file is read

    try:
        with path.open("rb") as file:
            content = file.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise Sentence(Exit.WRONG_USAGE, f"{path} cannot be read: {error.strerror}") from error
    if len(content) > DOCUMENT_BYTES_MAX:
        raise Sentence(Exit.WRONG_USAGE, f"{path} is larger than {DOCUMENT_BYTES_MAX} bytes")
    try:
        # What YAML knows as a date becomes the text that it was.
        return json.loads(json.dumps(yaml.safe_load(content), default=str))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise Sentence(Exit.WRONG_USAGE, f"{path} is neither YAML nor JSON") from error


SUBCOMMANDS: Final = (
    Subcommand("close", "close a period for ever, with a signed trial balance", _close, _configure_close),
    Subcommand("post", "book a journal by hand", _post, _configure_post),
)
"""What is written."""
