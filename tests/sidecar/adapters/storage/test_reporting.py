"""Reports read from the file, of any time."""

from pathlib import Path

import pytest

from ledger.reports import NOW, AsOf
from sidecar.adapters.storage.reading import Unreadable
from sidecar.adapters.storage.reporting import UnknownAccount, export, read_statement, read_trial_balance
from sidecar.finops.account_statements import CursorText
from tests.sidecar.shop import DAY_US, NOON_US, Sale, Shop, forced


async def test_a_trial_balance_is_of_a_time(shop: Shop) -> None:
    """Tomorrow's sale is not in today's."""
    await shop.serve(Sale(1))
    today = read_trial_balance(shop.path, NOW)
    await shop.serve(Sale(2, at_us=NOON_US + DAY_US))

    assert read_trial_balance(shop.path, AsOf(happened_us=NOON_US))["items"] == today["items"]
    assert read_trial_balance(shop.path, NOW)["totals"] != today["totals"]


async def test_a_statement_is_read_in_pages(shop: Shop) -> None:
    """All pages together are the account, and the last balance is its balance."""
    for number in (1, 2, 3):
        await shop.serve(Sale(number))
    found, cursor = [], None
    while True:
        page = read_statement(shop.path, "revenue:POST /research", NOW, cursor, 2)
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break

    assert [each["kind"] for each in found] == ["pending", "post"] * 3
    assert [each["balance"] for each in found][-1] == "0.150000000"


@pytest.mark.parametrize("name", ["nobody", "%zz", ""])
async def test_an_account_that_is_not_there_is_told(shop: Shop, name: str) -> None:
    """One sentence, as for a name that cannot be one."""
    with pytest.raises(UnknownAccount):
        read_statement(shop.path, name, NOW, None, 10)
    with pytest.raises(CursorText):
        read_statement(shop.path, name, NOW, "x", 10)


async def test_what_cannot_be_read_is_told(shop: Shop, tmp_path: Path) -> None:
    """A file that is not there, and books that somebody broke."""
    with pytest.raises(Unreadable, match="there is no database"):
        read_trial_balance(tmp_path / "none.db", NOW)
    await shop.serve(Sale(1))
    with forced(shop.path) as connection:
        connection.execute("UPDATE transfers SET kind = 'x'")
    with pytest.raises(Unreadable, match="verify the books"):
        list(export(shop.path, "csv"))
