"""What reporting commands share: the books of `--config`, read beside a running sidecar or without one."""

import argparse
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sidecar.commands.configured import settings_of
from sidecar.commands.errors import Exit, Sentence


@contextmanager
def books_path(arguments: argparse.Namespace) -> Iterator[Path]:
    """Give the path of the books; what cannot be read meanwhile ends the command with one sentence."""
    from sidecar.adapters.storage.reading import Unreadable  # noqa: PLC0415 - only when books are read

    path = settings_of(arguments).storage
    try:
        yield path
    except Unreadable as fault:
        raise Sentence(Exit.UNREACHABLE, str(fault)) from fault
    except sqlite3.Error as error:
        raise Sentence(Exit.UNREACHABLE, f"{path} cannot be read: {error}") from error


@contextmanager
def books(arguments: argparse.Namespace) -> Iterator[sqlite3.Connection]:
    """Give the books, opened read-only."""
    from sidecar.adapters.storage.reading import open_read_only  # noqa: PLC0415 - only when books are read

    with books_path(arguments) as path, closing(open_read_only(path)) as connection:
        yield connection


def print_json(answer: Mapping[str, Any]) -> None:
    """Print *answer* as the API would send it, indented."""
    print(json.dumps(answer, indent=2))
