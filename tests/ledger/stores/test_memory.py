"""The memory store's balances are the sums of its entries, and it seals the same chain as SQLite."""

from functools import partial
from pathlib import Path

from ledger import book
from ledger.store import Store
from ledger.stores.memory import MemoryStore, MemoryTx
from ledger.stores.sqlite import SqliteStore, SqliteTx
from tests.ledger.examples import BUYER, CASH, SALES, Ticks, hold, journal, move, post, void

JOURNALS = (
    journal("a", move("a/0"), hold("h1", units=30), hold("h2", units=20)),
    journal("b", post("b/0", "h1", 10), void("b/1", "h2"), subject="call_1"),
    journal("c", hold("c/0", units=999)),
)


async def test_balances_equal_a_recomputation() -> None:
    """What is kept is what the entries add up to."""
    store = MemoryStore(now_us=Ticks())
    for each in JOURNALS:
        await store.run(partial(book.submit, journal=each))

    def compare(tx: MemoryTx) -> list[bool]:
        return [tx.balance(each.id) == tx.recomputed(each.id) for each in (BUYER, CASH, SALES)]

    assert await store.run(compare) == [True, True, True]


async def test_both_stores_seal_the_same_chain(tmp_path: Path) -> None:
    """The same journals at the same times have the same hashes, wherever they are kept."""
    sqlite: SqliteStore[SqliteTx] = SqliteStore(tmp_path / "book.db", now_us=Ticks())
    sqlite.open()
    memory = MemoryStore(now_us=Ticks())
    stores: tuple[Store[MemoryTx] | Store[SqliteTx], ...] = (memory, sqlite)
    for store in stores:
        for each in JOURNALS:
            await store.run(partial(book.submit, journal=each))

    heads = [await memory.run(lambda tx: tx.head), await sqlite.run(lambda tx: tx.head)]
    await sqlite.close()

    assert heads[0] == heads[1]
    assert heads[0].seq == 2
