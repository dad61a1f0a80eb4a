"""Sealing signs each journal once, in checkpoints of a bounded size."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from ledger import book, checkpoints, sealing
from ledger.checkpoints import Checkpoint
from ledger.signing import Signer, is_signed_by
from ledger.store import Rollback, SealableTx, Store
from ledger.stores.memory import MemoryStore
from ledger.stores.sqlite import SqliteStore, SqliteTx
from tests.ledger.examples import Ticks, journal
from tests.ledger.stores.postgres.shared import chained, shared_store

SIGNER = Signer(bytes(32))
AnyStore = Store[SealableTx]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnyStore]:
    opened: AnyStore
    if request.param == "memory":
        opened = MemoryStore(now_us=Ticks())
    elif request.param == "postgres":
        shared = shared_store(request.getfixturevalue("postgres"))
        shared.open()
        opened = shared
    else:
        sqlite: SqliteStore[SqliteTx] = SqliteStore(tmp_path / "book.db", now_us=Ticks())
        sqlite.open()
        opened = sqlite
    yield opened
    await opened.close()


async def booked(store: AnyStore, count: int, name: str = "j") -> None:
    def several(tx: SealableTx) -> None:
        for n in range(count):
            book.submit(tx, journal(f"{name}{n}"))

    await store.run(several)
    await chained(store)


async def seal(store: AnyStore, least: int = 1) -> Checkpoint | None:
    return await store.run(partial(sealing.seal, signer=SIGNER, least=least))


async def test_nothing_is_sealed_twice(store: AnyStore) -> None:
    """A checkpoint covers what is new, and with nothing new there is none."""
    assert await seal(store) is None
    await booked(store, 3)
    first = await seal(store)
    assert await seal(store) is None
    await booked(store, 2, "k")
    second = await seal(store)
    signed = await store.run(lambda tx: tx.last_checkpoint())

    assert first is not None
    assert second is not None
    assert signed is not None
    assert [(each.first, each.head.seq) for each in (first, second)] == [(1, 3), (4, 5)]
    assert checkpoints.read(signed.statement) == second
    assert is_signed_by(SIGNER.public_key, signed)
    assert second.head == await store.run(lambda tx: tx.head)


async def test_a_checkpoint_waits_for_enough(store: AnyStore) -> None:
    """Who wants full ones only gets them only when they are full."""
    await booked(store, 3)

    assert await seal(store, least=4) is None
    assert await seal(store, least=3) is not None


async def test_many_journals_are_several_checkpoints(
    store: AnyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many wait, each has a short path to its own checkpoint."""
    monkeypatch.setattr(sealing, "JOURNALS_MAX", 4)
    await booked(store, 10)
    sizes = [each.size for _ in range(3) if (each := await seal(store))]

    assert sizes == [4, 4, 2]
    assert await seal(store) is None


async def test_a_checkpoint_that_is_undone_was_never_there(store: AnyStore) -> None:
    """It stands or falls with its unit."""

    def undo(tx: SealableTx) -> None:
        sealing.seal(tx, SIGNER)
        raise Rollback(None)

    await booked(store, 1)
    await store.run(undo)

    assert await store.run(lambda tx: tx.last_checkpoint()) is None
