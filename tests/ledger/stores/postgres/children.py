"""Processes that are stopped or killed: `python -m tests.ledger.stores.postgres.children <address> <owner>`.

They print what they were told is durable, one line each, and in the end how their store died.
"""

import asyncio
import sys
from functools import partial
from itertools import count

from ledger import book
from ledger.store import StorageDead
from tests.ledger.examples import journal
from tests.ledger.stores.postgres.shared import shared_store


async def acknowledge(address: str, owner: str) -> None:
    """Book from 16 callers until the store dies; say each id as soon as it is durable."""
    store, numbers = shared_store(address, owner=owner, lease_s=1), count()
    store.open()

    async def caller() -> None:
        for n in numbers:
            await store.run(partial(book.submit, journal=journal(f"{owner}/{n}")))
            print(f"{owner}/{n}", flush=True)  # noqa: T201 - the parent reads it

    try:
        await asyncio.gather(*(caller() for _ in range(16)))
    except StorageDead as dead:
        print(f"dead: {dead}", flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    asyncio.run(acknowledge(sys.argv[1], sys.argv[2]))
