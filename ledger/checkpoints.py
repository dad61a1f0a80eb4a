"""Checkpoints: signed statements of how far the book goes and what it holds. Pure.

A checkpoint covers the journals since the one before it, by one Merkle root,
and names the chain's head, which covers everything before. Each names the
statement before it, so that none can be taken out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger import merkle
from ledger.chain import Head
from ledger.signing import NO_STATEMENT, Signed

FORMAT: Final = "sidecar-checkpoint/1"
JOURNALS_MAX: Final = 1000
"""How many journals one checkpoint covers at most: a path to its root has at most ten steps."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Journals `first` to `head.seq`, signed at `at_us` (microseconds).

    `root` is over the chain hashes of these journals; `previous` is SHA-256 of
    the statement before.
    """

    first: int
    head: Head
    root: bytes
    previous: bytes
    at_us: int

    @property
    def size(self) -> int:
        """Return how many journals it covers."""
        return self.head.seq - self.first + 1

    def statement(self) -> str:
        """Return the text that is signed: one JSON object, members in this order, no spaces."""
        members = {
            "format": FORMAT,
            "first": self.first,
            "seq": self.head.seq,
            "head": self.head.hash.hex(),
            "root": self.root.hex(),
            "previous": self.previous.hex(),
            "at_us": self.at_us,
        }
        return json.dumps(members, separators=(",", ":"))


def read(statement: str) -> Checkpoint:
    """Read what `Checkpoint.statement` wrote; ValueError for any other text."""
    try:
        members = json.loads(statement)
        found = Checkpoint(
            first=_whole(members["first"]),
            head=Head(_whole(members["seq"]), bytes.fromhex(members["head"])),
            root=bytes.fromhex(members["root"]),
            previous=bytes.fromhex(members["previous"]),
            at_us=_whole(members["at_us"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not a checkpoint") from error
    if found.statement() != statement:
        raise ValueError("not a checkpoint as it is written")
    return found


def _whole(member: object) -> int:
    if isinstance(member, int):
        return member
    raise TypeError("not a whole number")


def over(before: Signed | None, hashes: Sequence[bytes], at_us: int) -> Checkpoint:
    """Return the checkpoint after *before* over the chain *hashes* that follow it; at least one."""
    assert 0 < len(hashes) <= JOURNALS_MAX, "a checkpoint covers some journals, and not too many"
    first = 1 if before is None else read(before.statement).head.seq + 1
    return Checkpoint(
        first=first,
        head=Head(first + len(hashes) - 1, hashes[-1]),
        root=root_of(hashes),
        previous=NO_STATEMENT if before is None else before.digest,
        at_us=at_us,
    )


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the Merkle root over journals, each of which is a leaf by its chain hash."""
    return merkle.root([merkle.leaf(each) for each in hashes])
