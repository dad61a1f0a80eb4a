"""The blocks so far, found by number, hash, transaction and log. Knows no EVM state and no JSON.

One call adds a block and everything that is found through it; there is nothing in between where an
exception could leave a transaction that points at no block.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sidecar.sandbox.evm import Block, Log, Mined

LOGS_MAX: Final = 10_000


class TooManyLogs(Exception):
    """More logs match than one answer may carry."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction is: its block and its position in it, and the first log's number there."""

    block: Block
    index: int
    first_log: int

    @property
    def mined(self) -> Mined:
        """The transaction at this place."""
        return self.block.mined[self.index]


@dataclass(frozen=True, slots=True)
class FoundLog:
    """One log with its place and its number within the block."""

    log: Log
    place: Place
    number: int


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs: no addresses means any; a topic position that is None means any."""

    first_block: int
    last_block: int
    addresses: frozenset[bytes]
    topics: tuple[frozenset[bytes] | None, ...]

    def wants(self, log: Log) -> bool:
        """Does *log* match, position by position? A log with fewer topics than asked for does not."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        pairs = zip(self.topics, log.topics, strict=False)
        return all(wanted is None or topic in wanted for wanted, topic in pairs)


class History:
    """One chain from the genesis block on; it grows at its head, and may lose blocks there."""

    def __init__(self, genesis: Block) -> None:
        self._blocks = [genesis]
        self._number_by_hash = {bytes(genesis.header.hash): 0}
        self._places: dict[bytes, Place] = {}
        self._logs: list[list[FoundLog]] = [[]]

    @property
    def head(self) -> Block:
        """The newest block."""
        return self._blocks[-1]

    def append(self, block: Block) -> None:
        """Add the next block with its transactions and logs, all at once."""
        assert block.header.parent_hash == self.head.header.hash, "a block follows the head"
        places: dict[bytes, Place] = {}
        logs: list[FoundLog] = []
        for index, mined in enumerate(block.mined):
            place = Place(block, index, len(logs))
            places[bytes(mined.transaction.hash)] = place
            logs += [FoundLog(log, place, place.first_log + n) for n, log in enumerate(mined.logs)]

        self._number_by_hash[bytes(block.header.hash)] = len(self._blocks)
        self._blocks.append(block)
        self._places.update(places)
        self._logs.append(logs)

    def rewind(self, number: int) -> list[Block]:
        """Forget the blocks after *number*, and return them in order."""
        assert number >= 0, "the genesis block stays"
        forgotten = self._blocks[number + 1 :]
        del self._blocks[number + 1 :], self._logs[number + 1 :]
        for block in forgotten:
            del self._number_by_hash[bytes(block.header.hash)]
            for mined in block.mined:
                del self._places[bytes(mined.transaction.hash)]
        return forgotten

    def at(self, number: int) -> Block | None:
        """Return the block of that number."""
        return self._blocks[number] if 0 <= number < len(self._blocks) else None

    def by_hash(self, block_hash: bytes) -> Block | None:
        """Return the block of that hash."""
        number = self._number_by_hash.get(block_hash)
        return None if number is None else self._blocks[number]

    def place(self, transaction_hash: bytes) -> Place | None:
        """Return where a transaction was mined."""
        return self._places.get(transaction_hash)

    def places(self, block: Block) -> Iterator[Place]:
        """Walk the transactions of *block* in order."""
        return (self._places[bytes(mined.transaction.hash)] for mined in block.mined)

    def logs(self, wanted: LogFilter) -> Sequence[FoundLog]:
        """Return the matching logs in chain order; raises TooManyLogs beyond LOGS_MAX."""
        found: list[FoundLog] = []
        for logs in self._logs[wanted.first_block : wanted.last_block + 1]:
            found.extend(each for each in logs if wanted.wants(each.log))
            if len(found) > LOGS_MAX:
                raise TooManyLogs
        return found
