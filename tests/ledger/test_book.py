"""Whatever is submitted in whatever order, the book is what a naive list of entries adds up to."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ledger import book
from ledger.accounts import Account
from ledger.audit import audit
from ledger.balances import Balance
from ledger.book import Created, Exists, Rejected
from ledger.money import INT64_MAX, nano
from ledger.store import Rollback, Store, Tx
from ledger.stores.memory import MemoryStore
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.dialect import Connection
from ledger.stores.sqlite import SqliteStore, SqliteTx
from ledger.transfers import Entry, Expire, Journal, Pending, Post, Void
from tests.ledger.examples import BUYER, CASH, OPEN, OWED, SALES, TILL, Ticks, journal, move
from tests.ledger.model import Naive
from tests.ledger.stores.postgres.shared import shared_store
from tests.postgres_server import a_database

R = TypeVar("R")

ACCOUNTS = (CASH, SALES, BUYER, TILL, OPEN, OWED)

accounts = st.sampled_from(ACCOUNTS)
units = st.integers(0, 1200) | st.sampled_from([1, 100, 1000, INT64_MAX + 1])
names = st.integers(0, 30).map(lambda n: f"e{n}")


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Any entry, good or bad, over few names so that they meet."""
    name = draw(names)
    if draw(st.booleans()):
        moved = move(name, draw(accounts), draw(accounts), draw(units))
        if draw(st.booleans()):
            return moved
        return Pending(name, debit=moved.debit, credit=moved.credit, amount=moved.amount)
    return _resolution(draw(st.sampled_from([Post, Post, Void, Expire])), name, draw(names), draw(units))


journals = st.builds(
    lambda name, listed: journal(name, *listed),
    st.integers(0, 200).map(lambda n: f"j{n}"),
    st.lists(entries(), min_size=1, max_size=4),
)


class Bookkeeping(RuleBasedStateMachine):
    """Submits journals to a store and to the naive book, and compares the two."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Ticks()
        self.naive = Naive()
        self.runner = asyncio.Runner()
        self.store = self.opened()

    def opened(self) -> Store[Tx]:
        raise NotImplementedError

    @rule(asked=journals)
    def submit(self, asked: Journal) -> None:
        booked = self.runner.run(self.store.run(partial(book.submit, journal=asked)))

        assert _word(booked) == self.naive.submit(asked)

    @rule(pair=st.permutations(ACCOUNTS), units=st.integers(1, 400), held=st.booleans())
    def move(self, pair: list[Account], units: int, held: bool) -> None:
        """Submit something that mostly may happen, alone in its journal and under a new name."""
        name = f"move {len(self.naive.entries)}"
        moved = move(name, pair[0], pair[1], units)
        entry = Pending(name, debit=moved.debit, credit=moved.credit, amount=moved.amount)
        self.submit(journal(name, entry if held else moved))

    @rule(data=st.data(), way=st.sampled_from([Post, Void, Expire]))
    def resolve(self, data: st.DataObject, way: type[Post | Void | Expire]) -> None:
        """Resolve a hold that is open, so that holds do get resolved."""
        if not self.naive.open_holds():
            return
        hold = data.draw(st.sampled_from(self.naive.open_holds()))
        name = f"resolve {hold}"
        self.submit(journal(name, _resolution(way, name, hold, 1)))

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Submit again what was booked."""
        if self.naive.journals:
            self.submit(data.draw(st.sampled_from(list(self.naive.journals.values()))))

    @rule(back=st.integers(-5, 5))
    def time_passes(self, back: int) -> None:
        self.clock.us += back

    @invariant()
    def balances_are_the_sums(self) -> None:
        """Every account holds what its entries add up to."""
        for account in ACCOUNTS:
            found = self.runner.run(self.store.run(partial(_balance, account=account)))
            assert found == self.naive.balance(account)

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()


class InMemory(Bookkeeping):
    """The law for the memory store."""

    def opened(self) -> Store[Tx]:
        return MemoryStore(now_us=self.clock)


class Undoing:
    """A store that runs every unit in vain first; what it remembers then is what its file says."""

    def __init__(self, store: SqliteStore[SqliteTx]) -> None:
        self.store = store

    async def run(self, unit: Callable[[SqliteTx], R]) -> R:
        def in_vain(tx: SqliteTx) -> None:
            unit(tx)
            raise Rollback(None)

        await self.store.run(in_vain)
        await self.store.run(_agrees)
        outcome = await self.store.run(unit)
        await self.store.run(_agrees)
        return outcome

    async def close(self) -> None:
        await self.store.close()


def _agrees(tx: SqliteTx) -> None:
    """Hold the answers of *tx* against those of one that remembers nothing."""
    asking = SqliteTx(tx.connection, lambda: 0)
    assert [tx.account(each.id) for each in ACCOUNTS] == [asking.account(each.id) for each in ACCOUNTS]
    booked = tx.connection.execute("SELECT id FROM transfers").fetchall()
    assert [tx.transfer(name) for (name,) in booked] == [asking.transfer(name) for (name,) in booked]
    assert tx.head == asking.head


class InSqlite(Bookkeeping):
    """The law for SQLite, whose file passes the audit in the end; its memory never says anything else."""

    def opened(self) -> Store[Tx]:
        self.place = tempfile.TemporaryDirectory()
        self.path = Path(self.place.name) / "book.db"
        store: SqliteStore[SqliteTx] = SqliteStore(self.path, now_us=self.clock)
        store.open()
        return Undoing(store)

    def teardown(self) -> None:
        super().teardown()
        connection = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)
        report = audit(connection)
        connection.close()
        self.place.cleanup()
        assert report.clean, report


class InPostgres(Bookkeeping):
    """The law for PostgreSQL, whose book passes the audit in the end."""

    server: str

    def opened(self) -> Store[Tx]:
        self.database = a_database(self.server)
        self.address = self.database.__enter__()
        store = shared_store(self.address, now_us=self.clock)
        store.open()
        return store

    def teardown(self) -> None:
        super().teardown()
        with closing(Connection(connect(self.address))) as connection:
            report = audit(connection)
            chained = connection.execute("SELECT count(*) FROM seals").fetchone()
        self.database.__exit__(None, None, None)
        assert report.clean, report
        assert chained == (len(self.naive.journals),)


def _resolution(way: type[Post | Void | Expire], name: str, hold: str, units: int) -> Entry:
    if issubclass(way, Post):
        return Post(name, pending_id=hold, amount=nano(units))
    return way(name, pending_id=hold)


def _balance(tx: Tx, account: Account) -> Balance:
    return tx.balance(account.id)


def _word(booked: Created | Exists | Rejected) -> str:
    if isinstance(booked, Rejected):
        word = booked.status.value
        return "conflict" if word.startswith("exists_with") else word
    return "created" if isinstance(booked, Created) else "exists"


def test_in_postgres(postgres_server: str) -> None:
    """The machine on PostgreSQL, which must have been started before it runs."""
    InPostgres.server = postgres_server
    run_state_machine_as_test(
        InPostgres, settings=settings(max_examples=12, stateful_step_count=25, deadline=None)
    )


TestInMemory = InMemory.TestCase
TestInMemory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestInSqlite = InSqlite.TestCase
TestInSqlite.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
