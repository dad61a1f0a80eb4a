"""Reporting: through the whole stall, a cost that many tell of is booked once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.money import nano
from pricing.tariffs import Tariffs
from sidecar.domain.events import CallClosed, CostsReported
from sidecar.domain.reporting import Bounds
from sidecar.ports import StorageUnavailable, TimedOut
from sidecar.tokens import TOKEN_LIFE_S
from tests.sidecar.fakes import Says
from tests.sidecar.reporter import SEARCH, TOKENS, reporter_of
from tests.sidecar.stall import ANSWER, COMPLETION, COMPLETION_NANO, JSON, RESEARCH, SOLD, Stall, open_stall
from tests.sidecar.told import BOUNDS
from tests.sidecar.x402.signing import NOW_S

MODEL = {"id": "m1", "kind": "model", "name": "house-1", "usage": {"input_tokens": 100, "output_tokens": 10}}
HEADER = (b"sidecar-cost", b'0.00012;kind=model;name="house/house-1"')
COSTS = {"cost:model": COMPLETION_NANO, "provider_payable": COMPLETION_NANO}


def booked(stall: Stall, call: str = "call_1") -> list[tuple[Any, ...]]:
    """Return what the call cost: kind, amount, source and how it is known."""
    return stall.books.select(
        "SELECT kind, amount_nano, source, basis FROM cost_lines "
        "WHERE call_id = ? AND name <> 'facilitator' ORDER BY n",
        call,
    )


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("response_id", ["", "c1"])
async def test_one_model_call_told_by_three_is_booked_once(
    tmp_path: Path, late: bool, response_id: str
) -> None:
    """The answer's usage, the agent's header and its report tell of one cost, in whatever order."""
    told = {**MODEL, "response_id": response_id} if response_id else MODEL
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        stall.upstream.otherwise = replace(ANSWER, headers=(*JSON, HEADER))
        if late:
            await stall.buy()
            assert booked(stall) == [("model", COMPLETION_NANO, "header", "reported")]
            assert await agent.statuses(told) == ["booked"]
        else:
            stall.upstream.gate.clear()
            _, task = stall.ask(headers=[stall.payment()])
            await stall.upstream.asked.wait()
            assert await agent.statuses(told) == ["booked"]
            assert booked(stall) == []
            stall.upstream.gate.set()
            await task

        assert booked(stall) == [("model", COMPLETION_NANO, "report", "measured")]
        assert stall.books.balances() == {**SOLD, **COSTS}
        assert stall.observer.attention == []


async def test_the_answer_and_the_header_are_booked_once(tmp_path: Path) -> None:
    """Without a report the agent's header stands for the usage in its answer."""
    async with open_stall(tmp_path) as stall:
        stall.upstream.otherwise = replace(ANSWER, headers=(*JSON, HEADER))
        await stall.buy()

        assert stall.books.balances() == {**SOLD, **COSTS}
        (closed,) = stall.observer.of(CallClosed)
        assert dict(closed.cost_nano) == {"model": COMPLETION_NANO}


@pytest.mark.parametrize("reported", [False, True])
async def test_a_stream_that_tells_its_cost_in_a_comment_is_booked_once(
    tmp_path: Path, reported: bool
) -> None:
    """The usage of its last event, the comment after it and a report are one cost."""
    chunk = COMPLETION.replace(b"chat.completion", b"chat.completion.chunk")
    comment = b': sidecar-cost 0.00012;kind=model;name="house-1"\n\n'
    stream = ((b"content-type", b"text/event-stream"),)
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        stall.upstream.otherwise = Says(headers=stream, chunks=(b"data: " + chunk + b"\n\n", comment))
        await stall.buy()
        if reported:
            assert await agent.statuses({**MODEL, "response_id": "c1"}) == ["booked"]

        source = ("report", "measured") if reported else ("header", "reported")
        assert booked(stall) == [("model", COMPLETION_NANO, *source)]
        assert stall.books.balances() == {**SOLD, **COSTS}
        assert stall.observer.attention == []


