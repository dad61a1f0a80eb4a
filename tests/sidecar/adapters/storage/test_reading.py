"""Reading: named queries on a file that may be in use, and never a write."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ledger.folding import keep, next_fold
from ledger.stores import migrate
from sidecar.adapters.storage.reading import READS, Reader, Unreadable, fetch, open_read_only
from sidecar.domain.outcomes import Failed, Unknown
from sidecar.finops import books, buyers, margins, receipts, statements
from sidecar.finops.calls import one_parameters, page_parameters
from sidecar.finops.tills import claims_parameters
from tests.sidecar.shop import NOON_US, PAYER, TOOL, Sale, Shop, line

ASKED: Mapping[str, Mapping[str, object]] = {
    "calls": page_parameters(50, None),
    "margin": margins.parameters("endpoint", None, None),
    "session": {"session": "s_1", "buyer": "0x" + "aa" * 20},
    "gauges": {},
    "recent_costs": {"calls": 100, "since_us": 0},
    "accounts": books.accounts_parameters(100, None),
    "journals": books.journals_parameters(100, None, None),
    "tills": {},
    "wallet_credit": statements.credit_parameters(PAYER),
    "wallet_calls": statements.page_parameters(PAYER, 50, None),
    "wallet_receipt": receipts.parameters(PAYER, Sale().call),
    "wallet_standing": buyers.parameters(PAYER, NOON_US),
    "claims": claims_parameters("eip155:84532", bytes([3]) * 20, bytes([0xCC]) * 20),
}


def plan(shop: Shop, query: str, parameters: Mapping[str, object]) -> str:
    with closing(open_read_only(shop.path)) as connection:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {READS[query].sql}", parameters)
        return "\n".join(step[3] for step in steps)


async def reading(shop: Shop) -> Reader:
    reader = Reader(shop.path)
    await reader.open()
    return reader


def test_every_query_has_a_sentence_and_is_read_only() -> None:
    """What is named here only selects, and says what for."""
    assert set(READS) == set(ASKED)
    assert all(query.purpose for query in READS.values())
    assert all(query.sql.startswith(("SELECT", "WITH")) for query in READS.values())


@pytest.mark.parametrize("query", sorted(ASKED))
async def test_both_openings_answer_alike_beside_the_writer(shop: Shop, query: str) -> None:
    """The server and a command read the same rows of a shop that is open."""
    await shop.serve(Sale(session="s_1"))
    reader = await reading(shop)
    served = await reader.fetch(query, ASKED[query])
    await reader.close()
    with closing(open_read_only(shop.path)) as connection:
        assert fetch(connection, query, ASKED[query]) == served
    assert served


async def test_a_reader_sees_the_last_commit(shop: Shop) -> None:
    """What was committed after the reader opened is read."""
    reader = await reading(shop)
    before = await reader.fetch("calls", page_parameters(50, None))
    await shop.admit(Sale())
    after = await reader.fetch("calls", page_parameters(50, None))
    await reader.close()

    assert (len(before), len(after)) == (0, 1)


async def test_nothing_can_be_written(shop: Shop) -> None:
    """Neither opening can change the books."""
    with (
        closing(open_read_only(shop.path)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("INSERT INTO price_versions VALUES ('e', 1, '', 0)")


async def test_a_closed_shop_can_be_read(shop: Shop) -> None:
    """Reports need no running sidecar."""
    await shop.serve(Sale())
    await shop.store.close()

    with closing(open_read_only(shop.path)) as connection:
        assert len(fetch(connection, "calls", page_parameters(50, None))) == 1


async def test_a_missing_file_is_one_sentence_and_is_not_made(tmp_path: Path) -> None:
    """Reading never creates a database."""
    path = tmp_path / "none.db"
    with pytest.raises(Unreadable, match=r"^there is no database at .*none\.db; `sidecar serve` makes it"):
        open_read_only(path)
    with pytest.raises(Unreadable, match=r"^there is no database at"):
        await Reader(path).open()

    assert not path.exists()


def a_text(path: Path) -> None:
    path.write_bytes(b"no database at all, only text " * 99)


def another_application(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (t TEXT)")


def of_version(number: int, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {migrate.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (a_text, "is not a database"),
        (another_application, "is the database of another application"),
        (partial(of_version, 999_000), "has schema 999.0, this version knows"),
        (partial(of_version, 1_001), "has schema 1.1, and this version reads only .*: `sidecar serve`"),
        (Path.touch, "has schema 0.0, and this version reads only"),
        (Path.mkdir, "cannot be read as a sidecar's database: "),
    ],
)
async def test_another_file_is_refused(tmp_path: Path, make: Callable[[Path], object], sentence: str) -> None:
    """A file that is not a sidecar's database of this version is named as what it is, in one sentence."""
    path = tmp_path / "other.db"
    make(path)

    with pytest.raises(Unreadable, match=rf"other\.db {sentence}"):
        open_read_only(path)
    with pytest.raises(Unreadable, match=rf"other\.db {sentence}"):
        await Reader(path).open()


async def test_a_reader_that_is_not_open_says_so(tmp_path: Path) -> None:
    """Closing twice is harmless; reading afterwards is a fault, not a crash."""
    reader = Reader(tmp_path / "none.db")
    await reader.close()
    await reader.close()

    with pytest.raises(Unreadable, match="not open"):
        await reader.fetch("gauges", {})


