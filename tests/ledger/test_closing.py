"""A period is closed once and for ever, after its end, with a balance that nothing can change any more."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing as closed
from functools import partial
from pathlib import Path

import pytest

from ledger import book, closing, periods, reports
from ledger.accounts import Closure
from ledger.audit import audit
from ledger.book import Created, Exists, Rejected
from ledger.closing import LATE_US, NotClosed, Trial, close_account
from ledger.periods import Standing
from ledger.rules import JOURNAL
from ledger.signing import Signed, Signer, is_signed_by
from ledger.statuses import Status
from ledger.store import ClosableTx, Rollback, Store
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.dialect import Connection
from ledger.stores.postgres.store import PostgresTx
from ledger.stores.sqlite import SqliteStore, SqliteTx
from ledger.transfers import Journal
from tests.ledger.examples import BUYER, SALES, Ticks, hold, journal, move, post, void
from tests.ledger.stores.postgres.shared import chained, numbered, shared_store

SIGNER = Signer(bytes(32))
STANDINGS = (Standing("cash", "USD", "0.000000100", "0.000000000"),)
NOW_US = 10 * LATE_US
END_US = 5 * LATE_US
AnyStore = Store[ClosableTx]


@pytest.fixture
def clock() -> Ticks:
    return Ticks(NOW_US)


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


async def submit(store: AnyStore, name: str, happened_us: int) -> Created | Exists | Rejected:
    booked = await store.run(partial(book.submit, journal=journal(name, happened_us=happened_us)))
    await chained(store)
    return booked


async def close(store: AnyStore, through_us: int = END_US, seq: int = 1) -> Signed | NotClosed:
    trial = Trial(seq, STANDINGS)
    return await store.run(partial(closing.close, signer=SIGNER, through_us=through_us, trial=trial))


async def test_a_closed_period_takes_nothing_more(store: AnyStore) -> None:
    """What happened in it is refused by name; what came later, and what is booked already, is as before."""
    assert await submit(store, "before", END_US) == Created(1)
    assert isinstance(await close(store), Signed)

    refused = Rejected(Status.PERIOD_CLOSED, JOURNAL, "happened_us")
    assert await submit(store, "late", END_US) == refused
    assert await submit(store, "older", 0) == refused
    assert numbered(store, await submit(store, "next", END_US + 1), Created(2))
    assert await submit(store, "before", END_US) == Exists(1)


async def test_what_is_signed_names_the_book_and_its_accounts(store: AnyStore) -> None:
    """Number, end, head and balances; the next close names the statement before it."""
    await submit(store, "a", END_US)
    first = await close(store)
    second = await close(store, END_US + 7)
    assert isinstance(first, Signed)
    assert isinstance(second, Signed)
    one, two = periods.read(first.statement), periods.read(second.statement)

    assert is_signed_by(SIGNER.public_key, first)
    assert (one.number, one.through_us, one.closed_us, one.standings) == (1, END_US, NOW_US, STANDINGS)
    assert one.head == await store.run(lambda tx: tx.head)
    assert (two.number, two.previous) == (2, first.digest)
    assert await store.run(lambda tx: tx.last_period()) == second


async def test_the_same_close_again_changes_nothing(store: AnyStore, clock: Ticks) -> None:
    """It answers with what was signed the first time."""
    await submit(store, "a", END_US)
    first = await close(store)
    clock.us += 5

    assert await close(store) == first


async def test_a_closed_account_takes_nothing_more(store: AnyStore, clock: Ticks) -> None:
    """New transfers and holds on it are refused, and what it holds is resolved as ever."""

    async def booked(asked: Journal) -> Created | Exists | Rejected:
        return await store.run(partial(book.submit, journal=asked))

    async def ended(reason: str) -> Closure | None:
        return await store.run(partial(close_account, account_id=SALES.id, reason=reason, key="k"))

    first = journal("first", move("in"), hold("h", units=60), hold("g", units=30))
    assert await ended("not yet there") is None
    assert isinstance(await booked(first), Created)
    closure = Closure(SALES.id, NOW_US, "the endpoint is gone", "k")
    assert await ended("the endpoint is gone") == closure
    clock.us += 5

    assert await ended("again") == closure
    refused = Rejected(Status.ACCOUNT_CLOSED, 0, "credit")
    assert await booked(journal("hold", hold("n", units=1))) == refused
    assert await booked(journal("move", move("n", BUYER, SALES, 1))) == refused
    assert isinstance(await booked(first), Exists)
    assert isinstance(await booked(journal("post", post("p", "h", 50), void("v", "g"))), Created)
    assert isinstance(await booked(journal("other", move("m"))), Created)


async def test_an_account_whose_close_is_undone_is_open(store: AnyStore) -> None:
    """What a unit closed and did not commit, no later unit sees."""
    await store.run(partial(book.submit, journal=journal("in", move("in"), hold("h", units=60))))

    def unit(tx: ClosableTx) -> None:
        assert close_account(tx, SALES.id, reason="by mistake", key="k") is not None
        asked = book.submit(tx, journal("no", move("no", BUYER, SALES, 1)))
        assert asked == Rejected(Status.ACCOUNT_CLOSED, 0, "credit")
        raise Rollback(None)

    await store.run(unit)

    booked = await store.run(partial(book.submit, journal=journal("yes", move("yes", BUYER, SALES, 1))))
    assert isinstance(booked, Created)


async def test_what_cannot_be_closed_is_told(store: AnyStore) -> None:
    """Each reason by its name, and nothing is closed."""
    assert await close(store, seq=0) is NotClosed.NOTHING_BOOKED
    await submit(store, "a", END_US)
    await submit(store, "b", END_US)
    assert await close(store, NOW_US - LATE_US + 1) is NotClosed.ENDS_LATER
    assert await close(store, seq=1) is NotClosed.CHANGED_MEANWHILE
    assert isinstance(await close(store, seq=2), Signed)
    assert await close(store, END_US - 1) is NotClosed.CLOSED_BEFORE
    assert {"ends_later", "closed_before", "nothing_booked", "changed_meanwhile"} == set(NotClosed)
    assert await store.run(lambda tx: tx.closed_through_us) == END_US


async def test_a_close_that_is_undone_closed_nothing(store: AnyStore) -> None:
    """It stands or falls with its unit."""

    def undo(tx: ClosableTx) -> None:
        assert isinstance(closing.close(tx, SIGNER, END_US, Trial(1, STANDINGS)), Signed)
        raise Rollback(None)

    await submit(store, "a", END_US)
    await store.run(undo)

    assert numbered(store, await submit(store, "b", END_US), Created(2))


async def test_a_book_that_is_opened_again_stays_closed(tmp_path: Path) -> None:
    """The database says so itself, also to code that does not ask the rules."""
    for number in (1, 2):
        store: SqliteStore[SqliteTx] = SqliteStore(tmp_path / "book.db", now_us=Ticks(NOW_US))
        store.open()
        if number == 1:
            await store.run(partial(book.submit, journal=journal("a", happened_us=END_US)))
            trial = Trial(1, STANDINGS)
            await store.run(partial(closing.close, signer=SIGNER, through_us=END_US, trial=trial))
        else:
            late = await store.run(partial(book.submit, journal=journal("b", happened_us=END_US)))
            assert late == Rejected(Status.PERIOD_CLOSED, JOURNAL, "happened_us")
        await store.close()
    insert = f"INSERT INTO journals VALUES (2, 'b', 'k', {END_US}, 1, '', '', zeroblob(32), zeroblob(32))"
    with closed(sqlite3.connect(tmp_path / "book.db")) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="the period is closed"):
            connection.execute(insert)
        with pytest.raises(sqlite3.IntegrityError, match="periods are immutable"):
            connection.execute("DELETE FROM periods")
        with pytest.raises(sqlite3.IntegrityError, match="periods are immutable"):
            connection.execute("UPDATE periods SET through_us = 0")


async def test_a_shared_book_is_audited_by_places_in_its_chain(postgres: str) -> None:
    """Numbers have gaps, so the last journal of a period may have a higher one than its place."""

    def undone(tx: PostgresTx) -> None:
        book.submit(tx, journal("undone"))
        raise Rollback(None)

    store = shared_store(postgres, now_us=Ticks(NOW_US))
    store.open()
    await store.run(undone)
    assert await submit(store, "before", END_US) == Created(2)
    assert isinstance(await close(store), Signed)
    with closed(connect(postgres)) as connection:
        clean = audit(Connection(connection)).clean
        connection.execute("ALTER TABLE journals DISABLE TRIGGER periods_stay_closed")
        late = "INSERT INTO journals VALUES (9, 'late', '', %s, 0, '', '')"
        connection.execute(late, (END_US,))
        found = {check.id: check.rows for check in audit(Connection(connection)).checks}
    await store.close()

    assert clean
    assert found["closed_periods_stay"] == ((9, 1),)


async def test_the_trial_is_of_the_end_of_the_period(tmp_path: Path) -> None:
    """What happened later is not in it, and the number says up to which journal it was looked."""
    store: SqliteStore[SqliteTx] = SqliteStore(tmp_path / "book.db", now_us=Ticks(NOW_US))
    store.open()
    for name, happened_us in (("a", END_US), ("b", END_US + 1)):
        asked = journal(name, move(name), happened_us=happened_us)
        await store.run(partial(book.submit, journal=asked))
    await store.close()
    with closed(sqlite3.connect(tmp_path / "book.db")) as connection:
        found = reports.trial(connection, END_US)

    assert found == Trial(
        2,
        (
            Standing("buyer:0xb", "USD", "0.000000000", "0.000000100"),
            Standing("cash", "USD", "0.000000100", "0.000000000"),
        ),
    )
