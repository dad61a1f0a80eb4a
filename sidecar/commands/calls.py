"""`sidecar calls`: admitted calls, newest first."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sidecar.commands.configured import add_config
from sidecar.commands.errors import Exit
from sidecar.commands.opened import books, print_json
from sidecar.commands.tables import aligned
from sidecar.finops.calls import LIMIT_DEFAULT, LIMIT_MAX, page_object, page_parameters

NAME: Final = "calls"
HELP: Final = "list calls, newest first"
EXAMPLES: Final = """examples:
  sidecar calls
  sidecar calls --limit 10 --json
"""

_TITLES: Final = (
    "call", "at", "endpoint", "buyer", "outcome", "settlement", "captured", "cost", "fees", "margin",
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--limit", type=_limit, default=LIMIT_DEFAULT, metavar="N", help=f"how many; default {LIMIT_DEFAULT}"
    )
    parser.add_argument("--cursor", metavar="C", help="go on where an earlier list ended")


def run(arguments: argparse.Namespace) -> int:
    """Print a page of calls."""
    from sidecar.adapters.storage.reading import fetch  # noqa: PLC0415 - only when books are read

    with books(arguments) as connection:
        rows = fetch(connection, "calls", page_parameters(arguments.limit, arguments.cursor))
    answer = page_object(rows, arguments.limit)
    if arguments.json:
        print_json(answer)
        return Exit.FINE
    print(table(answer["items"]))
    if answer["next_cursor"] is not None:
        print(f"older calls: --cursor {answer['next_cursor']}")
    return Exit.FINE


def table(calls: Sequence[Mapping[str, Any]]) -> str:
    """Return call objects as a table for a terminal. Money is in USD."""
    return aligned([_TITLES, *map(_cells, calls)])


def _cells(call: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        call["id"],
        call["at"],
        call["endpoint"],
        call["buyer"],
        call["outcome"],
        call["settlement"],
        call["captured_usd"],
        call["cost_usd"],
        call["fees_usd"],
        call["known_margin_usd"],
    )


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    raise argparse.ArgumentTypeError(f"write a whole number from 1 to {LIMIT_MAX}")
