"""A fold keeps what the entries come to, no report answers otherwise for it, and none is kept by halves."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger import book, folding, reports
from ledger.accounts import Account, AccountClass, Side, text
from ledger.audit import audit
from ledger.balances import Balance
from ledger.book import Created
from ledger.folding import START, Fold, Folded, keep, next_fold
from ledger.money import INT64_MAX, USD, Amount
from ledger.queries import Reads
from ledger.reports import NOW, AsOf, Place
from ledger.store import Rollback
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.dialect import Connection
from ledger.stores.postgres.sealing import Sealer
from ledger.stores.sqlite import SqliteStore, SqliteTx
from ledger.transfers import Journal, Post, Transfer, Void
from tests.ledger.examples import BUYER, CASH, SALES, Ticks, hold, journal, move, post
from tests.ledger.stores.postgres.shared import shared_store

OWNER = "folder"


class Books:
    """An open store, a connection that reads beside it, and the clock that it records by."""

    def __init__(
        self, run: Callable[[Any], Awaitable[Any]], connection: Reads, seal: Callable[[], object]
    ) -> None:
        self.run = run
        self.connection = connection
        self.seal = seal
        self.clock = Ticks()
        self.names = count()

    async def book(self, *asked: Journal) -> None:
        for each in asked:
            assert isinstance(await self.run(partial(book.submit, journal=each)), Created)

    async def fold(self, journals: int) -> Folded | None:
        """Keep the next fold; where others may write, what is to be folded is followed by a journal more."""
        self.seal()
        if not isinstance(self.connection, sqlite3.Connection):
            await self.book(journal(f"after {next(self.names)}"))
            self.seal()
        folded = next_fold(self.connection, OWNER, journals)
        if folded is not None:
            assert await self.run(partial(keep, folded=folded)) is True
        return folded

    def same(self, as_of: AsOf = NOW) -> list[reports.AccountBalance]:
        """Return the balances, which the entries alone give too."""
        found = list(reports.balances(self.connection, as_of))
        assert found == list(reports.recomputed(self.connection, as_of))
        return found

    def stated(self, account: Account, as_of: AsOf) -> None:
        """Hold a statement, whole and in pages, against all entries of the account."""
        name = text(account.id)
        entries = self.connection.execute(
            "SELECT id FROM entries WHERE (debit = :name OR credit = :name)"
            " AND happened_us <= :happened_us AND recorded_us <= :recorded_us ORDER BY seq, position",
            {"name": name, "happened_us": as_of.happened_us, "recorded_us": as_of.recorded_us},
        ).fetchall()
        whole = list(reports.statement(self.connection, account.id, as_of=as_of))
        (balance,) = (each for each in reports.balances(self.connection, as_of) if each.account == account)

        assert [(line.id,) for line in whole] == entries
        assert whole[-1].net == balance.balance.net(account.side)
        paged, after = list[reports.Line](), reports.START
        while page := list(reports.statement(self.connection, account.id, after, 11, as_of)):
            paged += page
            after = Place(page[-1].seq, page[-1].position, page[-1].net)
        assert paged == whole


@pytest.fixture(params=["sqlite", "postgres"])
async def books(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Books]:
    clock = Ticks()
    if request.param == "sqlite":
        file: SqliteStore[SqliteTx] = SqliteStore(tmp_path / "book.db", now_us=clock)
        file.open()
        reader = sqlite3.connect(f"{(tmp_path / 'book.db').as_uri()}?mode=ro", uri=True)
        given = Books(file.run, reader, lambda: None)
        given.clock = clock
        yield given
        reader.close()
        await file.close()
        return
    shared = shared_store(request.getfixturevalue("postgres"), now_us=clock, beat_ms=60_000)
    shared.open()
    with connect(request.getfixturevalue("postgres")) as connection:
        sealer = Sealer(OWNER)
        given = Books(shared.run, Connection(connection), lambda: sealer.seal(connection))
        given.clock = clock
        yield given
    await shared.close()


async def test_reports_are_the_same_with_folds(books: Books) -> None:
    """Whatever was booked, late or in order, and whenever it is asked for: folds change no answer."""
    random, open_holds = Random(7), list[tuple[str, int]]()
    folds = list[Fold]()
    for n in range(120):
        books.clock.us += random.randrange(3)
        happened_us = books.clock.us - random.choice((0, 0, 0, 5, 40))
        entries: list[Any] = [move(f"{n}/in", CASH, BUYER, random.randrange(50, 99))]
        if random.random() < 0.6:
            units = random.randrange(1, 40)
            entries.append(hold(f"{n}/hold", BUYER, SALES, units))
            open_holds.append((f"{n}/hold", units))
        if open_holds and random.random() < 0.5:
            name, units = open_holds.pop(random.randrange(len(open_holds)))
            posted = random.randrange(units + 1)
            if posted:
                entries.append(Post(f"{n}/end", pending_id=name, amount=Amount(posted, USD)))
            else:
                entries.append(Void(f"{n}/end", pending_id=name))
        await books.book(journal(f"j{n}", *entries, happened_us=happened_us))
        if n % 10 == 9 and (folded := await books.fold(7)) is not None:
            folds.append(folded.fold)
    times = range(1_000_000 - 45, books.clock.us + 2, 9)

    assert len(folds) > 8
    books.same()
    balances = {each.account: each.balance for each in books.same()}
    rows = books.connection.execute("SELECT account, sum(units) FROM posted GROUP BY account")
    nets = {text(each.id): balance.net(each.side) for each, balance in balances.items()}
    assert {row[0]: row[1] for row in rows} == nets
    for account, balance in balances.items():
        assert await books.run(lambda tx, of=account.id: tx.balance(of)) == balance
    for as_of in (NOW, AsOf(happened_us=books.clock.us - 60), AsOf(recorded_us=books.clock.us - 60)):
        for account in (CASH, BUYER, SALES):
            books.stated(account, as_of)
    for happened_us in times:
        books.same(AsOf(happened_us=happened_us))
        books.same(AsOf(recorded_us=happened_us))
        books.same(AsOf(happened_us, recorded_us=happened_us + 20))
    assert audit(books.connection).clean


async def test_a_fold_waits_for_its_journals(books: Books) -> None:
    """Fewer than it is to have are no fold; then there is one, with the latest of their times."""
    await books.book(journal("a", happened_us=90))
    assert await books.fold(3) is None
    await books.book(journal("b", happened_us=20), journal("c", happened_us=30))

    folded = await books.fold(3)

    assert folded is not None
    assert folded.after == START
    assert folded.fold.happened_max_us == 90
    assert folding.usable(books.connection, INT64_MAX, INT64_MAX) == folded.fold
    assert folding.usable(books.connection, 89, INT64_MAX) == START


async def test_a_hold_leaves_the_sums_when_it_is_resolved(books: Books) -> None:
    """It is held in one fold and posted, in part, in the next one."""
    await books.book(journal("in"), journal("h", hold("h", units=60)))
    await books.fold(2)
    held = {each.account: each.balance for each in books.same()}
    await books.book(journal("p", post("p", "h", 50)), journal("more"))
    await books.fold(2)
    after = {each.account: each.balance for each in books.same()}

    assert held[SALES] == Balance(credits_pending=60)
    assert after[SALES] == Balance(credits_posted=50)


async def test_sums_are_larger_than_one_number_of_the_file(books: Books) -> None:
    """Append-only accounts have no largest sum; folds keep each of it."""
    other = Account(("other",), USD, AccountClass.ASSET, Side.DEBIT)
    for n in range(4):
        much = Transfer(f"m{n}", debit=CASH, credit=other, amount=Amount(INT64_MAX, USD))
        await books.book(journal(f"j{n}", much))
        await books.fold(1)

    found = {each.account: each.balance for each in books.same()}

    assert found[CASH].debits_posted >= 4 * INT64_MAX
    assert audit(books.connection).clean


async def test_one_fold_goes_on_from_each(books: Books) -> None:
    """What was added up before another fold was kept is not kept, nor half of what is undone."""
    await books.book(journal("a"), journal("b"), journal("c"))
    books.seal()
    await books.book(journal("d"))
    books.seal()
    folded = next_fold(books.connection, OWNER, 2)
    assert folded is not None

    def undone(tx: Any) -> None:
        keep(tx, folded)
        raise Rollback(None)

    await books.run(undone)
    assert folding.usable(books.connection, INT64_MAX, INT64_MAX) == START
    assert await books.run(partial(keep, folded=folded)) is True

    assert await books.run(partial(keep, folded=folded)) is False
    assert audit(books.connection).clean


async def test_only_what_is_there_for_good_is_folded(postgres: str) -> None:
    """Who has not the turn to seal folds nothing, and nobody what a lower number may still follow."""
    store = shared_store(postgres, beat_ms=60_000)
    store.open()
    await store.run(partial(book.submit, journal=journal("a")))
    with connect(postgres) as connection:
        reads = Connection(connection)
        sealer = Sealer(OWNER)
        sealer.seal(connection)
        early = next_fold(reads, OWNER, 1)
        await store.run(partial(book.submit, journal=journal("b")))
        sealer.seal(connection)

        assert early is None
        assert next_fold(reads, "somebody else", 1) is None
        found = next_fold(reads, OWNER, 1)
        assert found is not None
        assert found.fold.seq == 1
        assert next_fold(reads, OWNER, 2) is None
    await store.close()


WRONG = [
    ("UPDATE sums SET debits_posted_low = debits_posted_low + 1 WHERE fold_seq = 2", "folds_kept"),
    ("DELETE FROM sums WHERE account_no = 1", "folds_kept"),
    ("INSERT INTO sums SELECT account_no, 4, 0, 0, 0, 0, 0, 0, 0, 0 FROM sums LIMIT 1", "folds_kept"),
    ("UPDATE folds SET after_seq = 1 WHERE seq = 4", "folds_follow"),
    ("DELETE FROM folds WHERE seq = 2", "folds_follow"),
    ("UPDATE folds SET happened_max_us = 6 WHERE seq = 2", "folds_timed"),
    ("UPDATE folds SET recorded_max_us = 6 WHERE seq = 4", "folds_timed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "check"), WRONG)
async def test_the_audit_finds_a_fold_that_is_not_its_entries(
    tmp_path: Path, change: str, check: str
) -> None:
    """Sums that were changed, left out or put in, and times by which a report would choose wrongly."""
    path = tmp_path / "book.db"
    store: SqliteStore[SqliteTx] = SqliteStore(path, now_us=Ticks())
    store.open()
    connection = sqlite3.connect(path, isolation_level=None)
    for name in ("a", "b", "c", "d"):
        asked = (
            journal(name, move(f"{name}/0", units=5))
            if name < "c"
            else journal(name, hold(f"{name}/0", units=1))
        )
        await store.run(partial(book.submit, journal=asked))
        if (folded := next_fold(connection, OWNER, 2)) is not None:
            await store.run(partial(keep, folded=folded))
    assert audit(connection).clean
    for trigger in ("folds_no_update", "folds_no_delete", "sums_no_update", "sums_no_delete"):
        connection.execute(f"DROP TRIGGER {trigger}")

    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(change)

    found = {each.id for each in audit(connection).checks if each.rows}
    connection.close()
    await store.close()
    assert check in found


async def test_folds_are_never_changed(books: Books) -> None:
    """The database refuses it, whatever the code does."""
    await books.book(journal("a"), journal("b"))
    await books.fold(2)
    for change in (
        "UPDATE folds SET seq = 1",
        "DELETE FROM folds",
        "UPDATE sums SET fold_seq = 1",
        "DELETE FROM sums",
    ):

        def unit(tx: Any, change: str = change) -> None:
            tx.connection.execute(change)

        with pytest.raises(Exception, match="immutable"):
            await books.run(unit)