async def test_what_a_call_cost_that_timed_out_is_told(tmp_path: Path) -> None:
    """The costs of work that nobody was charged for are the ones to watch."""
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        stall.upstream.script = [TimedOut("late")]
        stall.upstream.gate.clear()
        _, task = stall.ask(headers=[stall.payment()])
        await stall.upstream.asked.wait()
        await agent.statuses(MODEL)
        stall.upstream.gate.set()
        await task

        (closed,) = stall.observer.of(CallClosed)
        assert (closed.cost_nano, closed.unknown_costs) == ((("retry", COMPLETION_NANO),), 1)


async def test_sources_that_do_not_agree_are_told_to_people(tmp_path: Path) -> None:
    """A difference above one percent is an alert, at the close and again when a report adds one."""
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        header = (b"sidecar-cost", b'0.00013;kind=model;name="house-1"')
        stall.upstream.otherwise = replace(ANSWER, headers=(*JSON, header))
        await stall.buy()
        assert stall.observer.attention == ["costs_disagree"]
        await agent.statuses(MODEL)
        await agent.statuses(MODEL)

        assert stall.observer.attention == ["costs_disagree", "costs_disagree"]
        assert stall.books.balances() == {**SOLD, **COSTS}


async def test_steps_and_attempts_stand_apart(tmp_path: Path) -> None:
    """What the agent did twice, or in another step, cost twice; its header says so too."""
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        header = (b"sidecar-cost", b'0.001;kind=model;name="house-1";step="plan";attempt=2')
        stall.upstream.otherwise = replace(ANSWER, headers=(*JSON, header))
        await stall.buy()
        await agent.statuses({**MODEL, "step": "plan", "attempt": 1})

        lines = stall.books.select(
            "SELECT step, attempt, source FROM cost_lines WHERE kind = 'model' ORDER BY n"
        )
        assert sorted(lines) == [("", 1, "usage"), ("plan", 1, "report"), ("plan", 2, "header")]


async def test_the_costs_of_a_call_without_an_answer_can_be_reported(tmp_path: Path) -> None:
    """The answer was lost and its cost is unknown: what the agent says it spent is a retry's, beside that."""
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        stall.upstream.script = [TimedOut("no headers")]
        await stall.buy()
        await agent.statuses(SEARCH)

        assert booked(stall) == [
            ("retry", None, "usage", "unknown"),
            ("retry", 3_600_000, "report", "reported"),
        ]


async def test_a_report_is_told_to_the_observer_without_its_words(tmp_path: Path) -> None:
    """How many count, and what they changed in the books of a closed call."""
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        stall.upstream.otherwise = Says()
        await stall.buy()
        first = {**MODEL, "response_id": "c1"}
        await agent.statuses(SEARCH, first, {**first, "id": "m2"}, SEARCH)

        assert stall.observer.of(CostsReported) == [
            CostsReported("call_1", "POST /research", 2, 1, (("model", COMPLETION_NANO), ("tool", 3_600_000)))
        ]


async def test_a_token_ends_and_a_window_ends(tmp_path: Path) -> None:
    """After the close window it is 410; once the token's own time is over nothing is looked up."""
    bounds = Bounds(reports_max=100, window_us=60_000_000)
    async with open_stall(tmp_path) as stall, reporter_of(stall, bounds) as agent:
        await stall.buy()
        stall.clock.pass_s(60)
        assert await agent.statuses(SEARCH) == ["booked"]
        stall.clock.pass_s(1)
        over = await agent.report(SEARCH)
        assert (over.status_code, over.json()["code"]) == (410, "close_window_over")
        stall.clock.pass_s(TOKEN_LIFE_S)
        expired = await agent.report(SEARCH)
        assert (expired.status_code, expired.json()["code"]) == (401, "token_expired")


async def test_a_call_that_is_not_in_the_books_is_unknown(tmp_path: Path) -> None:
    """A token of ours for a call of another database."""
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        agent.token = TOKENS.for_call("call_9", NOW_S)
        answer = await agent.report(SEARCH)

        assert (answer.status_code, answer.json()["code"]) == (404, "call_unknown")


async def test_a_call_has_a_limit_of_reports(tmp_path: Path) -> None:
    """Too many in one request, or too many in all: nothing of the request is taken."""
    async with open_stall(tmp_path) as stall, reporter_of(stall, replace(BOUNDS, reports_max=2)) as agent:
        await stall.buy()
        three = [{**SEARCH, "id": f"r{number}"} for number in range(3)]
        at_once = await agent.report(*three)
        assert (at_once.status_code, at_once.json()["code"]) == (429, "reports_too_many")
        assert await agent.statuses(*three[:2]) == ["booked", "booked"]
        one_more = await agent.report(three[2])
        assert (one_more.status_code, one_more.json()["code"]) == (429, "reports_too_many")

        assert stall.books.select("SELECT count(*) FROM cost_reports") == [(2,)]


async def test_a_report_that_cannot_be_stored_may_come_again(tmp_path: Path) -> None:
    """503 before anything is on disk, and the same report is taken when there is room."""
    async with open_stall(tmp_path) as stall, reporter_of(stall) as agent:
        await stall.buy()
        stall.storage.faults["report_unit"] = [StorageUnavailable("the disk is full")]
        refused = await agent.report(SEARCH)

        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert refused.headers["retry-after"] == "2"
        assert await agent.statuses(SEARCH) == ["booked"]


@pytest.mark.parametrize("late", [False, True])
async def test_what_has_no_figure_gets_the_sellers(tmp_path: Path, late: bool) -> None:
    """A tool by its tariff and a model without a rate by the route's fallback, while it works or after it."""
    tariffs = Tariffs({"web_search": nano(10_000_000)}, {RESEARCH: nano(20_000_000)})
    search = {"id": "s1", "kind": "tool", "name": "web_search"}
    other = {"id": "s2", "kind": "tool", "name": "crawler"}
    house = {**MODEL, "name": "house-9"}
    async with open_stall(tmp_path, tariffs=tariffs) as stall, reporter_of(stall) as agent:
        if late:
            await stall.buy()
            assert await agent.statuses(search, other, house) == ["booked"] * 3
        else:
            stall.upstream.gate.clear()
            _, task = stall.ask(headers=[stall.payment()])
            await stall.upstream.asked.wait()
            assert await agent.statuses(search, other, house) == ["booked"] * 3
            stall.upstream.gate.set()
            await task

        assert booked(stall) == [
            ("tool", 10_000_000, "report", "measured"),
            ("tool", None, "report", "unknown"),
            ("model", 20_000_000, "report", "estimated"),
        ]
        assert await agent.statuses(search) == ["exists"]


async def test_a_report_replaces_the_estimate_that_stood_in(tmp_path: Path) -> None:
    """The answer's model has no rate, so the route's fallback is booked, until the agent tells the cost."""
    house = COMPLETION.replace(b"house-1", b"house-9")
    tariffs = Tariffs(fallbacks={RESEARCH: nano(20_000_000)})
    async with open_stall(tmp_path, tariffs=tariffs) as stall, reporter_of(stall) as agent:
        stall.upstream.otherwise = Says(headers=JSON, chunks=(house,))
        await stall.buy()
        assert booked(stall) == [("model", 20_000_000, "usage", "estimated")]
        figure = {"id": "m1", "kind": "model", "name": "house-9", "amount_usd": "0.003"}
        assert await agent.statuses(figure) == ["booked"]

        assert booked(stall) == [("model", 3_000_000, "report", "reported")]
        assert stall.books.balances()["cost:model"] == 3_000_000
