"""Costing: what a call used becomes cost lines, and a defect in it becomes an unknown cost."""

from pathlib import Path
from typing import Any

import pytest

from ledger.money import Amount, nano
from pricing.cost import Basis, Kind
from pricing.extract import meter_for
from sidecar.costing import Costing
from sidecar.delivery import Delivery
from sidecar.ports import AnswerLost
from tests.sidecar.fakes import Says, ScriptedAnswer
from tests.sidecar.stall import ANSWER, COMPLETION, COMPLETION_NANO, RESEARCH, Stall, open_stall


def delivery_of(stall: Stall, says: Says) -> Delivery:
    kinds = [value for name, value in says.headers if name == b"content-type"]
    return Delivery(ScriptedAnswer(says), meter_for(kinds[0], b""), stall.bounds, stall.room)


def costing_of(stall: Stall, tariff: Amount | None = None) -> Costing:
    return Costing(stall.services, "call_1", RESEARCH, tariff)


async def test_an_answer_read_to_its_end_is_measured(tmp_path: Path) -> None:
    """Usage by the card of its model, beside what the agent declares."""
    async with open_stall(tmp_path) as stall:
        delivery = delivery_of(stall, ANSWER)
        await delivery.drain()
        metered = await costing_of(stall).measured(delivery)
        lines = costing_of(stall).lines(metered, b'0.0036;kind=tool;name="web_search"')

        assert [(line.kind, line.name, line.amount, line.basis) for line in lines] == [
            (Kind.MODEL, "house-1", nano(COMPLETION_NANO), Basis.MEASURED),
            (Kind.TOOL, "web_search", nano(3_600_000), Basis.REPORTED),
        ]


async def test_an_answer_that_broke_off_before_it_told_is_unknown(tmp_path: Path) -> None:
    """Nothing is not zero."""
    async with open_stall(tmp_path) as stall:
        delivery = delivery_of(stall, Says(headers=ANSWER.headers, chunks=(COMPLETION[:9], AnswerLost("x"))))
        await delivery.drain()
        metered = await costing_of(stall).measured(delivery)

        (line,) = costing_of(stall).lines(metered, b"")
        assert (line.amount, line.basis) == (None, Basis.UNKNOWN)


async def test_what_was_declared_before_an_answer_broke_off_stays_known(tmp_path: Path) -> None:
    """The rest is unknown beside it."""
    headers = ((b"content-type", b"text/event-stream"),)
    comment = b': sidecar-cost 0.0036;kind=tool;name="web_search"\n\n'
    async with open_stall(tmp_path) as stall:
        delivery = delivery_of(stall, Says(headers=headers, chunks=(comment, AnswerLost("x"))))
        await delivery.drain()
        metered = await costing_of(stall).measured(delivery)

        lines = costing_of(stall).lines(metered)
        told = [(line.name, line.amount) for line in lines]
        assert told == [("unmetered", None), ("web_search", nano(3_600_000))]


async def test_what_any_call_of_a_route_costs_is_a_line_of_its_own(tmp_path: Path) -> None:
    """The seller's tariff counts also where nothing was measured."""
    async with open_stall(tmp_path) as stall:
        lines = costing_of(stall, nano(500_000)).lines(None, b"")

        assert nano(500_000) in [line.amount for line in lines]


class BrokenCards:
    """A catalogue with a defect."""

    def find(self, provider: str | None, model: str, at_us: int) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("where", ["meter", "cards"])
async def test_a_defect_is_an_unknown_cost_that_a_person_hears_of(tmp_path: Path, where: str) -> None:
    """Neither reading nor pricing what was used can undo a delivery."""
    settings: dict[str, Any] = {"cards": BrokenCards()} if where == "cards" else {}
    async with open_stall(tmp_path, **settings) as stall:
        delivery = delivery_of(stall, ANSWER)
        await delivery.drain()
        if where == "meter":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(delivery, "close", BrokenCards().find)
                metered = await costing_of(stall).measured(delivery)
            await delivery.close()
        else:
            metered = await costing_of(stall).measured(delivery)
        lines = costing_of(stall).lines(metered, b"")

        assert [(line.name, line.amount) for line in lines] == [("unmetered", None)]
        assert stall.observer.attention == ["metering_failed"]
