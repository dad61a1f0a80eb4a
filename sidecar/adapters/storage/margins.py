"""Margins kept: what chunks of old calls earned and cost, so that a margin table reads only the others.

A chunk is watched first: from then on the database itself marks each of its calls
that changes. Then it is added up beside the writer, by the query that makes the
table, and kept by a small unit. A chunk with a mark is read call by call until it
is added up again, so that what is kept never changes an answer.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from ledger import queries, sealed
from ledger.folding import FoldableTx
from ledger.queries import Reads
from sidecar.adapters.storage import margin_blocks
from sidecar.adapters.storage.costs import insert
from sidecar.adapters.storage.margin_blocks import Change
from sidecar.adapters.storage.reading import READS
from sidecar.finops.margins import SUMS, UNITS, chunk_parameters

_SQL_FILES: Final = files("sidecar.adapters.storage") / "sql"
_SQL: Final = {name: query.sql for name, query in queries.load(_SQL_FILES / "margins_kept.sql").items()}
_SHARED: Final = {
    name: query.sql for name, query in queries.load(_SQL_FILES / "postgres" / "margins_kept.sql").items()
}
_ADD: Final = insert("margin_sums", ("dimension", "last", "unit", *SUMS))
Unit = tuple[str, str]
"""A dimension, and one of its units."""

CALLS: Final = 4_000
"""How many calls a chunk has: about what a table has left to read, and how large the unit becomes."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The calls after one id, up to another. `version` is how often they were added up."""

    after: str
    last: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """What a chunk came to: what differs from what is kept of it, and the marks that are in it."""

    chunk: Chunk
    at_min_us: int
    at_max_us: int
    changes: Sequence[Change]
    marks: Sequence[int]


def next_chunk(connection: Reads, before_us: int, calls: int = CALLS) -> Chunk | None:
    """Return the next *calls* calls; None while there are not so many that came before then."""
    after = connection.execute(_SQL["end"]).fetchone()[0]
    found = connection.execute(_SQL["next"], {"after": after, "others": calls - 1}).fetchone()
    return Chunk(after, found[0]) if found is not None and found[1] < before_us else None


def watch(tx: FoldableTx, chunk: Chunk) -> bool:
    """Have changes of its calls marked from now on; False if the chunk does not follow the last one."""
    if tx.connection.execute(_SQL["end"]).fetchone()[0] != chunk.after:
        return False
    tx.connection.execute(_SQL["watch"], {"after": chunk.after, "last": chunk.last})
    return True


def begun(tx: FoldableTx) -> int:
    """Return a point in time for `ended`: the number of this transaction, which is above all that run."""
    if isinstance(tx.connection, sqlite3.Connection):
        return 0
    return int(tx.connection.execute(_SHARED["begun"]).fetchone()[0])


def ended(connection: Reads, before: int) -> bool:
    """Tell whether all that ran before has ended: what runs now sees what was watched then, and marks it."""
    if isinstance(connection, sqlite3.Connection):
        return True
    return int(connection.execute(_SHARED["running"]).fetchone()[0]) >= before


def stale(connection: Reads) -> list[Chunk]:
    """Return the chunks that are to be added up, for the first time or again."""
    return [Chunk(*row) for row in connection.execute(_SQL["stale"])]


def add_up(connection: Reads, chunk: Chunk) -> Sums:
    """Add up a chunk that is watched, with the changes that are marked, of one moment."""
    place = {"after": chunk.after, "last": chunk.last}
    with sealed.snapshot(connection):
        marks = [n for (n,) in connection.execute(_SQL["marks"], place)]
        at_min_us, at_max_us = connection.execute(_SQL["times"], place).fetchone()
        kept, found = _kept(connection, chunk), _found(connection, chunk)
    changes = [
        Change(*key, kept.get(key), found.get(key)) for key in kept | found if kept.get(key) != found.get(key)
    ]
    return Sums(chunk, at_min_us, at_max_us, changes, marks)


def keep(tx: FoldableTx, sums: Sums) -> bool:
    """Keep what a chunk came to instead of what was kept before; False if another one was faster."""
    chunk, connection = sums.chunk, tx.connection
    times = {"at_min_us": sums.at_min_us, "at_max_us": sums.at_max_us}
    renewed = connection.execute(_SQL["renew"], times | {"last": chunk.last, "version": chunk.version})
    if renewed.rowcount != 1:
        return False
    before = [(each.dimension, chunk.last, each.unit) for each in sums.changes if each.before is not None]
    connection.executemany(_SQL["remove"], before)
    after = [
        (each.dimension, chunk.last, each.unit, *each.after)
        for each in sums.changes
        if each.after is not None
    ]
    connection.executemany(_ADD, after)
    if chunk.version:
        margin_blocks.follow(tx, chunk.last, sums.changes)
    connection.executemany(_SQL["unmark"], [(n,) for n in sums.marks])
    return True


def margins_kept(connection: Reads) -> Iterator[tuple[Any, ...]]:
    """Find what is kept of chunks and is not what their calls come to, read one by one."""
    for row in connection.execute(_SQL["holding"]).fetchall():
        chunk = Chunk(*row)
        times = connection.execute(_SQL["times"], {"after": chunk.after, "last": chunk.last}).fetchone()
        if times != connection.execute(_SQL["times_kept"], {"last": chunk.last}).fetchone():
            yield chunk.last, "times"
        kept, found = _kept(connection, chunk), _found(connection, chunk)
        yield from ((chunk.last, *key) for key in kept | found if kept.get(key) != found.get(key))


def _found(connection: Reads, chunk: Chunk) -> dict[Unit, tuple[int, ...]]:
    """Return what the calls of a chunk come to by each unit, read one by one."""
    rows = connection.execute(READS["margin"].sql, chunk_parameters(chunk.after, chunk.last))
    return {(dimension, unit): tuple(sums) for dimension, unit, *sums in rows}


def _kept(connection: Reads, chunk: Chunk) -> dict[Unit, tuple[int, ...]]:
    """Return what is kept of them."""
    return {
        (dimension, unit): tuple(sums)
        for dimension in UNITS
        for unit, *sums in connection.execute(_SQL["sums"], {"dimension": dimension, "last": chunk.last})
    }
