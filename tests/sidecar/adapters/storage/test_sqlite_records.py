"""What a transaction remembers is what the file says, and it asks for little else."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.store import Rollback
from ledger.stores import memories
from sidecar.adapters.storage import sqlite_records
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain.closing import Ending
from sidecar.domain.outcomes import Failed, Paid
from sidecar.domain.payments import State
from sidecar.domain.records import Payment
from sidecar.domain.reporting import Bounds, report_unit
from tests.sidecar.builders import (
    NOW_US,
    OTHER_WALLET,
    Books,
    a_log,
    a_transaction,
    open_books,
    verified,
)
from tests.sidecar.remembering import Undoing, agrees, differences
from tests.sidecar.shop import TOOL
from tests.sidecar.told import report
from tests.sidecar.x402.signing import WALLET


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    async with open_books(tmp_path) as books:
        yield books


async def lead(books: Books) -> None:
    """Lead payments of two buyers to every kind of end, with a report that comes early and one late."""
    first = await books.settled()
    await books.close(first, Ending.DELIVERED, TOOL)
    await books.arrived(first)
    lost = await books.unknown(verified(nonce=2, call="call_2", body=b"2"))
    await books.close(lost, Ending.AS_IT_IS, TOOL)
    owed = await books.owed(verified(nonce=3, call="call_3", body=b"3", wallet=OTHER_WALLET))
    await books.result(await books.collecting(owed), Failed("insufficient_funds"))
    late = await books.admitted(verified(nonce=4, call="call_4", body=b"4"))
    bounds = Bounds(reports_max=9, window_us=NOW_US)
    await books.run(report_unit, late.call, [report("early")], bounds, NOW_US)
    await books.release(late)
    await books.close(late, Ending.AS_IT_IS, TOOL)
    await books.run(report_unit, late.call, [report("late")], bounds, NOW_US)
    await books.arrived(lost, a_log(lost, 2))


KEPT_BACK = {"journals", "transfers", "balances", "cost_evidence"}
TOUCHED = {sqlite3.SQLITE_READ, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


async def test_what_asks_past_rows_that_are_kept_back_asks_for_none_of_them(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each statement by `tables`, with the triggers and views it leads to, SQLite says what it touches."""
    said: set[tuple[str, int]] = set()

    class Heard:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
            said.add((sql, len(values)))
            return self._connection.execute(sql, values)

    monkeypatch.setattr(RecordsSqliteTx, "tables", property(lambda tx: Heard(tx._connection)))
    await lead(books)
    touched = {}

    def note(action: int, table: str | None, *_: str | None) -> int:
        if action in TOUCHED and table is not None:
            found.add(table)
        return sqlite3.SQLITE_OK

    with closing(sqlite3.connect(tmp_path / "sidecar.db", cached_statements=0)) as connection:
        connection.set_authorizer(note)
        for sql, width in sorted(said):
            found: set[str] = set()
            connection.execute(f"EXPLAIN {sql}", [None] * width)
            touched[sql] = found

    assert {"payments", "calls"} <= set[str]().union(*touched.values())
    assert {sql: tables & KEPT_BACK for sql, tables in touched.items() if tables & KEPT_BACK} == {}


async def test_what_is_remembered_is_what_the_file_says(books: Books) -> None:
    """After each unit, and after each unit that was undone, whatever it read and wrote."""
    books.storage = Undoing(books.storage)

    await lead(books)


