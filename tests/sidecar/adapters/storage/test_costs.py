"""Costs in SQLite: evidence and reports come back as they were told, and additions change what is booked."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pricing.cost import Basis, CostLine, Kind, Source
from sidecar.adapters.storage.costs import CostsOf
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain.closing import Ending
from sidecar.domain.costs import Evidence, ReportedCall
from tests.sidecar.builders import NOW_US, Books, open_books
from tests.sidecar.told import report, told

RICH = CostLine(
    kind=Kind.EXTERNAL,
    name="a%'\u00e9",
    amount=told(7).amount,
    basis=Basis.ESTIMATED,
    rate="card 1",
    source=Source.EGRESS,
    provider="openai",
    response_id="c1",
    step="plan",
    attempt=3,
)
UNKNOWN = told(None, Source.USAGE)
COLUMNS = (
    "digest, arrived_us, kind, name, amount_nano, basis, rate, source, provider, response_id, step, attempt"
)


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    """Books with one call; number 0 of its evidence is the facilitator's fee."""
    async with open_books(tmp_path) as books:
        await books.settled()
        yield books


async def run(books: Books, unit: Any, *given: Any, **named: Any) -> Any:
    return await books.run(unit, "call_1", *given, **named)


async def planted(tmp_path: Path) -> Books:
    """Return books that no auditor will see."""
    books = Books(tmp_path)
    await books.settled()
    return books


@pytest.mark.parametrize("line", [RICH, UNKNOWN, told()])
async def test_evidence_comes_back_as_it_was_told(tmp_path: Path, line: CostLine) -> None:
    """Every member, the unknown amount and the kind, also where the line is booked as a retry."""
    books = await planted(tmp_path)
    first = await run(books, CostsOf.add_evidence, [line], booked=[True], retry=True)
    second = await run(books, CostsOf.add_evidence, [line], booked=[False], retry=False)
    stored = await run(books, CostsOf.evidence)

    assert (first, second) == (1, 2)
    assert stored[1:] == [Evidence(1, line, booked=True), Evidence(2, line, booked=False)]
    await books.storage.close()


async def test_only_what_is_booked_is_a_cost_line(tmp_path: Path) -> None:
    """Undelivered work is a line of its own kind; a fee, a zero and an unknown are lines too."""
    books = await planted(tmp_path)
    for line in (told(1), replace(RICH, kind=Kind.FEE), UNKNOWN, told(0, Source.HEADER)):
        await run(books, CostsOf.add_evidence, [line], booked=[True], retry=True)
    await run(books, CostsOf.add_evidence, [told(9)], booked=[False], retry=False)

    assert [line[0] for line in books.lines()] == ["fee", "retry", "fee", "retry", "retry"]
    await books.storage.close()


async def test_the_last_change_of_a_line_holds(tmp_path: Path) -> None:
    """A line may be booked, be evidence, and be booked again; every turn stays on disk."""
    books = await planted(tmp_path)
    n = await run(books, CostsOf.add_evidence, [told(1)], booked=[True], retry=False)
    for booked in (False, True, False):
        await run(books, CostsOf.change_booked, n, booked=booked, because=n)
        stored = await run(books, CostsOf.evidence)
        assert (stored[n].booked, len(books.lines())) == (booked, n + booked)

    assert books.select("SELECT n, number, booked FROM cost_changes ORDER BY number") == [
        (1, 0, 0),
        (1, 1, 1),
        (1, 2, 0),
    ]
    await books.storage.close()


async def test_reports_come_back_in_the_order_they_came(books: Books) -> None:
    """Not by their ids, and with what tells each from another under its id."""
    reports = [report("b", told(1)), report("a", told(None)), report("c", told(3))]
    for each in reports:
        await run(books, CostsOf.add_report, each, NOW_US)

    assert await run(books, CostsOf.pending_lines) == [each.line for each in reports]
    assert await run(books, CostsOf.report_digests) == {each.id: each.digest for each in reports}
    assert await books.run(CostsOf.pending_lines, "call_2") == []
    assert await books.run(CostsOf.report_digests, "call_2") == {}
    assert books.select("SELECT DISTINCT arrived_us FROM cost_reports") == [(NOW_US,)]


async def test_reports_know_whether_their_call_is_closed(books: Books) -> None:
    """Until it is, it has no time of its close; a call that is not there is none."""
    about = CostsOf.reported_call
    assert await run(books, about) == ReportedCall("call_1", "POST /research", "", None)
    ((key,),) = books.select("SELECT claim_key FROM payments")
    await books.close(await books.payment(key), Ending.UNDELIVERED)

    assert await run(books, about) == ReportedCall("call_1", "POST /research", "failed", NOW_US)
    assert await books.run(about, "call_2") is None


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("UPDATE cost_changes SET booked = 1", "changes of costs are never changed"),
        ("DELETE FROM cost_changes", "changes of costs are never removed"),
        ("REPLACE INTO cost_changes SELECT * FROM cost_changes", "changes of costs are never removed"),
        ("UPDATE cost_reports SET amount_nano = 1", "cost reports are never changed"),
        ("DELETE FROM cost_reports", "cost reports are never removed"),
        ("REPLACE INTO cost_reports SELECT * FROM cost_reports", "cost reports are never removed"),
        ("INSERT INTO cost_changes VALUES ('call_1', 0, 9, 2, 0)", "CHECK"),
        ("INSERT INTO cost_changes VALUES ('call_1', 9, 0, 0, 0)", "FOREIGN KEY"),
        ("INSERT INTO cost_changes VALUES ('call_1', 0, 9, 0, 9)", "FOREIGN KEY"),
        (f"INSERT INTO cost_reports SELECT call_id, 9, report_id, {COLUMNS} FROM cost_reports", "UNIQUE"),
    ],
)  # fmt: skip
async def test_the_file_itself_keeps_reports_and_changes(tmp_path: Path, sql: str, message: str) -> None:
    """What was reported and what it changed stays, once each."""
    books = await planted(tmp_path)
    await run(books, CostsOf.add_report, report(), NOW_US)
    await run(books, CostsOf.change_booked, 0, booked=False, because=0)
    before = books.trace()

    with pytest.raises(sqlite3.IntegrityError, match=message):
        await books.run(lambda tx: tx.connection.execute(sql))
    assert books.trace() == before
    await books.storage.close()


@pytest.mark.parametrize(
    "question",
    [
        CostsOf.evidence,
        CostsOf.reported_call,
        CostsOf.report_digests,
        CostsOf.pending_lines,
        lambda tx, call: CostsOf.add_report(tx, call, report("new"), NOW_US),
        lambda tx, call: CostsOf.change_booked(tx, call, 0, booked=False, because=0),
    ],
)
async def test_a_close_and_a_report_read_the_rows_of_one_call(tmp_path: Path, question: Any) -> None:
    """However many calls there are, the writer does not look at the others."""
    books = await planted(tmp_path)

    def plan(tx: RecordsSqliteTx) -> list[str]:
        asked: list[str] = []
        tx.connection.set_trace_callback(asked.append)
        question(tx, "call_1")
        tx.connection.set_trace_callback(None)
        return [row[3] for sql in asked for row in tx.connection.execute(f"EXPLAIN QUERY PLAN {sql}")]

    steps = await books.run(plan)
    assert any(step.startswith("SEARCH") for step in steps)
    assert not any(step.startswith("SCAN") and "CONSTANT" not in step for step in steps)
    await books.storage.close()
