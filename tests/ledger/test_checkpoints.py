"""A checkpoint says in one short text how far the book goes and what it holds."""

import hashlib
import json
from dataclasses import replace

import pytest

from ledger import checkpoints, merkle
from ledger.chain import Head
from ledger.checkpoints import Checkpoint
from ledger.signing import NO_STATEMENT, Signer

HASHES = [bytes([n]) * 32 for n in range(1, 4)]
FIRST = checkpoints.over(None, HASHES, 7)


def test_the_statement_is_documented() -> None:
    """One JSON object, as written here; anybody can read it."""
    root = merkle.root([merkle.leaf(each) for each in HASHES])

    assert Checkpoint(1, Head(3, HASHES[2]), root, NO_STATEMENT, 7) == FIRST
    assert FIRST.statement() == (
        f'{{"format":"sidecar-checkpoint/1","first":1,"seq":3,"head":"{"03" * 32}",'
        f'"root":"{root.hex()}","previous":"{"00" * 32}","at_us":7}}'
    )


def test_the_next_one_follows() -> None:
    """It begins after the one before, and names its statement."""
    signed = Signer(bytes(32)).sign(FIRST.statement())
    second = checkpoints.over(signed, HASHES[:2], 9)

    assert (second.first, second.head.seq, second.size) == (4, 5, 2)
    assert second.previous == hashlib.sha256(signed.statement.encode()).digest()


def test_a_statement_is_read_back() -> None:
    """What was written is what is read."""
    assert checkpoints.read(FIRST.statement()) == FIRST


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "[]",
        "7",
        "{}",
        FIRST.statement() + " ",
        FIRST.statement().replace("sidecar-checkpoint/1", "sidecar-checkpoint/2"),
        FIRST.statement().replace('"head":"', '"head":"zz'),
        FIRST.statement().replace('"first":1', '"first":"1"'),
        json.dumps(json.loads(FIRST.statement())),
        replace(FIRST, head=Head(3, b"")).statement().replace('"head":""', '"head":7'),
    ],
)
def test_no_other_text_is_a_statement(statement: str) -> None:
    """A text is read only if it is written as this ledger writes it."""
    with pytest.raises(ValueError, match=r".+"):
        checkpoints.read(statement)
