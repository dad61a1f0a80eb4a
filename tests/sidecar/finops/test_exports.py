"""From an export alone, anybody can add up the books again."""

import csv
import io
import json
import subprocess
import sys
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from ledger import reports
from ledger.accounts import text as account_text
from ledger.balances import Balance
from sidecar.adapters.storage.reading import open_read_only
from sidecar.adapters.storage.reporting import export
from sidecar.finops.exports import COLUMNS, FORMATS, MEDIA_TYPES, csv_text
from tests.sidecar.finops.test_beancount import BOOK, checked
from tests.sidecar.shop import OTHER_PAYER, TOOL, Sale, Shop, line

Entry = dict[str, str]
Counters = dict[str, list[Decimal]]


async def busy(shop: Shop) -> None:
    """Sell in every way there is."""
    await shop.serve(Sale(1), TOOL, line())
    await shop.serve(Sale(2, payer=OTHER_PAYER, surplus_nano=999))
    await shop.break_off(Sale(3), line())
    await shop.lose(Sale(4))
    await shop.fail(Sale(5))
    await shop.release(Sale(6))
    await shop.admit(Sale(7))


def recomputed(entries: list[Entry]) -> Counters:
    """Add the counters up with nothing but the export: debits, credits, and what is held of both."""
    found: Counters = defaultdict(lambda: [Decimal(0)] * 4)
    holds = {entry["id"]: Decimal(entry["amount"]) for entry in entries if entry["kind"] == "pending"}
    for entry in entries:
        amount, moved = Decimal(entry["amount"]), entry["kind"] in {"transfer", "post"}
        held = amount if entry["kind"] == "pending" else -holds.get(entry["resolves"] or "", Decimal(0))
        for place, side in enumerate(("debit", "credit")):
            counters = found[entry[side]]
            counters[place] += amount if moved else 0
            counters[place + 2] += held
    return found


def ours(path: Path) -> Counters:
    with closing(open_read_only(path)) as connection:
        return {
            account_text(each.account.id): [
                Decimal(units).scaleb(-each.account.asset.decimals)
                for units in (
                    each.balance.debits_posted,
                    each.balance.credits_posted,
                    each.balance.debits_pending,
                    each.balance.credits_pending,
                )
            ]
            for each in reports.balances(connection)
            if each.balance != Balance()
        }


async def test_the_csv_adds_up_to_our_balances(shop: Shop) -> None:
    """Every account's four counters, by another hand."""
    await busy(shop)
    entries = list(csv.DictReader(io.StringIO("".join(export(shop.path, "csv")))))

    found = {name: counters for name, counters in recomputed(entries).items() if any(counters)}
    assert found == ours(shop.path)
    assert len(found) > 8


async def test_the_json_lines_add_up_to_our_balances(shop: Shop) -> None:
    """One journal a line, with everything that the API says of it."""
    await busy(shop)
    journals = [json.loads(text) for text in "".join(export(shop.path, "jsonl")).splitlines()]
    entries = [entry for journal in journals for entry in journal["entries"]]

    assert {k: v for k, v in recomputed(entries).items() if any(v)} == ours(shop.path)
    assert [journal["seq"] for journal in journals] == list(range(1, len(journals) + 1))
    assert set(journals[0]) == {
        "seq",
        "id",
        "kind",
        "happened_at",
        "recorded_at",
        "subject",
        "note",
        "entries",
    }


async def test_beancount_finds_our_balances(shop: Shop, tmp_path: Path) -> None:
    """An independent program adds up real sales and agrees with every balance."""
    await busy(shop)

    assert checked(tmp_path, "".join(export(shop.path, "beancount"))) == (0, "")


ADD_UP = """
import json, sys
from beancount import loader
entries, errors, _ = loader.load_file(sys.argv[1])
assert not errors
ours = {each.account: each.meta["account"] for each in entries if type(each).__name__ == "Open"}
sums = {}
for each in entries:
    for posting in getattr(each, "postings", ()):
        sums[ours[posting.account]] = sums.get(ours[posting.account], 0) + posting.units.number
print(json.dumps({name: str(number) for name, number in sums.items()}))
"""
"""What somebody else's program makes of the postings, by our names; it reads no balance that we wrote."""


def added_up(written: Path) -> dict[str, Decimal]:
    command = [sys.executable, "-c", ADD_UP, str(written)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: Decimal(number) for name, number in json.loads(told).items()}


async def test_what_beancount_adds_up_is_every_balance_of_ours(shop: Shop, tmp_path: Path) -> None:
    """Account by account, from the postings alone, against what our reports say."""
    await busy(shop)
    written = tmp_path / "books.beancount"
    written.write_text("".join(export(shop.path, "beancount")), encoding="utf-8")

    posted = {name: counters[:2] for name, counters in ours(shop.path).items() if any(counters[:2])}
    assert added_up(written) == {name: debits - credits_ for name, (debits, credits_) in posted.items()}
    assert len(posted) > 5


def test_text_of_people_stays_in_its_field() -> None:
    """Commas, quotes and new lines of a note come back as they were."""
    rows = list(csv.reader(io.StringIO("".join(csv_text(BOOK)))))

    assert rows[0] == list(COLUMNS)
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert rows[4][COLUMNS.index("note")] == 'a "reason"\nin two \\ lines'


@pytest.mark.parametrize("written_as", FORMATS)
def test_every_format_has_its_media_type(written_as: str) -> None:
    """Each is called something on the wire."""
    assert MEDIA_TYPES[written_as]
