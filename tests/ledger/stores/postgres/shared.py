"""Shared books for tests: each opened by a writer of its own, with beats that come fast."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

from ledger.book import Created, Exists
from ledger.store import Store
from ledger.stores.postgres.sealing import lag
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from tests.ledger.examples import Ticks

_owners = count()


def shared_store(
    address: str, *, now_us: Callable[[], int] | None = None, owner: str = "", **settings: Any
) -> PostgresStore[PostgresTx]:
    """Return a store that is not open yet."""
    return PostgresStore(
        address,
        owner=owner or f"writer {next(_owners)}",
        now_us=now_us or Ticks(),
        spread=lambda below: below // 2,
        **{"beat_ms": 20, **settings},
    )


def numbered(store: Store[Any], found: object, expected: Created | Exists) -> bool:
    """Tell whether a journal has the number it must have: no gaps, but where several writers share a book."""
    if isinstance(store, PostgresStore):
        return isinstance(found, type(expected)) and found.seq >= expected.seq
    return found == expected


async def chained(store: Store[Any]) -> None:
    """Wait until what is booked has its place in the chain, which a shared book is given behind."""
    if isinstance(store, PostgresStore):
        while (await store.run(lambda tx: lag(tx.connection.postgres))).journals:  # noqa: ASYNC110 - another thread seals
            await asyncio.sleep(0.01)
