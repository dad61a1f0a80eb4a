"""What reporting commands share: the books of `--config`, read beside a running sidecar or without one."""

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from sidecar.commands.configured import settings_of
from sidecar.commands.errors import Exit, Sentence

if TYPE_CHECKING:
    from sidecar.adapters.storage.reading import Opened, Place


@contextmanager
def books_place(arguments: argparse.Namespace) -> Iterator["Place"]:
    """Give the place of the books; what cannot be read meanwhile ends the command with one sentence."""
    from sidecar.adapters.storage.reading import (  # noqa: PLC0415 - as below
        Unreadable,
        name_of,
        of_database,
    )

    place = settings_of(arguments).books
    try:
        yield place
    except Unreadable as fault:
        raise Sentence(Exit.UNREACHABLE, str(fault)) from fault
    except Exception as error:
        if not of_database(error):
            raise
        raise Sentence(Exit.UNREACHABLE, f"{name_of(place)} cannot be read: {error}") from error


@contextmanager
def books(arguments: argparse.Namespace) -> Iterator["Opened"]:
    """Give the books, opened read-only."""
    from sidecar.adapters.storage.reading import open_read_only  # noqa: PLC0415 - only when books are read

    with books_place(arguments) as place, closing(open_read_only(place)) as connection:
        yield connection


def print_json(answer: Mapping[str, Any]) -> None:
    """Print *answer* as the API would send it, indented."""
    print(json.dumps(answer, indent=2))
