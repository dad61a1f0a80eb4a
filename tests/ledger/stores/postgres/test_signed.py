"""What is signed of a shared book follows on what was signed, whoever of its writers signs."""

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import psycopg
import pytest

from ledger import book, checkpoints, closing, sealing
from ledger.book import Created, Rejected
from ledger.closing import LATE_US, NotClosed, Trial
from ledger.rules import JOURNAL
from ledger.signing import Signed, Signer
from ledger.statuses import Status
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.store import PostgresStore, PostgresTx
from tests.ledger.examples import Ticks, journal
from tests.ledger.stores.postgres.shared import chained, shared_store

SIGNER = Signer(bytes(32))
NOW_US = 10 * LATE_US
END_US = 5 * LATE_US
Two = tuple[PostgresStore[PostgresTx], PostgresStore[PostgresTx]]


@pytest.fixture
async def two(postgres: str) -> AsyncIterator[Two]:
    """Give two stores on one book, as two processes would have them."""
    opened = tuple(shared_store(postgres, now_us=Ticks(NOW_US)) for _ in range(2))
    for each in opened:
        each.open()
    yield opened  # type: ignore[misc]
    for each in opened:
        await each.close()


def submit(
    store: PostgresStore[PostgresTx], name: str, happened_us: int = END_US + 1
) -> "asyncio.Future[Created | book.Exists | Rejected]":
    return asyncio.ensure_future(
        store.run(partial(book.submit, journal=journal(name, happened_us=happened_us)))
    )


def close(store: PostgresStore[PostgresTx], seq: int) -> "asyncio.Future[Signed | NotClosed]":
    unit = partial(closing.close, signer=SIGNER, through_us=END_US, trial=Trial(seq, ()))
    return asyncio.ensure_future(store.run(unit))


async def test_two_that_sign_at_once_sign_no_journal_twice(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each checkpoint begins where the one before it ends."""
    monkeypatch.setattr(sealing, "JOURNALS_MAX", 3)
    await asyncio.gather(*(submit(two[n % 2], f"j{n}") for n in range(30)))
    await chained(two[0])

    sign = partial(sealing.seal, signer=SIGNER)
    signed = [each for each in await asyncio.gather(*(two[n % 2].run(sign) for n in range(16))) if each]

    assert sorted((each.first, each.head.seq) for each in signed) == [(n, n + 2) for n in range(1, 30, 3)]
    last = await two[1].run(lambda tx: tx.last_checkpoint())
    assert last is not None
    assert checkpoints.read(last.statement).head.seq == 30


async def test_a_close_waits_for_who_is_in_the_midst_of_booking(two: Two) -> None:
    """What one of them had begun when another closes is in the period, so the close must know it."""
    await submit(two[0], "a", END_US)
    await chained(two[0])
    gate, loop, begun = threading.Event(), asyncio.get_running_loop(), asyncio.Event()

    def late(tx: PostgresTx) -> object:
        booked = book.submit(tx, journal("late", happened_us=END_US))
        loop.call_soon_threadsafe(begun.set)
        gate.wait()
        return booked

    booking = asyncio.create_task(two[0].run(late))
    await begun.wait()
    closing_ = close(two[1], seq=1)
    await asyncio.sleep(0.05)
    assert not closing_.done()
    gate.set()

    assert isinstance(await booking, Created)
    assert await closing_ is NotClosed.CHANGED_MEANWHILE
    await chained(two[0])
    assert isinstance(await close(two[1], seq=2), Signed)


async def test_what_one_closes_is_closed_for_the_other(two: Two, postgres: str) -> None:
    """At once, in whatever groups; and the database says so too, to code that does not ask the rules."""
    await submit(two[0], "a", END_US)
    await chained(two[0])

    found = await asyncio.gather(
        *(submit(two[n % 2], f"b{n}") for n in range(40)),
        close(two[0], seq=1),
        *(submit(two[n % 2], f"c{n}") for n in range(40)),
    )
    late = await asyncio.gather(*(submit(each, "late", END_US) for each in two))

    assert sum(isinstance(each, Created) for each in found) == 80
    assert sum(isinstance(each, Signed) for each in found) == 1
    assert late == [Rejected(Status.PERIOD_CLOSED, JOURNAL, "happened_us")] * 2
    columns = "id, kind, happened_us, recorded_us, subject, note"
    insert = f"INSERT INTO journals ({columns}) VALUES ('x', '', %s, 1, '', '')"
    with connect(postgres) as connection:
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="the period is closed"):
            connection.execute(insert, (END_US,))
        connection.execute(insert, (END_US + 1,))
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="periods are immutable"):
            connection.execute("UPDATE periods SET through_us = 0")


async def test_two_closes_of_one_period_are_one(two: Two) -> None:
    """Whoever comes second is answered with what was signed."""
    await submit(two[0], "a", END_US)
    await chained(two[0])

    first, second = await asyncio.gather(close(two[0], seq=1), close(two[1], seq=1))

    assert isinstance(first, Signed)
    assert first == second
