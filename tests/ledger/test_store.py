"""The contract of a store, held to by memory, SQLite and PostgreSQL with the same tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger import book
from ledger.accounts import Account
from ledger.balances import Balance
from ledger.book import Created, Exists, Rejected
from ledger.money import INT64_MAX
from ledger.statuses import Status
from ledger.store import Rollback, StorageDead, Store, Tx
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres.store import PostgresStore
from ledger.stores.sqlite import SqliteStore, SqliteTx
from ledger.transfers import Journal, Kind
from tests.ledger.examples import (
    BUYER,
    CASH,
    OPEN,
    SALES,
    Ticks,
    expire,
    hold,
    journal,
    limited,
    move,
    post,
    void,
)
from tests.ledger.stores.postgres.shared import numbered, shared_store

Booking = Created | Exists | Rejected
AnyStore = Store[Tx]


@pytest.fixture
def clock() -> Ticks:
    return Ticks()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Ticks) -> AsyncIterator[AnyStore]:
    opened: AnyStore
    if request.param == "memory":
        opened = MemoryStore(now_us=clock)
    elif request.param == "postgres":
        shared = shared_store(request.getfixturevalue("postgres"), now_us=clock)
        shared.open()
        opened = shared
    else:
        sqlite: SqliteStore[SqliteTx] = SqliteStore(tmp_path / "book.db", now_us=clock)
        sqlite.open()
        opened = sqlite
    yield opened
    await opened.close()


def submit(store: AnyStore, asked: Journal) -> Coroutine[Any, Any, Booking]:
    return store.run(partial(book.submit, journal=asked))


async def balance(store: AnyStore, account: Account) -> Balance:
    return await store.run(lambda tx: tx.balance(account.id))


async def test_a_journal_is_booked_whole(store: AnyStore) -> None:
    """Every entry of a journal moves its two accounts."""
    asked = journal("j", move("j/0", CASH, BUYER, 100), hold("j/1", BUYER, SALES, 60))

    assert await submit(store, asked) == Created(1)
    assert await balance(store, CASH) == Balance(debits_posted=100)
    assert await balance(store, BUYER) == Balance(credits_posted=100, debits_pending=60)
    assert await balance(store, SALES) == Balance(credits_pending=60)


async def test_a_rejected_journal_leaves_nothing(store: AnyStore) -> None:
    """No entry, account, number or hash of a refused journal stays."""
    await submit(store, journal("a"))
    refused = journal("b", move("b/0", CASH, OPEN, 1), hold("b/1", BUYER, SALES, 101))

    assert await submit(store, refused) == Rejected(Status.EXCEEDS_CREDITS, 1, "debit")
    assert await store.run(lambda tx: tx.account(OPEN.id)) is None
    assert await store.run(lambda tx: tx.transfer("b/0")) is None
    assert await store.run(lambda tx: tx.journal("b")) is None
    assert numbered(store, await submit(store, journal("c")), Created(2))


async def test_the_same_journal_again_exists(store: AnyStore) -> None:
    """A repetition answers with the first number, also after its hold was resolved, and moves nothing."""
    first = journal("a", move("a/0"), hold("a/1", units=60))
    await submit(store, first)
    resolved = journal("b", post("b/0", "a/1", 60))
    await submit(store, resolved)

    assert await submit(store, first) == Exists(1)
    assert await submit(store, resolved) == Exists(2)
    assert await balance(store, BUYER) == Balance(credits_posted=100, debits_posted=60)


async def test_the_same_id_with_other_content_is_a_conflict(store: AnyStore) -> None:
    """Nothing is booked twice under one id, and the answer names what differs."""
    await submit(store, journal("a", move("a/0", units=5)))

    assert await submit(store, journal("a", move("a/0", units=6))) == Rejected(
        Status.EXISTS_WITH_DIFFERENT_AMOUNT, 0, "amount"
    )
    assert await submit(store, journal("a", move("a/0", units=5), happened_us=8)) == Rejected(
        Status.EXISTS_WITH_DIFFERENT_HAPPENED_US, -1, "happened_us"
    )
    assert await submit(store, journal("b", move("a/0", units=5))) == Rejected(Status.ENTRY_ID_TAKEN, 0, "id")


@pytest.mark.parametrize(("held", "used"), [(100, 40), (100, 100), (100, 1)])
async def test_unused_hold_returns(store: AnyStore, held: int, used: int) -> None:
    """Whatever a post does not use is available again."""
    await submit(store, journal("a", move("a/0", units=held), hold("a/1", units=held)))
    await submit(store, journal("b", post("b/0", "a/1", used)))

    left = await balance(store, BUYER)

    assert (left.available(BUYER.side), left.debits_pending) == (held - used, 0)
    assert await balance(store, SALES) == Balance(credits_posted=used)


@pytest.mark.parametrize("resolve", [void, expire])
async def test_a_returned_hold_moves_nothing(store: AnyStore, resolve: Callable[[str, str], Any]) -> None:
    """After a void or an expiry both accounts are as before the hold."""
    await submit(store, journal("a", move("a/0"), hold("a/1")))
    await submit(store, journal("b", resolve("b/0", "a/1")))

    assert await balance(store, BUYER) == Balance(credits_posted=100)
    assert await balance(store, SALES) == Balance()


async def test_later_entries_see_earlier_ones(store: AnyStore) -> None:
    """A journal may spend what it brings in, and move on what it posts."""
    assert await submit(store, journal("a", move("a/0"), hold("a/1", units=100))) == Created(1)
    assert await submit(store, journal("b", post("b/0", "a/1", 30), move("b/1", BUYER, CASH, 70))) == Created(
        2
    )
    assert (await balance(store, BUYER)).available(BUYER.side) == 0


async def test_what_was_booked_can_be_read(store: AnyStore, clock: Ticks) -> None:
    """A booked journal is found by its id, a hold with its resolution, an account as first used."""
    asked = journal("a", move("a/0"), hold("a/1"), kind="sale", subject="call_1")
    clock.us = 50
    await submit(store, asked)
    await submit(store, journal("b", void("b/0", "a/1")))

    booked = await store.run(lambda tx: tx.journal("a"))
    held = await store.run(lambda tx: tx.transfer("a/1"))
    ended = await store.run(lambda tx: tx.transfer("b/0"))
    account = await store.run(lambda tx: tx.account(SALES.id))

    assert booked is not None
    assert (booked.seq, booked.kind, booked.subject, booked.recorded_us) == (1, "sale", "call_1", 50)
    assert [row.id for row in booked.rows] == ["a/0", "a/1"]
    assert held is not None
    assert held.resolution is Kind.VOID
    assert ended is not None
    assert (ended.row.debit, ended.row.units, ended.row.pending_id) == (BUYER, 100, "a/1")
    assert account is not None
    assert (account.account, account.balance) == (SALES, None)


async def test_unknown_things_are_none(store: AnyStore) -> None:
    """What was never booked is absent, and its balance is zero."""
    assert await store.run(lambda tx: tx.journal("x")) is None
    assert await store.run(lambda tx: tx.transfer("x")) is None
    assert await store.run(lambda tx: tx.account(("x",))) is None
    assert await store.run(lambda tx: tx.balance(("x",))) == Balance()


async def test_recorded_time_never_decreases(store: AnyStore, clock: Ticks) -> None:
    """When the clock goes back, the book's time stands still."""
    seen: list[int] = []
    for us in (100, 90, 101):
        clock.us = us
        seen.append(await store.run(lambda tx: tx.recorded_us))
        await submit(store, journal(f"at {us}"))

    booked = [
        await store.run(partial(lambda tx, name: tx.journal(name), name=f"at {us}")) for us in (100, 90, 101)
    ]

    assert seen == [100, 100, 101]
    assert [each.recorded_us for each in booked if each is not None] == [100, 100, 101]


