"""A transaction decides only over what it has locked, and remembers only what is there."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from ledger import book
from ledger.book import Created
from ledger.rules import OPEN as OPEN_PERIODS
from ledger.stores.postgres import directory
from ledger.stores.postgres.connecting import connect
from ledger.stores.postgres.directory import Known
from ledger.stores.postgres.leases import Begun
from ledger.stores.postgres.schema import migrate
from ledger.stores.postgres.signed import Taken
from ledger.stores.postgres.statements import Statements
from ledger.stores.postgres.transaction import PostgresTx, Times
from tests.ledger.examples import BUYER, CASH, SALES, Ticks, hold, journal, move, post


@pytest.fixture
def pair(postgres: str) -> Iterator[tuple[PostgresTx, PostgresTx]]:
    with closing(connect(postgres)) as first, closing(connect(postgres)) as second:
        migrate(first, "here", ())
        yield tuple(PostgresTx(Statements(each), Times(Ticks(), 0), Known()) for each in (first, second))  # type: ignore[misc]


def execute(tx: PostgresTx, sql: str) -> None:
    tx.direct.several(sql)


def begin(tx: PostgresTx, *, wait: bool = True) -> None:
    execute(tx, "BEGIN")
    tx.begin_group()
    tx.begun(Begun("1", OPEN_PERIODS, closures=False))
    tx.begin(wait=wait)


def commit(tx: PostgresTx) -> None:
    tx.keep()
    tx.write()
    execute(tx, "COMMIT")
    tx.end_group(committed=True)


def roll_back(tx: PostgresTx) -> None:
    execute(tx, "ROLLBACK")
    tx.end_group(committed=False)


def test_a_balance_that_another_decides_over_is_taken(pair: tuple[PostgresTx, PostgresTx]) -> None:
    """A unit that may not wait is told at once, whether the account has a row already or not."""
    begin(pair[0])
    book.submit(pair[0], journal("a"))
    begin(pair[1], wait=False)

    with pytest.raises(Taken):  # opened, and not committed: there is no row to see yet
        book.submit(pair[1], journal("b"))

    commit(pair[0])
    roll_back(pair[1])
    begin(pair[0])
    book.submit(pair[0], journal("c"))
    begin(pair[1], wait=False)
    with pytest.raises(Taken):
        book.submit(pair[1], journal("d"))


def test_a_balance_that_is_read_is_kept(pair: tuple[PostgresTx, PostgresTx]) -> None:
    """What a unit has read of a constrained account nobody changes before it is committed."""
    begin(pair[0])
    book.submit(pair[0], journal("a"))
    commit(pair[0])
    begin(pair[0])
    assert pair[0].balance(BUYER.id).credits_posted == 100
    assert pair[0].balance(("nobody",)).credits_posted == 0

    begin(pair[1], wait=False)
    with pytest.raises(Taken):
        pair[1].balance(BUYER.id)
    roll_back(pair[1])
    begin(pair[1], wait=False)
    with pytest.raises(Taken):
        pair[1].balance(("nobody",))


def test_append_only_accounts_are_nobodys(pair: tuple[PostgresTx, PostgresTx]) -> None:
    """Traffic over accounts without a bound does not wait for anything."""
    begin(pair[0])
    book.submit(pair[0], journal("a", move("a/0", CASH, SALES)))
    commit(pair[0])
    begin(pair[0])
    begin(pair[1], wait=False)

    assert book.submit(pair[0], journal("b", move("b/0", CASH, SALES))) == Created(2)
    assert book.submit(pair[1], journal("c", move("c/0", CASH, SALES))) == Created(3)


def test_undo_forgets_accounts_that_are_not_there(pair: tuple[PostgresTx, PostgresTx]) -> None:
    """An account opened by a unit that was undone is opened again, under whatever number."""
    tx = pair[0]
    begin(tx)
    book.submit(tx, journal("a", move("a/0", CASH, SALES)))
    roll_back(tx)
    begin(tx)

    assert tx.account(CASH.id) is None
    assert isinstance(book.submit(tx, journal("b", move("b/0", SALES, BUYER, 5))), Created)
    assert tx.balance(SALES.id).debits_posted == 5


def test_forgetting_known_accounts_changes_no_answer(
    pair: tuple[PostgresTx, PostgresTx], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of accounts is bounded and may be dropped at any moment."""
    monkeypatch.setattr(directory, "_KNOWN_MAX", 1)
    tx = pair[0]
    begin(tx)
    assert book.submit(tx, journal("a", move("a/0"), hold("a/1"), post("a/2", "a/1", 60))) == Created(1)
    commit(tx)
    begin(tx)
    assert book.submit(tx, journal("b", move("b/0", units=5))) == Created(2)

    assert tx.balance(BUYER.id).debits_posted == 60
    assert tx.transfer("a/1") is not None
    assert tx.balance(SALES.id).credits_posted == 60


def test_time_never_goes_back() -> None:
    """One clock serves all connections, and stands still when it is set back."""
    ticks = Ticks(100)
    times = Times(ticks, 90)
    seen = [times.now_us()]
    ticks.us = 50

    assert [*seen, times.now_us()] == [100, 100]