async def test_a_query_that_fails_is_unreadable(shop: Shop) -> None:
    """A fault of the database comes out as one fault, on both openings."""
    reader = await reading(shop)
    with pytest.raises(Unreadable, match="the query calls could not be answered"):
        await reader.fetch("calls", {})
    await reader.close()
    with closing(open_read_only(shop.path)) as connection, pytest.raises(Unreadable, match="query calls"):
        fetch(connection, "calls", {})


async def test_one_call_and_one_page_are_found_by_id(shop: Shop) -> None:
    """Neither reads the whole table."""
    for parameters in (one_parameters(Sale().call), page_parameters(50, None)):
        steps = plan(shop, "calls", parameters)

        assert "SEARCH calls USING PRIMARY KEY (id>? AND id<?)" in steps
        assert "SEARCH cost_evidence USING PRIMARY KEY (call_id=?)" in steps
        assert "SCAN c" not in steps


async def test_the_gauges_look_at_unfinished_payments_only(shop: Shop) -> None:
    """A scrape costs what is open, not what was ever sold."""
    assert "USING INDEX payments_unfinished" in plan(shop, "gauges", {})


async def test_margins_find_lines_by_their_call(shop: Shop) -> None:
    """Lines of calls outside the time are not read."""
    steps = plan(shop, "margin", ASKED["margin"])

    assert "SEARCH cost_evidence USING PRIMARY KEY (call_id>? AND call_id<?)" in steps
    assert "SCAN cost_evidence" not in steps


@pytest.mark.parametrize("query", sorted(ASKED))
async def test_no_query_reads_all_entries(shop: Shop, query: str) -> None:
    """What is asked of a running sidecar costs what was booked after the last fold, not the whole book."""
    with closing(open_read_only(shop.path)) as connection:
        pages = "SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'transfers'"
        places = connection.execute(pages).fetchall()
        steps = connection.execute(f"EXPLAIN {READS[query].sql}", ASKED[query]).fetchall()
    opened = {step[2] for step in steps if step[1] == "OpenRead" and (step[3],) in places}
    whole = {step[2] for step in steps if step[1] == "Rewind"}  # whatever begins at the first of all

    assert bool(opened) == (query in {"accounts", "journals", "tills"})
    assert not opened & whole


async def test_a_page_of_accounts_adds_up_its_own_sums(shop: Shop) -> None:
    """Of each account only the last sums are read, and what is not folded once for all of them."""
    steps = plan(shop, "accounts", ASKED["accounts"])

    assert "SEARCH t USING PRIMARY KEY (journal_seq>? AND journal_seq<?)" in steps
    assert steps.count("MATERIALIZE recent") == 1
    assert "SEARCH s USING PRIMARY KEY (account_no=? AND fold_seq=?)" in steps
    assert "SCAN a\n" not in steps


async def test_accounts_and_tills_begin_at_what_was_folded(shop: Shop) -> None:
    """Wherever the folds end, also between a hold and its end, balances are those of all entries."""
    for number in (1, 2):
        await shop.serve(Sale(number, surplus_nano=400), line(), TOOL)
    await shop.lose(Sale(3))
    with closing(open_read_only(shop.path)) as connection:
        before = fetch(connection, "accounts", ASKED["accounts"])
        tills = fetch(connection, "tills", {})
        for _ in range(3):
            folded = next_fold(connection, "", 3)
            assert folded is not None
            await shop.store.run(partial(keep, folded=folded))

            after = fetch(connection, "accounts", ASKED["accounts"])
            assert [told(row) for row in after] == [told(row) for row in before]
            assert fetch(connection, "tills", {}) == tills


def told(row: Mapping[str, object]) -> dict[str, object]:
    """Return an account as operators read it."""
    (item,) = books.accounts_object([row], 1)["items"]
    return dict(item)


async def test_journals_are_found_by_number_and_by_subject(shop: Shop) -> None:
    """Neither the newest nor those of one call need a look at all of them."""
    steps = plan(shop, "journals", ASKED["journals"])

    assert "journals_by_subject (subject=?" in steps
    assert "INDEX sqlite_autoindex_journals_1 (id>? AND id<?)" in steps
    assert "SCAN journals" not in steps


async def test_a_wallet_reads_its_own_rows_only(shop: Shop) -> None:
    """Statement, receipt, credit and standing find what they tell by index, in a book of any size."""
    scans = {
        query: [step for step in plan(shop, query, ASKED[query]).splitlines() if step.startswith("SCAN")]
        for query in ("wallet_credit", "wallet_calls", "wallet_receipt", "wallet_standing")
    }

    assert scans["wallet_credit"] == scans["wallet_calls"] == scans["wallet_receipt"] == []
    assert "USE TEMP B-TREE" not in plan(shop, "wallet_calls", ASKED["wallet_calls"])
    assert scans["wallet_standing"] == ["SCAN n"]  # the networks it has paid on


async def test_the_gauges_tell_what_is_held_from_what_is_owed(shop: Shop) -> None:
    """Delivered and unpaid is unsettled and not held any more; a doubt about it is an unknown settlement."""
    await shop.admit(Sale(1))
    await shop.defer(Sale(2))
    await shop.collect(await shop.defer(Sale(3)), None)
    await shop.collect(await shop.defer(Sale(4)), Unknown("answer_lost"))
    await shop.collect(await shop.defer(Sale(5)), Failed("insufficient_funds"))
    with closing(open_read_only(shop.path)) as connection:
        (gauges,) = fetch(connection, "gauges", {})

    price = Sale().price_nano
    assert (gauges["holds_nano"], gauges["unsettled_nano"]) == (price, 3 * price)
    assert (gauges["unknown_settlements"], gauges["oldest_unknown_us"]) == (1, Sale().at_us)
