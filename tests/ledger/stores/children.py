"""Processes that die: run as `python -m tests.ledger.stores.children <name> <path>` by the crash tests.

They print what they were told is durable, one line each.
"""

import asyncio
import resource
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from ledger import book
from ledger.book import Created
from ledger.store import StorageDead
from ledger.stores.sqlite import SqliteStore, SqliteTx
from tests.ledger.examples import Ticks, journal


def opened(path: Path) -> SqliteStore[SqliteTx]:
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks())
    store.open()
    return store


async def acknowledge(path: Path) -> None:
    """Book for ever from 16 callers; say each id as soon as it is durable."""
    store, numbers = opened(path), count()

    async def caller() -> None:
        for n in numbers:
            assert isinstance(await store.run(partial(book.submit, journal=journal(f"j{n}"))), Created)
            print(f"j{n}", flush=True)  # noqa: T201 - the parent reads it

    await asyncio.gather(*(caller() for _ in range(16)))


async def fail(path: Path) -> None:
    """Book until the system refuses to write any further, then say how the store died."""
    store = opened(path)
    size = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 400_000, size + 400_000))
    for n in count():
        try:
            await store.run(partial(book.submit, journal=journal(f"j{n}")))
        except StorageDead:
            break
        print(f"j{n}", flush=True)  # noqa: T201 - the parent reads it
    try:
        await store.run(lambda tx: tx.journal("j0"))
    except StorageDead as dead:
        print(f"dead: {store.failed == str(dead)}", flush=True)  # noqa: T201 - the parent reads it


async def hold_open(path: Path) -> None:
    """Keep the store open until killed."""
    store = opened(path)
    print("open", flush=True)  # noqa: T201 - the parent reads it
    await asyncio.sleep(3600)
    await store.close()


CHILDREN: dict[str, Callable[[Path], Coroutine[Any, Any, None]]] = {
    "acknowledge": acknowledge,
    "fail": fail,
    "hold_open": hold_open,
}

if __name__ == "__main__":
    asyncio.run(CHILDREN[sys.argv[1]](Path(sys.argv[2])))