async def test_the_largest_amount_is_kept_exactly(store: AnyStore) -> None:
    """Append-only accounts add up beyond int64; constrained ones refuse to."""
    for name in ("a", "b", "c"):
        assert isinstance(await submit(store, journal(name, move(name, CASH, SALES, INT64_MAX))), Created)
    full = limited(OPEN, None)
    await submit(store, journal("d", move("d", full, CASH, INT64_MAX)))

    assert await balance(store, SALES) == Balance(credits_posted=3 * INT64_MAX)
    assert await balance(store, OPEN) == Balance(debits_posted=INT64_MAX)
    assert await submit(store, journal("e", move("e", full, CASH, 1))) == Rejected(
        Status.OVERFLOW, 0, "debit"
    )


async def test_a_units_own_exception_undoes_only_that_unit(store: AnyStore) -> None:
    """What the unit wrote is gone, its exception comes out, and its neighbours are not disturbed."""

    def fail(tx: Tx) -> None:
        book.submit(tx, journal("bad", move("bad/0", CASH, limited(OPEN, None), 1)))
        raise LookupError("the unit's own")

    results = await asyncio.gather(
        submit(store, journal("a")), store.run(fail), submit(store, journal("b")), return_exceptions=True
    )

    assert results[0] == Created(1)
    assert isinstance(results[1], LookupError)
    assert numbered(store, results[2], Created(2))
    assert await store.run(lambda tx: tx.journal("bad")) is None
    assert await store.run(lambda tx: tx.account(OPEN.id)) is None
    again = await submit(store, journal("c", move("c", limited(OPEN, None), CASH, 1)))
    assert numbered(store, again, Created(3))


