"""Every signed journal of a book can be proven to a stranger."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import ledger
from ledger import book, proofs, proving, sealing
from ledger.proving import Unproven
from ledger.signing import Signer
from ledger.store import Store
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.dialect import Connection
from ledger.stores.sqlite import SqliteStore, SqliteTx
from tests.ledger.examples import BUYER, SALES, Ticks, hold, journal, move, post
from tests.ledger.stores.postgres.shared import chained, shared_store

SIGNER = Signer(bytes(range(32)))
SIGNED = 7
CHECKER = Path(ledger.__file__).parent.parent / "examples" / "check_proof.py"


async def written(store: Store[Any]) -> None:
    """Write a book with a checkpoint of two journals, one of five, and a journal that is not signed."""
    for n in range(SIGNED + 1):
        asked = journal(
            f"j{n}", move(f"j{n}/0"), hold(f"j{n}/1", BUYER, SALES, 9), post(f"j{n}/2", f"j{n}/1", 5)
        )
        await store.run(partial(book.submit, journal=asked))
        await chained(store)
        if n in {1, SIGNED - 1}:
            await store.run(partial(sealing.seal, signer=SIGNER))
    await store.close()


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """The file of the book."""
    path = tmp_path / "book.db"
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks())
    store.open()
    await written(store)
    return path


@pytest.fixture
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


@pytest.mark.parametrize("n", range(SIGNED))
def test_every_signed_journal_is_proven(reader: sqlite3.Connection, n: int) -> None:
    """Also the first one that opened accounts, and the last one of a checkpoint."""
    proof = proving.prove(reader, f"j{n}")

    assert proofs.fault(proof, SIGNER.public_key) is None
    assert json.loads(proof.journal)[:2] == [n + 1, f"j{n}"]


async def test_every_signed_journal_of_a_shared_book_is_proven(postgres: str) -> None:
    """By its place in the chain, whatever number it has; what is not signed is not."""
    store = shared_store(postgres)
    store.open()
    await written(store)
    with closing(Connection(connect(postgres, read_only=True))) as reader:
        for n in range(SIGNED):
            proof = proving.prove(reader, f"j{n}")
            assert proofs.fault(proof, SIGNER.public_key) is None
            assert json.loads(proof.journal)[:2] == [n + 1, f"j{n}"]
        for name, why in (("nothing", "there is no journal"), ("j7", "is not signed yet")):
            with pytest.raises(Unproven, match=why):
                proving.prove(reader, name)


@pytest.mark.parametrize(("name", "why"), [("nothing", "there is no journal"), ("j7", "is not signed yet")])
def test_what_is_not_signed_is_not_proven(reader: sqlite3.Connection, name: str, why: str) -> None:
    """One sentence says why."""
    with pytest.raises(Unproven, match=why):
        proving.prove(reader, name)


def test_a_changed_journal_is_not_proven(path: Path) -> None:
    """Nobody gets a proof of something else than was signed."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER transfers_no_update")
        connection.execute("UPDATE transfers SET amount = 6 WHERE id = 'j3/2'")
        connection.commit()
        with pytest.raises(Unproven, match="verify the books"):
            proving.prove(connection, "j3")


@pytest.mark.parametrize(
    ("amount", "key", "code", "says"),
    [
        (5, SIGNER.public_key.hex(), 0, "proven: [4,"),
        (6, SIGNER.public_key.hex(), 1, "not among those that were signed"),
        (5, Signer(bytes(32)).public_key.hex(), 1, "not signed with this key"),
        (5, "zz", 2, "no proof, or no key"),
    ],
)
def test_a_stranger_checks_it_without_the_ledger(
    reader: sqlite3.Connection, tmp_path: Path, amount: int, key: str, code: int, says: str
) -> None:
    """The checker of the examples is one file that knows nothing of this package."""
    found = proofs.proof_object(proving.prove(reader, "j3"), SIGNER.public_key)
    found["journal"] = found["journal"].replace(',5,"j3/1"', f',{amount},"j3/1"')
    (tmp_path / "proof.json").write_text(json.dumps(found))
    ended = subprocess.run(
        [sys.executable, "-I", str(CHECKER), str(tmp_path / "proof.json"), key],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, says in ended.stdout) == (code, True)
    assert "ledger" not in CHECKER.read_text().replace("sidecar ledger", "")
