"""Blocks of kept margins: what 8, 64, 512 chunks came to together, so that a long table adds up a few.

A block is the sum of its chunks as they are kept, whatever has changed of their
calls since: a table takes it only while nothing is marked in any of them. It is
added up beside the writer, by one dimension at a time, and follows when one of its
chunks is added up again. With more units than a table may have it is cut: its
units are enough to refuse the table, and say nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, NamedTuple

from ledger import queries, sealed
from ledger.folding import FoldableTx
from ledger.money import INT64_MAX
from ledger.queries import Reads
from sidecar.adapters.storage.costs import insert
from sidecar.finops.margins import ROWS_MAX, SUMS, UNITS

_SQL: Final = {
    name: query.sql
    for name, query in queries.load(files("sidecar.adapters.storage") / "sql" / "blocks_kept.sql").items()
}

FAN: Final = 8
"""How many chunks make a block, and how many blocks the next larger one."""

_KEY: Final = ("dimension", "size", "n", "unit")
_ADD: Final = insert("margin_block_sums", (*_KEY, *SUMS))
_CHANGE: Final = insert(
    "margin_block_sums",
    (*_KEY, *SUMS),
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = margin_block_sums.{name} + excluded.{name}" for name in SUMS),
)


@dataclass(frozen=True, slots=True)
class Block:
    """By *dimension*, the chunks from number size * (n - 1) + 1 to size * n."""

    dimension: str
    size: int
    n: int

    @property
    def named(self) -> dict[str, object]:
        """Return its key as parameters."""
        return {"dimension": self.dimension, "size": self.size, "n": self.n}


@dataclass(frozen=True, slots=True)
class BlockSums:
    """What a block came to: a row for each unit, and how often its chunks were added up."""

    block: Block
    versions: Sequence[int]
    rows: Sequence[tuple[Any, ...]]
    cut: bool


class Change(NamedTuple):
    """A unit of a chunk comes to something else than it did when the chunk was added up before."""

    dimension: str
    unit: str
    before: Sequence[int] | None
    after: Sequence[int] | None
    """None: no call of the chunk has the unit."""

    @property
    def more(self) -> list[int]:
        """Return by how much more, or less."""
        nothing = (0,) * len(SUMS)
        return [new - old for new, old in zip(self.after or nothing, self.before or nothing, strict=True)]


def due(connection: Reads, fan: int = FAN) -> list[Block]:
    """Return the blocks that can be added up, smaller ones first."""
    found = [
        Block(dimension, size, n)
        for dimension in UNITS
        for size, n in connection.execute(_SQL["due"], {"dimension": dimension, "fan": fan})
    ]
    return sorted(found, key=lambda block: (block.size, block.n))


def add_up(connection: Reads, block: Block, fan: int = FAN, units_max: int = ROWS_MAX) -> BlockSums:
    """Add up a block from its chunks, or from the next smaller blocks."""
    with sealed.snapshot(connection):
        versions = _versions(connection, block)
        rows = _sum(connection, block, fan, units_max + 1)
    return BlockSums(block, versions, rows, len(rows) > units_max)


def keep(tx: FoldableTx, sums: BlockSums) -> bool:
    """Keep a block; False, and nothing is written, if one of its chunks was added up again, or it is kept."""
    connection, block = tx.connection, sums.block
    if _versions(connection, block, " /* locked */") != sums.versions:
        return False
    cut = len(sums.rows) if sums.cut else 0
    if connection.execute(_SQL["add_block"], block.named | {"cut": cut}).rowcount != 1:
        return False
    key = block.dimension, block.size, block.n
    connection.executemany(_ADD, [(*key, *row) for row in sums.rows])
    return True


def follow(tx: FoldableTx, last: str, changes: Sequence[Change]) -> None:
    """Add to the blocks around the chunk that ends there by how much it has changed."""
    connection = tx.connection
    for dimension, size, n, cut in connection.execute(_SQL["around"], {"last": last}).fetchall():
        block = Block(dimension, size, n)
        mine = [change for change in changes if change.dimension == dimension]
        if not cut:
            rows = [(dimension, size, n, change.unit, *change.more) for change in mine]
            connection.executemany(_CHANGE, rows)
            connection.execute(_SQL["empty"], block.named)
        elif any(change.after is None for change in mine):
            connection.execute(_SQL["remove_sums"], block.named)
            connection.execute(_SQL["remove"], block.named)


def blocks_kept(connection: Reads, fan: int = FAN) -> Iterator[tuple[Any, ...]]:
    """Find blocks that are not what their chunks, as they are kept, come to."""
    for dimension, size, n, cut in connection.execute(_SQL["kept"]).fetchall():
        block = Block(dimension, size, n)
        if not _complete(connection, block, fan):
            yield dimension, size, n, "parts"
        kept = connection.execute(_SQL["sums"], block.named).fetchall()
        if cut:
            strange = connection.execute(_SQL["strange"], block.named).fetchall()
            yield from ((dimension, size, n, unit) for (unit,) in strange)
            if len(kept) != cut:
                yield dimension, size, n, "units"
        elif kept != (should_be := _sum(connection, block, fan, INT64_MAX)):
            differing = {row[0] for row in set(kept) ^ set(should_be)}
            yield from ((dimension, size, n, unit) for unit in sorted(differing))


def _complete(connection: Reads, block: Block, fan: int) -> bool:
    """Tell whether each of its chunks was added up, and each smaller block in it is kept whole."""
    versions = _versions(connection, block)
    parts = block.size // fan
    smaller = connection.execute(_SQL["parts"], block.named | {"fan": fan}).fetchone()[0]
    return len(versions) == block.size and min(versions) > 0 and (parts == 1 or smaller == fan)


def _versions(connection: Reads, block: Block, clause: str = "") -> list[int]:
    asked = {"size": block.size, "n": block.n}
    return [version for (version,) in connection.execute(_SQL["versions"] + clause, asked)]


def _sum(connection: Reads, block: Block, fan: int, units: int) -> list[tuple[Any, ...]]:
    asked = block.named | {"units": units}
    if block.size == fan:
        return connection.execute(_SQL["of_chunks"], asked).fetchall()
    return connection.execute(_SQL["of_blocks"], asked | {"fan": fan}).fetchall()