async def test_rollback_undoes_and_returns_its_value(store: AnyStore) -> None:
    """A unit may book, find that it should not have, and answer."""

    def change_of_mind(tx: Tx) -> str:
        book.submit(tx, journal("a"))
        assert tx.journal("a") is not None
        raise Rollback("no")

    assert await store.run(change_of_mind) == "no"
    assert await store.run(lambda tx: tx.journal("a")) is None
    assert numbered(store, await submit(store, journal("b")), Created(1))


async def test_a_unit_books_several_journals_together(store: AnyStore) -> None:
    """Journals of one unit see each other and stand or fall together."""

    def both(tx: Tx) -> tuple[Booking, Booking]:
        return (
            book.submit(tx, journal("a", move("a/0"))),
            book.submit(tx, journal("b", hold("b/0", units=100))),
        )

    assert await store.run(both) == (Created(1), Created(2))


async def test_holds_never_exceed_the_balance(store: AnyStore) -> None:
    """Of 1,000 concurrent holds on a balance that admits 37, exactly 37 succeed."""
    await submit(store, journal("fund", move("fund/0", units=379)))

    booked = await asyncio.gather(
        *(submit(store, journal(f"j{n}", hold(f"h{n}", units=10))) for n in range(1000))
    )

    assert sum(isinstance(each, Created) for each in booked) == 37
    assert {each for each in booked if not isinstance(each, Created)} == {
        Rejected(Status.EXCEEDS_CREDITS, 0, "debit")
    }
    assert (await balance(store, BUYER)).debits_pending == 370


async def test_one_of_many_resolutions_wins(store: AnyStore) -> None:
    """Of 64 racing posts, voids and expiries of one hold exactly one happens; the others hear which."""
    await submit(store, journal("fund", move("fund/0"), hold("h")))
    ways = (lambda name: post(name, "h", 40), lambda name: void(name, "h"), lambda name: expire(name, "h"))

    booked = await asyncio.gather(*(submit(store, journal(f"j{n}", ways[n % 3](f"r{n}"))) for n in range(64)))

    winners = [each for each in booked if isinstance(each, Created)]
    losers = {each.status for each in booked if isinstance(each, Rejected)}
    assert len(winners) == 1
    assert losers < {
        Status.PENDING_ALREADY_POSTED,
        Status.PENDING_ALREADY_VOIDED,
        Status.PENDING_ALREADY_EXPIRED,
    }
    assert len(losers) == 1


async def test_racing_repetitions_are_booked_once(store: AnyStore) -> None:
    """Of any copies of one journal one is Created and all others Exists."""
    booked = await asyncio.gather(*(submit(store, journal("a")) for _ in range(64)))

    assert sorted(type(each).__name__ for each in booked) == ["Created"] + ["Exists"] * 63
    assert await balance(store, BUYER) == Balance(credits_posted=100)


async def test_a_cancelled_caller_does_not_disturb_its_unit(store: AnyStore) -> None:
    """A unit that was handed over runs, whoever still waits, and the next one is answered."""
    started = asyncio.create_task(submit(store, journal("a")))
    await asyncio.sleep(0)
    started.cancel()
    with suppress(asyncio.CancelledError):
        await started

    # Of several threads the second may be done first; one does them in their order.
    second = Created(1 if isinstance(store, PostgresStore) else 2)
    assert numbered(store, await submit(store, journal("b")), second)
    assert numbered(store, await submit(store, journal("a")), Exists(1))


async def test_close_finishes_what_was_accepted(store: AnyStore) -> None:
    """Units handed over before close are durable; later ones are refused."""
    waiting = [asyncio.create_task(submit(store, journal(f"j{n}"))) for n in range(20)]
    await asyncio.sleep(0)

    await asyncio.gather(store.close(), store.close())

    assert [await each for each in waiting] == [Created(n + 1) for n in range(20)]
    with pytest.raises(StorageDead, match="closed"):
        await submit(store, journal("late"))
    await asyncio.gather(store.close(), store.close())


async def test_an_account_is_what_it_was_first(store: AnyStore) -> None:
    """An account's definition is fixed by its first use, in whatever journal."""
    await submit(store, journal("a"))
    other = replace(BUYER, id=("buyer", "0xb"), side=CASH.side)

    assert await submit(store, journal("b", move("b/0", CASH, other))) == Rejected(
        Status.ACCOUNT_DIFFERS, 0, "credit.side"
    )
