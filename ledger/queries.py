"""SQL by name: reads `.sql` files in which each statement has a name and a sentence. Knows no database.

-- name: what the statement is for
SELECT ...
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from typing import Any, Final, Protocol, runtime_checkable

_TITLE: Final = re.compile(r"^-- ([a-z][a-z0-9_]*): (.+)$", re.MULTILINE)


_ROW: Final = re.compile(r"(\(\?(?:, \?)*\))")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement: its name, what it is for, and its text."""

    name: str
    purpose: str
    sql: str


class Rows(Protocol):
    """The answer to a statement, row by row."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...

    @property
    def description(self) -> Any:
        """Return a sequence for each column, its name first; None if there are no rows to come."""
        ...

    @property
    def rowcount(self) -> int:
        """Return how many rows were written."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Reads(Protocol):
    """What runs a statement: a connection to a book's file, or one that reads the same words elsewhere."""

    def execute(self, sql: str, parameters: Mapping[str, object] | Sequence[object] = ..., /) -> Rows:
        """Run one statement."""
        ...


@runtime_checkable
class Scans(Protocol):
    """What can give a long answer in pieces; a connection that does not reads row by row anyway."""

    def scan(self, sql: str) -> Iterator[Any]:
        """Run one statement and yield its rows."""
        ...


def load(file: Traversable) -> Mapping[str, Query]:
    """Read the statements of *file* in their order, by name."""
    return read(file.read_text(encoding="utf-8"))


def read(text: str) -> Mapping[str, Query]:
    """Split *text* into its statements; a name stands once."""
    titles = list(_TITLE.finditer(text))
    ends = [title.start() for title in titles[1:]] + [len(text)]
    found: dict[str, Query] = {}
    for title, end in zip(titles, ends, strict=True):
        name = title[1]
        assert name not in found, f"two statements are named {name}"
        found[name] = Query(name, title[2], text[title.end() : end].strip().removesuffix(";"))
    return found


@cache
def several(sql: str, rows: int) -> str:
    """Return an INSERT of one row, whose values are all parameters, as an INSERT of so many."""
    before, row, after = _ROW.split(sql, maxsplit=1)
    return f"{before}{', '.join([row] * rows)}{after}"
