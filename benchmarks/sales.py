"""Sales: the journals that stores are measured with, booked from many tasks at once.

Journals have two to four transfers, one of them from a bounded account of one of 2,000 buyers.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any, Final

from ledger import book
from ledger.accounts import Account, AccountClass, Constraint, Side
from ledger.book import Created
from ledger.money import USD, nano
from ledger.store import Store, Tx
from ledger.transfers import Journal, Transfer

BUYERS: Final = 2_000
Row = dict[str, Any]

CASH: Final = Account(("onchain",), USD, AccountClass.ASSET, Side.DEBIT)


def buyer(number: int) -> Account:
    """Return an account that may not be overdrawn, so that booking on it reads and locks it."""
    name = ("buyer", f"0x{number % BUYERS:040x}")
    return Account(name, USD, AccountClass.LIABILITY, Side.CREDIT, Constraint.NO_NEGATIVE)


def journal(name: str, number: int, endpoints: int) -> Journal:
    """Return a sale: money comes in, and two to four transfers take it to revenue and costs."""
    revenue = Account(("revenue", f"GET /{number % endpoints}"), USD, AccountClass.REVENUE, Side.CREDIT)
    payer = buyer(number * 7919)
    entries = [Transfer(f"{name}/in", debit=CASH, credit=payer, amount=nano(1_000))]
    entries += [
        Transfer(f"{name}/{part}", debit=payer, credit=revenue, amount=nano(100))
        for part in range(1 + number % 3)
    ]
    return Journal(name, "sale", tuple(entries), number)


async def booked(store: Store[Tx], callers: int, seconds: float, *, prefix: str, endpoints: int) -> Row:
    """Book from *callers* tasks for that long; every answer must be Created."""
    numbers, taken_s, transfers = count(), list[float](), 0
    began = time.perf_counter()

    async def caller() -> None:
        nonlocal transfers
        while (started := time.perf_counter()) - began < seconds:
            number = next(numbers)
            asked = journal(f"{prefix}{number}", number, endpoints)
            answer = await store.run(partial(book.submit, journal=asked))
            assert isinstance(answer, Created), answer
            taken_s.append(time.perf_counter() - started)
            transfers += len(asked.entries)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return figures(taken_s, transfers, time.perf_counter() - began)


def figures(taken_s: Sequence[float], transfers: int, elapsed_s: float) -> Row:
    """Return what a run comes to."""
    in_order = sorted(taken_s)
    return {
        "journals_per_s": round(len(in_order) / elapsed_s),
        "transfers_per_s": round(transfers / elapsed_s),
        "p50_ms": round(1e3 * in_order[len(in_order) // 2], 2),
        "p99_ms": round(1e3 * in_order[len(in_order) * 99 // 100], 2),
    }


def now_us() -> int:
    """Return microseconds since the epoch."""
    return time.time_ns() // 1_000
