"""Tables: texts in aligned columns, for a terminal. Knows no report."""

import re
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from sidecar.commands.terminal import Paint, painted

NOTHING: Final = "-"
"""What stands where there is nothing to show."""

_DECIMALS_MIN: Final = 2
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_DECIMAL: Final = re.compile(r"-?\d+\.\d+")


def aligned(rows: Sequence[Sequence[str | None]]) -> str:
    """Return *rows*, the first of them the titles, in columns two spaces apart, to be printed.

    Columns of numbers stand to the right, and lose the last zeros that all of
    their decimals share, down to two places.
    """
    filled = [[printable(cell) if cell else NOTHING for cell in row] for row in rows]
    columns = [_column(list(column)) for column in zip_longest(*filled, fillvalue="")]
    titles, *lines = ("  ".join(line).rstrip() for line in zip(*columns, strict=True))
    return "\n".join([painted(titles, Paint.TITLE, sys.stdout), *lines])


def printable(text: str) -> str:
    """Return *text* without what would steer the terminal: names come from agents and buyers."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _column(cells: list[str]) -> list[str]:
    title, *values = cells
    shown = [title, *_shortened(values)]
    width = max(map(len, shown))
    numbers = [cell for cell in values if cell != NOTHING]
    right = bool(numbers) and all(_NUMBER.fullmatch(cell) for cell in numbers)
    return [cell.rjust(width) if right else cell.ljust(width) for cell in shown]


def _shortened(cells: list[str]) -> list[str]:
    """Drop the zeros that every decimal of a column ends with: they say nothing."""
    decimals = [cell for cell in cells if _DECIMAL.fullmatch(cell)]
    spare = [
        min(len(cell) - len(cell.rstrip("0")), len(cell.partition(".")[2]) - _DECIMALS_MIN)
        for cell in decimals
    ]
    cut = max(0, min(spare, default=0))
    return [cell[: len(cell) - cut] if _DECIMAL.fullmatch(cell) else cell for cell in cells]
