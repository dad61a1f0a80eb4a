"""Blocks of chunks never change a margin table: not when a chunk changes, and not when they are cut."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.storage.auditing import audit_books
from sidecar.adapters.storage.margin_blocks import FAN, Block, add_up, blocks_kept, due, keep
from sidecar.adapters.storage.reading import Place, fetch, open_read_only
from sidecar.domain.reporting import Bounds, report_unit
from sidecar.finops.margins import ROWS_MAX, SUMS, UNITS, parameters
from tests.sidecar.adapters.storage.test_margins import kept, lived, same, sold
from tests.sidecar.builders import NOW_US, open_books
from tests.sidecar.shop import DAY_US, NOON_US, Sale, Shop, forced, line
from tests.sidecar.told import report, told

BOUNDS = Bounds(reports_max=100, window_us=DAY_US)
Run = Any
SMALL = 2
"""Chunks in the smallest block of these tests."""


async def added_up(place: Place, run: Run, units_max: int = ROWS_MAX, fan: int = SMALL) -> list[Block]:
    """Add up whatever blocks can be, until there are no more; return them."""
    found: list[Block] = []
    with closing(open_read_only(place)) as connection:
        while blocks := due(connection, fan):
            for block in blocks:
                sums = add_up(connection, block, fan, units_max)
                assert await run(partial(keep, sums=sums)) is True
            found += blocks
    return found


def findings(place: Place) -> list[tuple[Any, ...]]:
    with closing(open_read_only(place)) as connection:
        return list(blocks_kept(connection, SMALL))


def table_of(place: Place, by: str, **times: int) -> list[dict[str, Any]]:
    with closing(open_read_only(place)) as connection:
        return fetch(connection, "margin", parameters(by, None, None) | times)


async def test_a_block_is_made_of_every_so_many_parts(shop: Shop) -> None:
    """Of chunks the smallest, of those the next larger; what is left over stays chunks and calls."""
    await sold(shop, 15)
    await kept(shop.path, shop.store.run, 2)
    blocks = await added_up(shop.path, shop.store.run)

    assert {(each.size, each.n) for each in blocks} == {(2, 1), (2, 2), (2, 3), (4, 1)}
    assert {each.dimension for each in blocks} == set(UNITS)
    assert len(same(shop.path)) == 3
    assert findings(shop.path) == []


async def test_times_are_made_of_blocks_chunks_and_calls(shop: Shop) -> None:
    """Wherever a time begins and ends, the table is that of its calls."""
    await sold(shop, 26)
    await kept(shop.path, shop.store.run, 3)
    await added_up(shop.path, shop.store.run)

    for days in range(7):
        since_us = NOON_US + days * DAY_US
        same(shop.path, since_us)
        same(shop.path, None, since_us)
        same(shop.path, since_us, since_us + DAY_US + 7)


async def test_a_block_is_what_a_table_is_made_of(shop: Shop) -> None:
    """Else nothing here would be tested: what is changed in a block is changed in the table."""
    await sold(shop, 9)
    await kept(shop.path, shop.store.run, 2)
    await added_up(shop.path, shop.store.run)
    before = sum(row["revenue"] for row in table_of(shop.path, "day"))
    with forced(shop.path) as connection:
        connection.execute("UPDATE margin_block_sums SET revenue = revenue + 1000 WHERE size = 4")

    after = table_of(shop.path, "day")
    assert sum(row["revenue"] for row in after) > before


async def test_a_block_follows_its_chunks(shop: Shop) -> None:
    """A late report changes what a unit came to, and gives a call another unit; blocks are what calls are."""
    await sold(shop, 8)
    await kept(shop.path, shop.store.run, 2)
    blocks = await added_up(shop.path, shop.store.run)
    for number in (1, 6, 7):
        await shop.report(Sale(number), report(f"r{number}", line(name="late", units=7)))
        same(shop.path)
    await kept(shop.path, shop.store.run, 2)

    same(shop.path)
    assert {row["unit"] for row in table_of(shop.path, "model")} == {"m0", "m1", "late + m0", "late + m1"}
    assert findings(shop.path) == []
    assert await added_up(shop.path, shop.store.run) == []
    with closing(open_read_only(shop.path)) as connection:
        assert len(connection.execute("SELECT * FROM margin_blocks").fetchall()) == len(blocks)
        assert connection.execute("SELECT * FROM margin_block_sums WHERE calls = 0").fetchall() == []


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_both_databases_keep_the_same(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """Blocks of calls that ended in every way, and that one of them is reported on later."""
    address = request.getfixturevalue("postgres") if database == "postgres" else ""
    async with open_books(tmp_path, address) as books:
        await lived(books)
        await kept(books.place, books.storage.run, 1)
        await added_up(books.place, books.storage.run)
        before = same(books.place)
        told_late = [report("r1", told(units=7, name="other"))]
        await books.run(report_unit, "call_1", told_late, BOUNDS, NOW_US)
        same(books.place)
        await kept(books.place, books.storage.run, 1)

        assert same(books.place)[0]["calls"] == before[0]["calls"]
        assert same(books.place) != before
        assert findings(books.place) == []


async def test_a_block_with_too_many_units_is_cut(shop: Shop) -> None:
    """It is enough to refuse a table, is in no larger block, and makes none that may be longer."""
    await sold(shop, 9)
    await kept(shop.path, shop.store.run, 2)
    blocks = await added_up(shop.path, shop.store.run, units_max=3)

    assert [(each.size, each.n) for each in blocks if each.dimension == "run"] == [(2, 1), (2, 2)]
    assert len(table_of(shop.path, "run", limit=4)) == 4
    assert len(table_of(shop.path, "run", limit=5)) == 5
    assert len(same(shop.path)) == 3
    assert findings(shop.path) == []


async def test_a_cut_block_that_loses_a_unit_is_made_again(shop: Shop) -> None:
    """Its units are counted, so each must be one that its calls have."""
    await sold(shop, 8)
    await kept(shop.path, shop.store.run, 2)
    await added_up(shop.path, shop.store.run, units_max=1)
    await shop.report(Sale(1), report("r1", line(name="late", units=7)))
    await shop.report(Sale(3), report("r2", line(name="late", units=7)))
    await kept(shop.path, shop.store.run, 2)

    assert findings(shop.path) == []
    assert await added_up(shop.path, shop.store.run, units_max=1) == [Block("model", 2, 1)]
    same(shop.path)


async def test_what_changed_while_a_block_was_added_up_is_not_lost(shop: Shop) -> None:
    """Sums of older chunks are not kept, and no block is kept twice."""
    await sold(shop, 4)
    await kept(shop.path, shop.store.run, 2)
    with closing(open_read_only(shop.path)) as connection:
        block = due(connection, SMALL)[0]
        older = add_up(connection, block, SMALL)
        await shop.report(Sale(1), report("r1", line(name="late", units=7)))
        await kept(shop.path, shop.store.run, 2)
        newer = add_up(connection, block, SMALL)

        assert await shop.store.run(partial(keep, sums=older)) is False
        assert await shop.store.run(partial(keep, sums=newer)) is True
        assert await shop.store.run(partial(keep, sums=newer)) is False
    assert findings(shop.path) == []


async def test_a_unit_that_is_undone_keeps_nothing_of_a_block(shop: Shop) -> None:
    """Neither the block nor half of its sums is on disk."""
    await sold(shop, 4)
    await kept(shop.path, shop.store.run, 2)
    with closing(open_read_only(shop.path)) as connection:
        found = due(connection, SMALL)
        sums = add_up(connection, found[0], SMALL)

        def fails(tx: Any) -> None:
            keep(tx, sums)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await shop.store.run(fails)

        assert due(connection, SMALL) == found
        assert connection.execute("SELECT count(*) FROM margin_block_sums").fetchone() == (0,)


async def test_the_columns_are_those_of_the_formula(shop: Shop) -> None:
    """Rows are read and kept by their order."""
    await shop.serve(Sale())
    expected = ["dimension", "unit", *SUMS]
    with closing(open_read_only(shop.path)) as connection:
        for table, key in (("margin_sums", "last"), ("margin_block_sums", "size")):
            columns = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
            assert [name for (name,) in columns if name not in {key, "n"}] == expected

    assert [*table_of(shop.path, "run")[0]] == expected


WRONG = {
    "a sum": "UPDATE margin_block_sums SET revenue = revenue + 1 WHERE dimension = 'endpoint'",
    "a larger block's sum": "UPDATE margin_block_sums SET fees = fees + 1 WHERE size = 4",
    "a unit that is not there": "UPDATE margin_block_sums SET unit = 'x' || unit WHERE dimension = 'agent'",
    "a unit that is left out": "DELETE FROM margin_block_sums WHERE dimension = 'tool'",
    "what it is made of": "UPDATE margin_sums SET calls = calls + 1 WHERE dimension = 'day'",
    "a smaller block": "DELETE FROM margin_blocks WHERE dimension = 'workspace' AND size = 2 AND n = 1",
    "a chunk": "UPDATE margin_chunks SET version = 0 WHERE n = 1",
    "where it is cut": "UPDATE margin_blocks SET cut = cut + 1 WHERE dimension = 'run' AND size = 2",
    "a unit of one that is cut": "UPDATE margin_block_sums SET unit = 'x' || unit WHERE dimension = 'run'",
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
async def test_the_audit_finds_a_block_that_is_not_so(shop: Shop, change: str) -> None:
    """Whatever is changed of it, or of what it is made of."""
    await sold(shop, 8)
    await kept(shop.path, shop.store.run, 2)
    await added_up(shop.path, shop.store.run, units_max=3)
    with forced(shop.path) as connection:
        assert list(blocks_kept(connection, SMALL)) == []
        assert connection.execute(change).rowcount >= 1

        assert list(blocks_kept(connection, SMALL)) != []


async def test_the_audit_of_books_looks_at_blocks(shop: Shop) -> None:
    """Of the sizes that the sidecar makes: eight chunks are one."""
    await sold(shop, 8)
    await kept(shop.path, shop.store.run, 1)
    assert {(each.size, each.n) for each in await added_up(shop.path, shop.store.run, fan=FAN)} == {(8, 1)}
    assert audit_books(shop.path).clean

    with forced(shop.path) as connection:
        connection.execute("UPDATE margin_block_sums SET calls = calls + 1 WHERE dimension = 'day'")
    assert {check.id for check in audit_books(shop.path).checks if check.rows} == {"blocks_kept"}


async def test_the_audit_finds_a_chunk_without_its_number(shop: Shop) -> None:
    """By its number a chunk is in a block: two with one number, or none, would be in none or twice."""
    await sold(shop, 4)
    await kept(shop.path, shop.store.run, 2)
    with forced(shop.path) as connection:
        connection.execute("UPDATE margin_chunks SET n = n + 1 WHERE n = 2")
    found = {check.id for check in audit_books(shop.path).checks if check.rows}

    assert found == {"chunks_follow"}