async def test_forgetting_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memories that are too full are emptied, in the middle of calls too."""
    for name in ("_PAYMENTS_MAX", "_CALLS_MAX", "_PAYERS_MAX"):
        monkeypatch.setattr(sqlite_records, name, 1)
    monkeypatch.setattr(memories, "KEPT_MAX", 1)
    async with open_books(tmp_path) as books:
        books.storage = Undoing(books.storage)
        await lead(books)


@pytest.mark.parametrize(
    "change",
    [
        lambda tx, payment: tx.change(payment, state=State.DEFAULTED),
        lambda tx, payment: tx.change(payment, state=State.UNKNOWN),
        lambda tx, payment: tx.uncount_call(payment.call, 5),
        lambda tx, payment: tx.add_uncharged(payment.call, 5),
        lambda tx, payment: tx.add_report(payment.call, report("r"), NOW_US),
        lambda tx, payment: tx.add_evidence(payment.call, [TOOL, TOOL], booked=[True, False], retry=False),
    ],
)
async def test_a_change_is_known_at_once_and_undone_with_its_unit(
    tmp_path: Path, change: Callable[[RecordsSqliteTx, Payment], Any]
) -> None:
    """By the unit itself, by those after it, and by none if it is undone."""
    books = Books(tmp_path)  # that no auditor will see
    payment = await books.admitted()
    await books.run(agrees)
    told: list[list[str]] = []

    def undone(tx: RecordsSqliteTx) -> None:
        change(tx, payment)
        told.append(differences(tx))
        raise Rollback(None)

    await books.run(undone)
    assert told == [[], []]  # in its group, and then by itself
    await books.run(agrees)
    await books.run(change, payment)
    await books.run(agrees)
    await books.storage.close()


async def test_a_call_asks_for_little(books: Books) -> None:
    """A buyer who was here before: each commit writes, and asks only what nobody can remember."""
    await books.close(await books.settled(), Ending.DELIVERED, TOOL)
    asked: list[str] = []
    await books.run(lambda tx: tx.connection.set_trace_callback(asked.append))

    payment = await books.sending(await books.admitted(verified(nonce=2, call="call_2", body=b"2")))
    settled = await books.result(payment, Paid(a_transaction(2)))
    await books.close(settled.payment, Ending.DELIVERED, TOOL)

    await books.run(lambda tx: tx.connection.set_trace_callback(None))
    reads = [sql for sql in asked if sql.startswith("SELECT")]
    writes = {sql for sql in asked if sql.startswith(("INSERT", "UPDATE"))}  # a trigger tells again
    assert len(reads) == 2, reads  # its claim and its transaction
    assert isinstance(settled.outcome, Paid)
    assert len(writes) == 19, writes  # a close's two journals are written together


BOUNDS = Bounds(reports_max=9, window_us=NOW_US)


def an_end(n: int) -> Ending:
    return (Ending.DELIVERED, Ending.UNDELIVERED)[n % 2]


async def a_paid_call(books: Books, n: int) -> Payment:
    wallet = (WALLET, OTHER_WALLET)[n // 2 % 2]
    return await books.settled(verified(nonce=n, call=f"call_{n}", body=b"%d" % n, wallet=wallet), n)


async def end_alone(books: Books, n: int, payment: Payment) -> None:
    await books.run(report_unit, payment.call, [report("early")], BOUNDS, NOW_US)
    await books.close(payment, an_end(n), TOOL)
    await books.run(report_unit, payment.call, [report("late")], BOUNDS, NOW_US)
    await books.arrived(payment, a_log(payment, n))


async def end_among_others(books: Books, n: int, payment: Payment) -> None:
    """Take the same steps twice, beside some in vain and readers, so that a group has them together."""

    def in_vain(tx: RecordsSqliteTx) -> None:
        report_unit(tx, payment.call, [report("vain")], BOUNDS, NOW_US)
        raise Rollback(None)

    early, late = (
        partial(books.run, report_unit, payment.call, [report(name)], BOUNDS, NOW_US)
        for name in ("early", "late")
    )
    close, vain = partial(books.close, payment, an_end(n), TOOL), partial(books.run, in_vain)
    await asyncio.gather(early(), vain(), close(), early(), close(), books.run(agrees))
    await asyncio.gather(late(), vain(), close(), late(), early(), books.run(agrees))
    await asyncio.gather(*(books.arrived(payment, a_log(payment, n)) for _ in range(2)))


async def test_calls_that_share_groups_come_to_what_each_comes_to_alone(tmp_path: Path) -> None:
    """Whatever is beside them there: the same step again, one that is undone, or one that reads."""
    for name in ("apart", "together"):
        (tmp_path / name).mkdir()
    async with open_books(tmp_path / "apart") as apart, open_books(tmp_path / "together") as together:
        alone = [await a_paid_call(apart, n) for n in range(1, 9)]
        for n, payment in enumerate(alone, 1):
            await end_alone(apart, n, payment)
        shared = await asyncio.gather(*(a_paid_call(together, n) for n in range(1, 9)))
        await asyncio.gather(*(end_among_others(together, n, each) for n, each in enumerate(shared, 1)))

        assert together.balances() == apart.balances()
        for payment in alone:
            assert together.lines(payment.call) == apart.lines(payment.call)
            assert together.call(payment.call) == apart.call(payment.call)


async def test_what_is_asked_of_all_payments_is_found_by_index(books: Books) -> None:
    """A claim, and who was settled by a transaction, told or seen, cost the same in a book of any size."""
    payment = await books.settled()
    await books.arrived(payment)
    asked: list[str] = []

    def ask(tx: RecordsSqliteTx) -> list[str]:
        tx.memories.clear()
        tx.tables.set_trace_callback(asked.append)
        tx.payment(payment.claim_key)
        tx.transaction_taken(payment.network, a_transaction(), b"another")
        tx.add_receipt(payment.network, a_transaction(), 0, payment.claim_key, 50_000)
        tx.tables.set_trace_callback(None)
        plans = (tx.tables.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall() for sql in asked)
        return [step[3] for plan in plans for step in plan]

    steps = await books.run(ask)

    assert not [step for step in steps if step.startswith("SCAN")]
    assert {"payments_told", "receipts_transfer", "sqlite_autoindex_payments_1"} <= {
        word for step in steps for word in step.split()
    }
