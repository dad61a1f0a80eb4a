"""Tariffs: the seller's figure stands in where nobody has one, and only there."""

import pytest

from ledger.money import nano
from pricing.cost import Basis, CostLine, Kind, Source, strongest
from pricing.tariffs import NONE, Tariffs

TARIFFS = Tariffs({"web_search": nano(10_000_000)}, {"POST /research": nano(20_000_000)})


def a_line(kind: Kind, name: str, units: int | None = None, source: Source = Source.REPORT) -> CostLine:
    """Build a line; without *units* nobody knows its amount."""
    basis = Basis.UNKNOWN if units is None else Basis.REPORTED
    return CostLine(kind, name, None if units is None else nano(units), basis, "", source)


def test_a_tool_is_priced_by_its_name() -> None:
    """Measured, by a rate that says itself, from the source that told of the use."""
    line = TARIFFS.applied(a_line(Kind.TOOL, "web_search", source=Source.HEADER), "GET /other")

    assert (line.amount, line.basis, line.source) == (nano(10_000_000), Basis.MEASURED, Source.HEADER)
    assert line.rate == "tool web_search undated 0.010000000"


def test_a_model_nobody_can_price_is_estimated_for_its_route() -> None:
    """What the seller says it costs at most; flagged, and for that route alone."""
    line = TARIFFS.applied(a_line(Kind.MODEL, "house-7b"), "POST /research")

    assert (line.amount, line.basis) == (nano(20_000_000), Basis.ESTIMATED)
    assert line.rate == "fallback POST /research undated 0.020000000"
    assert TARIFFS.applied(a_line(Kind.MODEL, "house-7b"), "GET /other").basis is Basis.UNKNOWN


@pytest.mark.parametrize(
    "line",
    [
        a_line(Kind.TOOL, "web_search", 0),
        a_line(Kind.TOOL, "web_search", 3_600_000),
        a_line(Kind.TOOL, "Web_Search"),
        a_line(Kind.EXTERNAL, "web_search"),
        a_line(Kind.MODEL, "web_search", 1),
        a_line(Kind.FEE, "facilitator"),
    ],
)
def test_everything_else_stays_as_it_was_told(line: CostLine) -> None:
    """The agent's own figure wins, zero too; what has no tariff stays unknown."""
    assert TARIFFS.applied(line, "POST /research") == line


def test_without_tariffs_nothing_changes() -> None:
    """A seller who agreed on nothing is never given a figure."""
    line = a_line(Kind.TOOL, "web_search")

    assert NONE.applied(line, "POST /research") == line


def test_an_estimate_yields_to_every_figure_that_is_known() -> None:
    """A report without a rate is not stronger than what a weaker source knows for sure."""
    estimated = TARIFFS.applied(a_line(Kind.MODEL, "house-7b"), "POST /research")
    declared = a_line(Kind.MODEL, "house-7b", 5, Source.HEADER)
    unknown = a_line(Kind.MODEL, "house-7b", source=Source.EGRESS)

    assert strongest([estimated, declared, unknown])[0] == (declared,)
    assert strongest([unknown, estimated])[0] == (estimated,)
