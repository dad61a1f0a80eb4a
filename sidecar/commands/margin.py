"""`sidecar margin`: what calls earned and cost, by a unit."""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ledger.money import USD, parse
from pricing.margin import ZERO
from sidecar.commands.configured import add_config
from sidecar.commands.errors import Exit, Sentence
from sidecar.commands.opened import books, print_json
from sidecar.commands.tables import aligned
from sidecar.finops import instants, margins
from sidecar.finops.instants import InstantText
from sidecar.finops.margins import UNITS, TableTooLong

NAME: Final = "margin"
HELP: Final = "show known margin by endpoint, agent, run, day or another unit"
EXAMPLES: Final = """examples:
  sidecar margin
  sidecar margin --by day --from 2026-05-01 --to 2026-06-01
  sidecar margin --by model --json

Known margin counts reported and measured costs of calls whose money is final. A
call that used several models, tools or providers stands under all of them
together. A time is a date (its first instant, UTC) or 2026-05-01T12:00:00Z.
"""

_TITLES: Final = (
    "calls", "revenue", "model", "tool", "external", "retry", "fees", "margin", "ratio",
    "estimated", "unsettled cost", "unknown calls", "coverage",
)  # fmt: skip
_LESS: Final = {"refunds": "refunds_usd", "unsettled": "unsettled_usd", "bad debt": "bad_debt_usd"}
"""What most tables have none of: a column stands behind the revenue where there is any."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--by", choices=UNITS, default=UNITS[0], metavar="D", help=f"one of {', '.join(UNITS)}"
    )
    parser.add_argument("--from", type=_instant, metavar="T", dest="from_us", help="calls from this time on")
    parser.add_argument("--to", type=_instant, metavar="T", dest="to_us", help="calls before this time")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from sidecar.adapters.storage.reading import fetch  # noqa: PLC0415 - only when books are read

    by, from_us, to_us = arguments.by, arguments.from_us, arguments.to_us
    if from_us is not None and to_us is not None and from_us >= to_us:
        raise Sentence(Exit.WRONG_USAGE, "nothing is between --from and --to: --to names the later time")
    with books(arguments) as connection:
        rows = fetch(connection, "margin", margins.parameters(by, from_us, to_us))
    try:
        answer = margins.margin_object(by, from_us, to_us, rows)
    except TableTooLong as refused:
        raise Sentence(Exit.WRONG_USAGE, str(refused)) from refused
    if arguments.json:
        print_json(answer)
    else:
        print(table(answer))
    return Exit.FINE


def table(answer: Mapping[str, Any]) -> str:
    """Return a margin table as `GET /api/v1/margin` answers it, for a terminal. Money is in USD."""
    by, total = answer["by"], answer["total"]
    less = {title: name for title, name in _LESS.items() if parse(total[name], USD) > ZERO}
    rows = [_cells(row[by], row, less.values()) for row in answer["items"]]
    titles = (by, *_TITLES[:2], *less, *_TITLES[2:])
    return aligned([titles, *rows, _cells("total", total, less.values())])


def _cells(unit: str | None, row: Mapping[str, Any], less: Iterable[str]) -> tuple[str | None, ...]:
    costs = row["cost_usd"]
    return (
        unit,
        str(row["calls"]),
        row["revenue_usd"],
        *(row[name] for name in less),
        costs["model"],
        costs["tool"],
        costs["external"],
        costs["retry"],
        row["fees_usd"],
        row["known_margin_usd"],
        row["known_margin_ratio"],
        row["estimated_cost_usd"],
        row["unsettled_cost_usd"],
        str(row["unknown_cost_calls"]),
        row["coverage_ratio"],
    )


def _instant(text: str) -> int:
    try:
        return instants.parse(text)
    except InstantText as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong
