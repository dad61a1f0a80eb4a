"""Reporting: reports are booked once, by the close or after it, and correct what weaker words said."""

from dataclasses import replace
from typing import Any

import pytest

from pricing.cost import CostLine, Kind, Source
from pricing.disputes import disputes
from sidecar.domain.closing import Ending, abandon_unit, close_orphan_unit
from sidecar.domain.costs import Report
from sidecar.domain.metering import unmetered
from sidecar.domain.outcomes import Failed
from sidecar.domain.records import Closing, Payment
from sidecar.domain.report_refusals import Code, ReportsRefused
from sidecar.domain.reporting import Bounds, Status, Taken, notes, report_unit
from tests.sidecar.builders import NOW_US, Books
from tests.sidecar.shop import PLATFORM_FEE
from tests.sidecar.told import BOUNDS, report, told

HEADER = told(100, Source.HEADER, name="openai/gpt-4o", provider="openai")
USAGE = told(100, Source.USAGE, response_id="c1", provider="openai")
SEARCH = told(300, kind=Kind.TOOL, name="web_search")
BOOKED, EVIDENCE, EXISTS = Status.BOOKED, Status.EVIDENCE, Status.EXISTS


async def asked(books: Books, *reports: Report, call: str = "call_1", **named: Any) -> Taken | ReportsRefused:
    bounds, now_us = named.get("bounds", BOUNDS), named.get("now_us", NOW_US)
    return await books.run(report_unit, call, reports, bounds, now_us)


async def taken(books: Books, *reports: Report, **named: Any) -> Taken:
    found = await asked(books, *reports, **named)
    assert isinstance(found, Taken), found
    return found


async def refused(books: Books, *reports: Report, **named: Any) -> Code:
    """Expect a refusal that leaves every row as it was."""
    before = books.trace()
    found = await asked(books, *reports, **named)
    assert isinstance(found, ReportsRefused), found
    assert books.trace() == before
    return found.code


async def closed(books: Books, *lines: CostLine, ending: Ending = Ending.DELIVERED) -> Payment:
    payment = await books.settled()
    await books.close(
        payment, ending, *lines, platform_fee=PLATFORM_FEE if ending is Ending.DELIVERED else None
    )
    return payment


def costs(books: Books) -> list[tuple[str, str, int | None, str]]:
    """Return kind, name, amount and source of what is booked besides the fees of others."""
    return books.select(
        "SELECT kind, name, amount_nano, source FROM cost_lines "
        "WHERE name NOT IN ('facilitator', 'platform') ORDER BY n"
    )


def spent(books: Books) -> dict[str, int]:
    """Return the balances of cost accounts and of whom they are owed to."""
    kinds = ("cost", "provider_payable", "tool_payable", "fee:declared")
    return {name: units for name, units in books.accounts().items() if name.startswith(kinds) and units}


async def test_a_running_call_keeps_its_reports_for_the_close(books: Books) -> None:
    """They are on disk at once and in the books with the call's other costs, each once."""
    payment = await books.settled()
    before = books.balances()
    found = await taken(books, report("r1"), report("r2", SEARCH))

    assert (found.items, found.changes) == ((("r1", BOOKED), ("r2", BOOKED)), ())
    assert (costs(books), books.balances()) == ([], before)
    await books.close(payment, Ending.DELIVERED, HEADER, USAGE)
    assert costs(books) == [("model", "gpt-4o", 12_000_000, "report"), ("tool", "web_search", 300, "report")]
    assert spent(books) == {
        "cost:model:POST /research:gpt-4o": 12_000_000,
        "cost:tool:POST /research:web_search": 300,
        "provider_payable:gpt-4o": 12_000_000,
        "tool_payable:web_search": 300,
    }


async def test_what_the_close_did_not_book_is_kept(books: Books) -> None:
    """A weaker word of the same cost is evidence on disk, and in no sum."""
    await closed(books, HEADER, USAGE)

    assert books.select("SELECT source, booked FROM cost_evidence WHERE name LIKE '%gpt%' ORDER BY n") == [
        ("header", 1),
        ("usage", 0),
    ]
    assert costs(books) == [("model", "openai/gpt-4o", 100, "header")]


async def test_a_late_report_is_a_dated_journal(books: Books) -> None:
    """After the close it is booked at once, when it came, and what it changed is told."""
    await closed(books, USAGE)
    found = await taken(books, report("r1", SEARCH), now_us=NOW_US + 5)

    assert (found.items, found.changes) == ((("r1", BOOKED),), (("tool", 300),))
    assert spent(books)["cost:tool:POST /research:web_search"] == 300
    journals = "SELECT kind, happened_us, subject, note FROM journals WHERE id GLOB '*/late_costs/*'"
    assert books.select(journals) == [("late_costs", NOW_US + 5, "call_1", "")]


async def test_a_stronger_late_report_corrects_what_was_booked(books: Books) -> None:
    """The earlier line is taken back in full and noted, the report stands, and the difference is said."""
    await closed(books, HEADER)
    found = await taken(books, report("r1", told(250)))

    assert (found.items, found.changes) == ((("r1", BOOKED),), (("model", 150),))
    assert [(each.told.units, each.booked.units) for each in found.disputes] == [(100, 250)]
    assert costs(books) == [("model", "gpt-4o", 250, "report")]
    assert spent(books) == {"cost:model:POST /research:gpt-4o": 250, "provider_payable:gpt-4o": 250}
    assert books.select("SELECT kind, note FROM journals WHERE id GLOB '*/late_costs/*'") == [
        ("correction", "corrects 2")
    ]
    assert books.select("SELECT n, booked, because FROM cost_changes") == [(2, 0, 3)]


async def test_a_correction_may_be_downwards(books: Books) -> None:
    """What the agent paid less for than it seemed costs less, and its cost line is not negative."""
    await closed(books, HEADER)

    assert (await taken(books, report("r1", told(40)))).changes == (("model", -60),)
    assert spent(books) == {"cost:model:POST /research:gpt-4o": 40, "provider_payable:gpt-4o": 40}


async def test_the_same_figure_from_a_stronger_source_is_no_dispute(books: Books) -> None:
    """Within one percent nobody is called; the books follow the stronger word all the same."""
    await closed(books, HEADER)
    found = await taken(books, report("r1", told(101)))

    assert (found.changes, found.disputes) == ((("model", 1),), ())


async def test_a_cost_that_is_told_again_is_evidence(books: Books) -> None:
    """The first report of an answer is booked; a second one of the same answer is not, and not forgotten."""
    await closed(books)
    first, again = told(100, response_id="c1"), told(200, response_id="c1")
    found = await taken(books, report("r1", first), report("r2", again))

    assert found.items == (("r1", BOOKED), ("r2", EVIDENCE))
    assert [(each.told.units, each.booked.units) for each in found.disputes] == [(200, 100)]
    assert costs(books) == [("model", "gpt-4o", 100, "report")]


async def test_two_items_without_an_id_are_two_costs(books: Books) -> None:
    """Two searches cost twice, also when a header told of both before."""
    header = replace(SEARCH, source=Source.HEADER)
    await closed(books, header, header)
    found = await taken(books, report("r1", SEARCH), report("r2", SEARCH))

    assert found.items == (("r1", BOOKED), ("r2", BOOKED))
    assert spent(books)["cost:tool:POST /research:web_search"] == 600


async def test_a_report_can_make_a_weaker_line_count_again(books: Books) -> None:
    """One sum stood for two answers: once one of them is reported, the other is booked as it was told."""
    other = told(60, Source.USAGE, response_id="c2", provider="openai")
    await closed(books, told(160, Source.HEADER), USAGE, other)
    await taken(books, report("r1", told(110, response_id="c1")))

    assert [line[2:] for line in costs(books)] == [(60, "usage"), (110, "report")]
    assert spent(books)["cost:model:POST /research:gpt-4o"] == 170
    assert books.select("SELECT n, booked FROM cost_changes ORDER BY n") == [(2, 0), (4, 1)]
    await taken(books, report("r2", told(70, response_id="c2")))
    assert spent(books)["cost:model:POST /research:gpt-4o"] == 180
    assert books.select("SELECT n, number, booked FROM cost_changes WHERE n = 4") == [(4, 0, 1), (4, 1, 0)]


async def test_an_unknown_cost_becomes_known(books: Books) -> None:
    """A line without an amount yields to one that has it; the coverage of the call rises."""
    await closed(books, told(None, Source.USAGE))
    assert (await taken(books, report("r1", told(90)))).changes == (("model", 90),)
    assert costs(books) == [("model", "gpt-4o", 90, "report")]


async def test_a_report_of_an_unknown_cost_says_so(books: Books) -> None:
    """Tokens of a model nobody has a price for are a line without an amount, and no journal."""
    await closed(books)
    found = await taken(books, report("r1", told(None)))

    assert (found.items, found.changes, spent(books)) == ((("r1", BOOKED),), (), {})
    assert costs(books) == [("model", "gpt-4o", None, "report")]


@pytest.mark.parametrize("ending", [Ending.UNDELIVERED, Ending.AS_IT_IS])
async def test_what_was_not_delivered_costs_a_retry_whenever_it_is_told(books: Books, ending: Ending) -> None:
    """Before the close or after it, a report of undelivered work is the cost of a retry."""
    settle = books.settled if ending is Ending.UNDELIVERED else books.unknown
    payment = await settle()
    await taken(books, report("r1"))
    await books.close(payment, ending, HEADER)
    await taken(books, report("r2", SEARCH))

    assert [line[:3] for line in costs(books)] == [
        ("retry", "gpt-4o", 12_000_000),
        ("retry", "web_search", 300),
    ]
    assert spent(books)["cost:retry:POST /research:web_search"] == 300


async def test_a_late_report_finds_its_cost_among_the_retries(books: Books) -> None:
    """Identity is by what was told, not by the kind it is booked under."""
    await closed(books, HEADER, ending=Ending.UNDELIVERED)
    await taken(books, report("r1", told(250)))

    assert costs(books) == [("retry", "gpt-4o", 250, "report")]
    assert spent(books)["cost:retry:POST /research:gpt-4o"] == 250


async def test_fees_of_others_are_not_the_agents_to_correct(books: Books) -> None:
    """A reported fee stands beside the facilitator's and the platform's, whatever it is called."""
    await closed(books)
    fees = [told(7, kind=Kind.FEE, name=name) for name in ("facilitator", "platform")]
    found = await taken(books, *(report(line.name, line) for line in fees))

    assert found.changes == (("fee", 14),)
    assert books.select("SELECT count(*), sum(amount_nano) FROM cost_lines WHERE kind = 'fee'") == [
        (4, 10**6 + 500_000 + 14)
    ]


async def test_a_declared_fee_is_corrected_like_any_cost(books: Books) -> None:
    """What the agent declared of a fee it may tell better."""
    await closed(books, told(500, Source.HEADER, kind=Kind.FEE, name="proxy"))

    assert (await taken(books, report("r1", told(300, kind=Kind.FEE, name="proxy")))).changes == (
        ("fee", -200),
    )
    assert books.accounts()["fee:declared:proxy"] == 300


async def test_the_same_report_again_changes_nothing(books: Books) -> None:
    """While the call runs, after its close, and twice in one request."""
    payment = await books.settled()
    await taken(books, report("r1"))
    before = books.trace()
    assert (await taken(books, report("r1"))).items == (("r1", EXISTS),)
    assert books.trace() == before

    await books.close(payment, Ending.DELIVERED)
    assert (await taken(books, report("r2", SEARCH), report("r2", SEARCH))).items == (
        ("r2", BOOKED),
        ("r2", EXISTS),
    )
    before = books.trace()
    assert (await taken(books, report("r1"), report("r2", SEARCH))).items == (("r1", EXISTS), ("r2", EXISTS))
    assert books.trace() == before


async def test_another_report_under_the_same_id_is_refused_whole(books: Books) -> None:
    """One conflict, on disk or within the request, and none of the request is taken."""
    await closed(books)
    await taken(books, report("r1"))

    assert await refused(books, report("r2", SEARCH), report("r1", SEARCH)) is Code.REPORT_CONFLICT
    assert await refused(books, report("r2", SEARCH), report("r2", HEADER)) is Code.REPORT_CONFLICT
    assert await asked(books, report("r1", SEARCH)) == ReportsRefused(Code.REPORT_CONFLICT, report="r1")


async def test_a_call_has_a_limit_of_reports(books: Books) -> None:
    """Beyond it nothing new is taken; what was taken is answered as ever."""
    await closed(books)
    bounds = Bounds(reports_max=2, window_us=0)
    await taken(books, report("r1"), bounds=bounds)
    found = await refused(books, report("r2", SEARCH), report("r3", SEARCH), bounds=bounds)

    assert found is Code.REPORTS_TOO_MANY
    await taken(books, report("r2", SEARCH), bounds=bounds)
    assert (await taken(books, report("r1"), bounds=bounds)).items == (("r1", EXISTS),)
    assert await refused(books, report("r3", SEARCH), bounds=bounds) is Code.REPORTS_TOO_MANY


async def test_the_close_window_ends(books: Books) -> None:
    """Up to and with its last microsecond; then also what was taken before is not answered any more."""
    payment = await books.settled()
    await taken(books, report("r1"), now_us=NOW_US + 10 * BOUNDS.window_us)
    await books.close(payment, Ending.DELIVERED)
    last_us = NOW_US + BOUNDS.window_us

    await taken(books, report("r2", SEARCH), now_us=last_us)
    assert await refused(books, report("r2", SEARCH), now_us=last_us + 1) is Code.CLOSE_WINDOW_OVER


async def test_a_call_of_another_database_is_unknown(books: Books) -> None:
    """A good token does not make a call."""
    assert await refused(books, report(), call="call_9") is Code.CALL_UNKNOWN


async def test_calls_do_not_share_reports(books: Books) -> None:
    """An id is its call's own."""
    await closed(books)
    assert (await taken(books, report("r1"))).items == (("r1", BOOKED),)
    assert await refused(books, report("r1"), call="call_2") is Code.CALL_UNKNOWN


@pytest.mark.parametrize("how", ["abandoned", "orphan"])
async def test_a_call_that_died_keeps_what_it_reported(books: Books, how: str) -> None:
    """Whoever closes it books its reports, beside the rest, which stays unknown."""
    payment = await books.settled() if how == "abandoned" else await books.asked(Failed("insufficient_funds"))
    await taken(books, report("r1"))
    closing = Closing("failed", 0, 0, (unmetered(),))
    if how == "abandoned":
        await books.run(abandon_unit, payment.claim_key, payment.call, closing, NOW_US)
    else:
        await books.run(close_orphan_unit, payment.call, payment.endpoint, closing, NOW_US)

    assert [line[:3] for line in costs(books)] == [
        ("retry", "gpt-4o", 12_000_000),
        ("retry", "unmetered", None),
    ]


def test_a_dispute_is_one_sentence_without_secrets() -> None:
    """Who says what of which cost, and what is booked."""
    (note,) = notes("call_1", disputes([told(250)], [HEADER]))

    assert (note.code, note.call) == ("costs_disagree", "call_1")
    assert note.detail == ("header says 0.000000100 USD for model openai/gpt-4o, booked is 0.000000250 USD")
