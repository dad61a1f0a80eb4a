"""Sessions: all calls of one buyer's session add up to what the margin table would say of them."""

from contextlib import closing
from typing import Any

from sidecar.adapters.storage.reading import READS, fetch, open_read_only
from sidecar.finops import margins
from sidecar.finops.calls import one_parameters
from sidecar.finops.sessions import parameters, so_far
from tests.sidecar.shop import OTHER_PAYER, TOOL, Sale, Shop, line
from tests.sidecar.told import report, told


def session_of(shop: Shop, sale: Sale) -> dict[str, Any] | None:
    with closing(open_read_only(shop.path)) as connection:
        (call,) = fetch(connection, "calls", one_parameters(sale.call))
        return so_far(fetch(connection, "session", parameters(call)))


async def test_every_way_a_call_may_end_counts_as_the_margin_table_counts_it(shop: Shop) -> None:
    """Served, undelivered, lost, failed, running and corrected calls: the same known margin."""
    sales = [Sale(number, session="s_1") for number in range(1, 7)]
    await shop.serve(sales[0], line(), TOOL)
    await shop.break_off(sales[1], line())
    await shop.lose(sales[2], line())
    await shop.fail(sales[3], TOOL, line(units=None))
    await shop.admit(sales[4])
    await shop.serve(sales[5], TOOL)
    await shop.report(sales[5], report("r1", told(9_000_000, name="web_search", kind=TOOL.kind)))

    with closing(open_read_only(shop.path)) as connection:
        rows = fetch(connection, "margin", margins.parameters("session", None, None))
    total = margins.margin_object("session", None, None, rows)["total"]
    assert session_of(shop, sales[0]) == {"calls": 6, "known_margin_usd": total["known_margin_usd"]}
    assert total["known_margin_usd"] == "0.056800000"


async def test_a_session_is_one_buyers_own(shop: Shop) -> None:
    """The same word of another buyer is another session, and so is another word."""
    await shop.serve(Sale(1, session="s_1"), TOOL)
    await shop.serve(Sale(2, session="s_1", payer=OTHER_PAYER), TOOL)
    await shop.serve(Sale(3, session="s_2"), TOOL)

    assert session_of(shop, Sale(1)) == {"calls": 1, "known_margin_usd": "0.045400000"}


async def test_a_call_without_a_session_has_none(shop: Shop) -> None:
    """All calls without one are not one session."""
    await shop.serve(Sale(1), TOOL)

    assert session_of(shop, Sale(1)) is None


async def test_a_session_is_found_by_its_index(shop: Shop) -> None:
    """However many calls there are, those of the session alone are read."""
    asked = {"session": "s_1", "buyer": "0x"}
    with closing(open_read_only(shop.path)) as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {READS['session'].sql}", asked)]

    assert "SEARCH calls USING INDEX calls_of_session (session=? AND buyer=?)" in steps
