"""What is kept of old calls never changes a margin table, whatever becomes of them later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.money import INT64_MAX
from ledger.stores.postgres.connecting import connect
from sidecar.adapters.storage.auditing import audit_books
from sidecar.adapters.storage.margins import (
    Chunk,
    Sums,
    add_up,
    begun,
    ended,
    keep,
    margins_kept,
    next_chunk,
    stale,
    watch,
)
from sidecar.adapters.storage.reading import fetch, open_read_only
from sidecar.domain.closing import Ending
from sidecar.domain.outcomes import Failed, Unknown
from sidecar.domain.reporting import Bounds, report_unit
from sidecar.finops import margins
from sidecar.finops.margins import UNITS, chunk_parameters
from tests.sidecar.builders import NOW_US, Books, open_books, verified
from tests.sidecar.shop import DAY_US, NOON_US, TOOL, Sale, Shop, forced, line
from tests.sidecar.told import report, told

BOUNDS = Bounds(reports_max=100, window_us=DAY_US)
Run = Any


@pytest.fixture(params=["sqlite", "postgres"])
async def books(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Books]:
    address = request.getfixturevalue("postgres") if request.param == "postgres" else ""
    async with open_books(tmp_path, address) as opened:
        yield opened


async def kept(place: Path | str, run: Run, calls: int) -> None:
    """Watch what can be a chunk, and add up what is stale."""
    with closing(open_read_only(place)) as connection:
        while (chunk := next_chunk(connection, INT64_MAX, calls)) is not None:
            assert await run(partial(watch, chunk=chunk)) is True
        mark = await run(begun)
        while not ended(connection, mark):  # noqa: ASYNC110 others' work in the same server tells nobody
            await asyncio.sleep(0.01)
        for chunk in stale(connection):
            assert await run(partial(keep, sums=add_up(connection, chunk))) is True
        assert stale(connection) == []


def same(place: Path | str, from_us: int | None = None, to_us: int | None = None) -> list[dict[str, Any]]:
    """Return the table by endpoint; by each unit it is what the calls come to one by one."""
    with closing(open_read_only(place)) as connection:
        times = {"from_us": from_us or 0, "to_us": to_us or INT64_MAX}
        one_by_one = fetch(connection, "margin", chunk_parameters("", margins.LAST_CALL) | times)
        for by in UNITS:
            found = fetch(connection, "margin", margins.parameters(by, from_us, to_us))
            assert found == [row for row in one_by_one if row["dimension"] == by]
            if by == "endpoint":
                answer = found
    return answer


async def lived(books: Books) -> None:
    """Sell a call of every kind of ending, with what may still become of it."""
    await books.close(await books.settled(), Ending.DELIVERED, line(), TOOL, line(units=None))
    await books.unknown(verified(nonce=4, call="call_4", body=b"4"))
    await books.asked(Failed("insufficient_funds"), verified(nonce=5, call="call_5"))
    await books.admitted(verified(nonce=9, call="call_9"))
    await books.owed(verified(nonce=10, call="call_10"))


async def sold(shop: Shop, calls: int) -> None:
    """Sell calls of several endpoints, agents, runs and buyers."""
    for number in range(1, calls + 1):
        each = Sale(
            number,
            at_us=NOON_US + number * DAY_US // 5,
            endpoint=f"GET /{number % 3}",
            agent=f"a{number % 2}",
            run=f"r{number}",
            payer=bytes([number % 4]) * 20,
        )
        await shop.serve(each, line(name=f"m{number % 2}"), TOOL)


async def test_a_change_of_any_kind_is_in_the_next_table(books: Books) -> None:
    """Collected, closed, reported on with a figure or none: a chunk with a mark is not believed."""
    await lived(books)
    owed = await books.owed(verified(nonce=11, call="call_11"))
    running = await books.admitted(verified(nonce=12, call="call_12"))
    await kept(books.place, books.storage.run, 7)
    before = same(books.place)

    await books.result(await books.collecting(owed), Failed("insufficient_funds"))
    lost = same(books.place)
    await kept(books.place, books.storage.run, 7)
    await books.close(running, Ending.UNDELIVERED)
    closed = same(books.place)
    await kept(books.place, books.storage.run, 7)
    taken = report_unit
    await books.run(taken, "call_1", [report("r1", told(units=None, name="other"))], BOUNDS, NOW_US)
    unknown = same(books.place)
    await kept(books.place, books.storage.run, 7)
    await books.run(taken, "call_10", [report("r2", told(units=7, name="other"))], BOUNDS, NOW_US)
    reported = same(books.place)

    assert [rows[0]["bad_debt"] for rows in (before, lost)] == [0, owed.price_nano]
    assert [rows[0]["unsettled"] for rows in (before, lost)] == [2 * owed.price_nano, owed.price_nano]
    assert closed[0]["calls"] == lost[0]["calls"]
    assert unknown[0]["unknown_cost_calls"] == 1
    assert reported[0]["unsettled_cost"] == unknown[0]["unsettled_cost"] + 7
    with closing(open_read_only(books.place)) as connection:
        assert [chunk.version for chunk in stale(connection)] == [4]
    assert audit_books(books.place).clean


async def test_a_call_that_comes_late_into_a_chunk_is_counted(books: Books) -> None:
    """Its id sorts before the end of a chunk that is kept: the clocks of two processes differ."""
    await lived(books)
    await kept(books.place, books.storage.run, 5)
    before = same(books.place)
    await books.admitted(verified(nonce=20, call="call_3"))

    assert same(books.place)[0]["calls"] == before[0]["calls"] + 1


async def test_what_changes_while_it_is_added_up_stays_marked(books: Books) -> None:
    """It is not in the sums, and its mark outlives them; older sums never replace newer ones."""
    await lived(books)
    await kept(books.place, books.storage.run, 5)
    one = {"reports": [report("r1", told(1, name="one"))], "bounds": BOUNDS, "now_us": NOW_US}
    other = {"reports": [report("r2", told(2, name="other"))], "bounds": BOUNDS, "now_us": NOW_US}
    await books.run(report_unit, "call_1", **one)
    with closing(open_read_only(books.place)) as connection:
        (chunk,) = stale(connection)
        sums = add_up(connection, chunk)
        await books.run(report_unit, "call_1", **other)
        again = add_up(connection, chunk)

        assert len(again.marks) > len(sums.marks) > 0
        assert await books.storage.run(partial(keep, sums=sums)) is True
        assert await books.storage.run(partial(keep, sums=again)) is False
        assert [each.version for each in stale(connection)] == [2]
    same(books.place)
    await kept(books.place, books.storage.run, 5)
    same(books.place)
    assert audit_books(books.place).clean


async def test_a_chunk_waits_for_its_calls_and_follows_the_last_one(books: Books) -> None:
    """Fewer calls, or too new ones, are none; one chunk follows each, whoever is faster."""
    await lived(books)
    with closing(open_read_only(books.place)) as connection:
        assert next_chunk(connection, INT64_MAX, 6) is None
        assert next_chunk(connection, NOW_US, 5) is None
        chunk = next_chunk(connection, INT64_MAX, 3)
        assert chunk == Chunk("", "call_4")
    assert await books.storage.run(partial(watch, chunk=chunk)) is True
    assert await books.storage.run(partial(watch, chunk=chunk)) is False
    same(books.place)


async def test_who_did_not_see_a_chunk_watched_is_waited_for(postgres: str, tmp_path: Path) -> None:
    """On PostgreSQL a unit that began before may write without a mark until it ends."""
    async with open_books(tmp_path, postgres) as books:
        await lived(books)
        with connect(postgres) as late, closing(open_read_only(postgres)) as connection:
            late.execute("BEGIN")
            late.execute("UPDATE calls SET agent = agent WHERE id = 'call_1'")
            began = await books.storage.run(begun)
            assert not ended(connection, began)
            late.execute("ROLLBACK")

            assert ended(connection, began)


async def test_times_that_cut_a_chunk_read_its_calls(shop: Shop) -> None:
    """A table of a time is made of whole chunks within it and of single calls at its ends."""
    await sold(shop, 24)
    await shop.lose(Sale(25, at_us=NOON_US + 5 * DAY_US), line())
    await shop.defer(Sale(26, at_us=NOON_US + 5 * DAY_US), line(units=None))
    await shop.collect(await shop.defer(Sale(27, at_us=NOON_US + 5 * DAY_US)), Unknown("answer_lost"))
    await kept(shop.path, shop.store.run, 4)

    assert sum(row["calls"] for row in same(shop.path)) == 27
    for days in range(7):
        since_us = NOON_US + days * DAY_US
        same(shop.path, since_us)
        same(shop.path, None, since_us)
        same(shop.path, since_us, since_us + DAY_US + 7)
    with closing(open_read_only(shop.path)) as connection:
        steps = connection.execute("SELECT count(*), sum(version) FROM margin_chunks").fetchone()
    assert steps == (6, 6)


async def test_a_unit_that_is_undone_keeps_nothing_of_a_chunk(shop: Shop) -> None:
    """Neither half of its sums nor its version is on disk."""
    for number in (1, 2):
        await shop.serve(Sale(number), line())
    with closing(open_read_only(shop.path)) as connection:
        chunk = next_chunk(connection, INT64_MAX, 2)
        assert chunk is not None
        await shop.store.run(partial(watch, chunk=chunk))
        sums = add_up(connection, chunk)

        def fails(tx: Any, sums: Sums = sums) -> None:
            keep(tx, sums)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await shop.store.run(fails)

        assert stale(connection) == [chunk]
        assert connection.execute("SELECT count(*) FROM margin_sums").fetchone() == (0,)


WRONG = {
    "a sum": "UPDATE margin_sums SET revenue = revenue + 1 WHERE dimension = 'endpoint'",
    "a unit that is not there": "UPDATE margin_sums SET unit = 'x' WHERE dimension = 'agent'",
    "a unit that is left out": "DELETE FROM margin_sums WHERE dimension = 'tool' AND unit = ''",
    "a time": "UPDATE margin_chunks SET at_min_us = at_min_us + 1",
    "a call": "UPDATE calls SET captured_nano = captured_nano + 1 WHERE id LIKE '%1'",
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
async def test_the_audit_finds_what_is_kept_and_is_not_so(shop: Shop, change: str) -> None:
    """Whatever is changed behind the triggers' back, in what is kept or in what it was made of."""
    await shop.serve(Sale(1), line())
    await shop.serve(Sale(2), line(), TOOL)
    await kept(shop.path, shop.store.run, 2)
    with forced(shop.path) as connection:
        assert list(margins_kept(connection)) == []
        assert connection.execute(change).rowcount == 1

        assert list(margins_kept(connection)) != []
    found = {check.id for check in audit_books(shop.path).checks if check.rows}
    assert "margins_kept" in found


async def test_the_audit_finds_a_gap_between_chunks(shop: Shop) -> None:
    """A call that is in no chunk would be in no table."""
    for number in (1, 2, 3):
        await shop.serve(Sale(number))
    await kept(shop.path, shop.store.run, 1)
    with forced(shop.path) as connection:
        connection.execute("DELETE FROM margin_sums")
        connection.execute(f"DELETE FROM margin_chunks WHERE last = '{Sale(2).call}'")
    found = {check.id for check in audit_books(shop.path).checks if check.rows}

    assert {"chunks_follow", "margins_kept"} <= found
