"""Statements of an application in a unit: written for SQLite, prepared once, sent when an answer is wanted.

What nobody waits for goes with what is asked next, or with what the group writes in
the end, in one round trip.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import pq

from ledger.stores.postgres import dialect
from ledger.stores.postgres.direct import Direct, Later, text_of

Value = int | str | bytes | None
Row = tuple[Any, ...]


class Answered:
    """The answer to a statement, asked for when it is looked at. Rows are tuples."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._read = 0

    @property
    def rowcount(self) -> int:
        """How many rows were written, or found."""
        return self._later.answer.command_tuples or 0

    @property
    def description(self) -> list[tuple[str]] | None:
        """The columns' names; None if there are no rows to come."""
        answer = self._later.answer
        return [((answer.fname(n) or b"").decode(),) for n in range(answer.nfields)] or None

    def fetchone(self) -> Row | None:
        """Return the next row."""
        return next(self._rows(1), None)

    def fetchall(self) -> list[Row]:
        """Return the rows that were not returned yet."""
        return list(self)

    def __iter__(self) -> Iterator[Row]:
        return self._rows(self._later.answer.ntuples)

    def _rows(self, at_most: int) -> Iterator[Row]:
        answer = self._later.answer
        columns = [*enumerate(_READ.get(answer.ftype(n), bytes.decode) for n in range(answer.nfields))]
        value = answer.get_value
        for row in range(self._read, min(answer.ntuples, self._read + at_most)):
            self._read += 1
            yield tuple([None if (text := value(row, n)) is None else read(text) for n, read in columns])


class Statements:
    """A unit's connection, as an application uses it. What is locked is waited for while it may `wait`."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._postgres = connection
        self._scanning = dialect.Connection(connection)
        self.direct = Direct(connection)
        self.wait = True
        self.before: Callable[[], None] = lambda: None
        """What is done before each statement."""

    @property
    def postgres(self) -> "psycopg.Connection[Any]":
        """The driver's connection, with nothing left to be sent before what is run on it."""
        self.direct.flush()
        return self._postgres

    def execute(self, sql: str, parameters: Mapping[str, object] | Sequence[object] = ()) -> Answered:
        """Run one statement, now or later."""
        self.before()
        return Answered(self._sent(sql, parameters))

    def write_one(self, sql: str, parameters: Sequence[object]) -> None:
        """Run a statement that writes one row; AssertionError, now or later, if it does not."""
        self.before()
        self._sent(sql, parameters, check=_one_row)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of *rows*, now or later."""
        self.before()
        for row in rows:
            self._sent(sql, row)

    def scan(self, sql: str) -> Iterator[Row]:
        """Run one statement and yield its rows, which stay on the server until they are wanted."""
        self.before()
        self.direct.flush()
        return self._scanning.scan(sql)

    def close(self) -> None:
        """Release the connection."""
        self._postgres.close()

    def _sent(
        self,
        sql: str,
        parameters: Mapping[str, object] | Sequence[object],
        check: "Callable[[pq.abc.PGresult], None] | None" = None,
    ) -> Later:
        statement, names = dialect.numbered(sql, wait=self.wait)
        values = [parameters[name] for name in names] if isinstance(parameters, Mapping) else parameters
        return self.direct.later(statement, [_text(value) for value in values], check)


def _one_row(answer: "pq.abc.PGresult") -> None:
    assert answer.command_tuples == 1, "what changes is stored"


def _text(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    raise psycopg.ProgrammingError(f"{type(value).__name__} is no value of a column")


def _bytes(text: bytes) -> bytes:
    return bytes.fromhex(text[2:].decode())


_READ: Final[Mapping[int, Callable[[bytes], Any]]] = {
    16: b"t".__eq__,
    17: _bytes,
    20: int,
    21: int,
    23: int,
    1700: int,
}
"""How a column is read, by the number of its type: bool, bytea, int8, int4, int2, numeric; else a text."""
