"""Unwritten rows: what the units of a group have added to the book, and the file has yet to be told.

Knows no table. Rows of one statement go to the file together, before anything is
read that could show them and before the group is committed; then every constraint
and trigger speaks. What one of them refuses is the fault of a unit that is not
known any more, so the group is run again, each unit apart.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

from ledger.queries import several

Value = int | str | bytes | None

_AT_ONCE: Final = 32
"""How many rows a statement writes at most; less are written by halves of it, so that few are prepared."""


class Half(Exception):
    """Something was written, or refused, that is not one unit's: the group must be undone and run apart."""


class Unwritten:
    """Rows in the order in which they were added, those of the unit that runs last."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: list[tuple[str, list[Value]]] = []
        self._begun = 0  # where the rows of the unit begin
        self._apart = True
        self._failed: Exception | None = None
        self.added = 0  # how often something was kept back
        self.others = 0  # how many rows were written that are not of the unit that ran then

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, insert: str, values: list[Value]) -> None:
        """Keep the *values* of one row or more for *insert*, the statement that writes one."""
        if self._apart:
            self._insert_all(insert, values)
        else:
            self._rows.append((insert, values))
            self.added += 1

    def begin(self, *, apart: bool = False) -> None:
        """Start a unit: what is here by now is of those before it. *apart*: nothing of it is kept back."""
        self._begun, self._apart = len(self._rows), apart

    def clear(self) -> None:
        """Drop everything: the group was rolled back."""
        self._rows.clear()
        self._begun, self._failed = 0, None

    def write(self) -> None:
        """Tell the file all rows; Half if it does not take them, or did not before."""
        if self._failed is not None:
            raise Half from self._failed
        try:
            before = self._connection.total_changes
            self._insert(self._rows[: self._begun])
            self.others += self._connection.total_changes - before
            self._insert(self._rows[self._begun :])
        except Exception as error:
            self._failed = error
            raise Half from error
        self._rows.clear()
        self._begun = 0

    def _insert(self, rows: Iterable[tuple[str, list[Value]]]) -> None:
        together: dict[str, list[Value]] = {}
        for insert, values in rows:
            known = together.get(insert)
            if known is None:
                together[insert] = [*values]
            else:
                known += values
        for insert, values in together.items():
            self._insert_all(insert, values)

    def _insert_all(self, insert: str, values: list[Value]) -> None:
        width = insert.count("?")
        at, left, step = 0, len(values) // width, _AT_ONCE
        while left:
            while step > left:
                step //= 2
            end = at + step * width
            self._connection.execute(several(insert, step), values[at:end])
            at, left = end, left - step
