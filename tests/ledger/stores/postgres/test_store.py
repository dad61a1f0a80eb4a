"""Several processes share one book: what one acknowledged all see, and who lost its lease writes no more."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

import ledger
from ledger import book
from ledger.audit import audit
from ledger.book import Created, Exists, Rejected
from ledger.store import StorageDead, Store, StoreUnusable
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.dialect import Connection
from ledger.stores.postgres.sealing import Sealer, lag
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from tests.ledger.examples import (
    BUYER,
    CASH,
    OPEN,
    OWED,
    SALES,
    TILL,
    Ticks,
    expire,
    hold,
    journal,
    move,
    post,
    void,
)
from tests.ledger.stores.postgres.shared import shared_store

ROOT = Path(ledger.__file__).parent.parent


@pytest.fixture
async def two(postgres: str) -> AsyncIterator[tuple[PostgresStore[PostgresTx], ...]]:
    """Give two stores on one book, as two processes would have them."""
    opened = (shared_store(postgres), shared_store(postgres))
    for each in opened:
        each.open()
    yield opened
    for each in opened:
        await each.close()


async def sealed(address: str) -> None:
    """Wait until one of the writers that are open has sealed everything."""
    with closing(connect(address)) as connection:
        while lag(connection).journals:  # noqa: ASYNC110 - another process tells by the database alone
            await asyncio.sleep(0.05)


async def clean(address: str) -> int:
    """Assert that the audit finds nothing and return how many journals are sealed."""
    with closing(Connection(connect(address))) as connection:
        report = audit(connection)
        assert report.clean, report
        (sealed,) = connection.execute("SELECT count(*) FROM seals").fetchone() or (0,)
        (booked,) = connection.execute("SELECT count(*) FROM journals").fetchone() or (0,)
    assert sealed == booked
    return int(sealed)


@contextmanager
def child(address: str, owner: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.ledger.stores.postgres.children", address, owner]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def lines(process: "subprocess.Popen[str]", count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


async def submit_all(
    stores: tuple[PostgresStore[PostgresTx], ...], asked: list[object]
) -> list[Created | Exists | Rejected]:
    return await asyncio.gather(
        *(
            stores[n % len(stores)].run(partial(book.submit, journal=each))  # type: ignore[arg-type]
            for n, each in enumerate(asked)
        )
    )


async def test_holds_never_exceed_the_balance(
    postgres: str, two: tuple[PostgresStore[PostgresTx], ...]
) -> None:
    """Of 1,000 holds by two writers on a balance that admits 37, exactly 37 succeed."""
    await submit_all(two, [journal("fund", move("fund/0", units=379))])

    booked = await submit_all(two, [journal(f"j{n}", hold(f"h{n}", units=10)) for n in range(1000)])

    assert sum(isinstance(each, Created) for each in booked) == 37
    assert (await two[0].run(lambda tx: tx.balance(BUYER.id))).debits_pending == 370
    for each in two:
        await each.close()
    assert await clean(postgres) == 38


async def test_one_of_many_resolutions_wins(two: tuple[PostgresStore[PostgresTx], ...]) -> None:
    """Of 64 racing resolutions by two writers one wins, also where no account has a row to lock."""
    await submit_all(two, [journal("fund", hold("h", CASH, SALES))])
    ways = (lambda name: post(name, "h", 40), lambda name: void(name, "h"), lambda name: expire(name, "h"))

    booked = await submit_all(two, [journal(f"j{n}", ways[n % 3](f"r{n}")) for n in range(64)])

    assert sum(isinstance(each, Created) for each in booked) == 1
    assert len({each for each in booked if isinstance(each, Rejected)}) == 1


async def test_racing_repetitions_are_booked_once(two: tuple[PostgresStore[PostgresTx], ...]) -> None:
    """Of any copies of one journal one is Created and all others Exists, whoever was asked."""
    booked = await submit_all(two, [journal("a") for _ in range(64)])

    assert sorted(type(each).__name__ for each in booked) == ["Created"] + ["Exists"] * 63


async def test_opposed_orders_come_to_an_end(
    postgres: str, two: tuple[PostgresStore[PostgresTx], ...]
) -> None:
    """Units that move between the same accounts in both directions, many a group, are all booked."""
    asked = [
        journal(
            f"j{n}", move(f"j{n}/0", CASH, (BUYER, OPEN, OWED)[n % 3], 1), move(f"j{n}/1", TILL, SALES, 1)
        )
        if n % 2
        else journal(f"j{n}", move(f"j{n}/0", TILL, (OPEN, OWED, BUYER)[n % 3], 1))
        for n in range(300)
    ]

    booked = await submit_all(two, [*asked])

    assert all(isinstance(each, Created) for each in booked)
    for each in two:
        await each.close()
    assert await clean(postgres) == 300


async def test_a_killed_process_loses_nothing_it_acknowledged(postgres: str) -> None:
    """After kill -9 every id that was printed is there, and another writer goes on."""
    with child(postgres, "one") as process:
        said = lines(process, 200)
        process.kill()
        assert process.stdout is not None
        said += process.stdout.read().split("\n")[:-1]

    store = shared_store(postgres)
    store.open()
    for name in said:
        assert isinstance(await store.run(partial(book.submit, journal=journal(name))), Exists), name
    await sealed(postgres)
    await store.close()
    await clean(postgres)


async def test_a_stopped_process_is_fenced_out(postgres: str) -> None:
    """Who stood still past its lease writes nothing when it wakes up, and says why in one sentence."""
    with child(postgres, "sleeper") as process:
        lines(process, 50)
        os.kill(process.pid, signal.SIGSTOP)
        watcher = shared_store(postgres, owner="watcher")
        watcher.open()
        with connect(postgres) as connection:
            gone = "SELECT fenced FROM writers WHERE owner = 'sleeper'"
            while connection.execute(gone).fetchone() != (True,):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
            (before,) = connection.execute("SELECT count(*) FROM journals").fetchone() or (0,)
            os.kill(process.pid, signal.SIGCONT)
            assert process.stdout is not None
            *_, last = process.stdout.read().split("\n")[:-1]
            after = connection.execute("SELECT count(*) FROM journals").fetchone()

    assert last.startswith("dead: the lease of sleeper ran out and another process took its work over")
    assert after == (before,)
    await sealed(postgres)
    await watcher.close()
    await clean(postgres)


async def test_all_stores_seal_the_same_chain(postgres: str) -> None:
    """The same journals at the same times have the same hashes, wherever they are kept."""
    shared, memory = shared_store(postgres), MemoryStore(now_us=Ticks())
    shared.open()
    stores: tuple[Store[object], ...] = (shared, memory)
    for each in (
        journal("a", move("a/0"), hold("h1", units=30), hold("h2", units=20)),
        journal("b", post("b/0", "h1", 10), void("b/1", "h2"), subject="call_1"),
        journal("c", hold("c/0", units=999)),
    ):
        for store in stores:
            await store.run(partial(book.submit, journal=each))
    head = await memory.run(lambda tx: tx.head)
    await shared.close()

    with closing(connect(postgres)) as connection:
        sealed = connection.execute("SELECT place, hash FROM seals ORDER BY place DESC LIMIT 1").fetchone()
    assert sealed == (head.seq, head.hash)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journals SET note = 'x'",
        "DELETE FROM journals",
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "UPDATE accounts SET kind = 'equity'",
        "DELETE FROM accounts",
        "UPDATE seals SET place = 9",
        "DELETE FROM seals",
        "TRUNCATE transfers CASCADE",
        "TRUNCATE seals CASCADE",
    ],
)
async def test_booked_rows_are_immutable(postgres: str, change: str) -> None:
    """The database itself refuses to change or remove what was booked."""
    store = shared_store(postgres)
    store.open()
    await store.run(partial(book.submit, journal=journal("a")))
    await store.close()

    with (
        closing(connect(postgres)) as connection,
        pytest.raises(psycopg.errors.IntegrityError, match="are immutable"),
    ):
        connection.execute(change)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE balances SET debits_pending = 101", "check constraint"),
        ("UPDATE balances SET debits_posted = 60, debits_pending = 41", "check constraint"),
        ("UPDATE balances SET credits_posted = -1", "check constraint"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'void', 1, 2, 5, 'h')", "unique constraint"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'transfer', 1, 1, 5, NULL)", "check constraint"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'transfer', 1, 2, 0, NULL)", "check constraint"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'post', 1, 2, 5, NULL)", "check constraint"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'transfer', 1, 99, 5, NULL)", "names what is not there"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'transfer', 99, 1, 5, NULL)", "names what is not there"),
        ("INSERT INTO transfers VALUES (9, 0, 'x', 'transfer', 1, 2, 5, NULL)", "names what is not there"),
        ("INSERT INTO transfers VALUES (1, 9, 'x', 'post', 1, 2, 5, 'none')", "names what is not there"),
    ],
)
async def test_the_schema_holds_the_laws_itself(postgres: str, change: str, why: str) -> None:
    """Overdrafts and second resolutions are refused by the database, whatever the code does."""
    store = shared_store(postgres)
    store.open()
    for asked in (journal("a", move("a/0"), hold("h")), journal("c", void("c/0", "h"))):
        await store.run(partial(book.submit, journal=asked))
    await store.close()

    with closing(connect(postgres)) as connection, pytest.raises(psycopg.errors.IntegrityError, match=why):
        connection.execute(change)


async def test_a_store_must_be_opened(postgres: str) -> None:
    """Before open nothing runs, and close has nothing to do."""
    store = shared_store(postgres)

    with pytest.raises(StorageDead, match="not open"):
        await store.run(lambda tx: tx.head)
    assert store.failed is None
    await store.close()


async def test_a_keeper_that_fails_is_the_end(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever cannot seal, or renew, whatever the reason, is not to go on as if all were well."""

    def trip(*_: object) -> bool:
        raise KeyError("an account")

    monkeypatch.setattr(Sealer, "seal", trip)
    store = shared_store(postgres)
    store.open()
    while store.failed is None:  # noqa: ASYNC110 - another thread tells
        await asyncio.sleep(0.01)

    assert store.failed == "the keeper failed: KeyError('an account')"
    with pytest.raises(StorageDead, match="the keeper failed"):
        await store.run(lambda tx: tx.head)
    await store.close()


async def test_an_owner_is_never_used_again(postgres: str) -> None:
    """A name that was a writer's before cannot be another's: its open work would be taken for its own."""
    store = shared_store(postgres, owner="one")
    store.open()
    await store.close()

    with pytest.raises(StoreUnusable, match="cannot be written"):
        shared_store(postgres, owner="one").open()


async def test_who_was_away_itself_fences_nobody_at_first(postgres: str) -> None:
    """When the database was away from all of them, the first one back leaves the others time to come."""
    store = shared_store(postgres, lease_s=60)
    store.open()
    late = "UPDATE writers SET until = clock_timestamp() - interval '1 hour'"
    with closing(connect(postgres)) as connection:
        connection.execute("INSERT INTO writers VALUES ('also away', clock_timestamp(), false)")
        connection.execute(late)
        renewed = "SELECT until > clock_timestamp() FROM writers WHERE owner <> 'also away'"
        while not (connection.execute(renewed).fetchone() or (False,))[0]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for _ in range(3):
            await store.run(lambda tx: tx.head)
            await asyncio.sleep(0.05)
        fenced = connection.execute("SELECT fenced FROM writers WHERE owner = 'also away'").fetchone()

    assert fenced == (False,)
    assert store.failed is None
    await store.close()
