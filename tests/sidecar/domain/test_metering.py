"""Metering: of what is known about a call each cost becomes one line, and what nobody knows one too."""

from dataclasses import replace
from fractions import Fraction

from ledger.money import Amount, nano
from pricing.cost import Basis, CostLine, Kind, Source, strongest
from pricing.extract import Metered
from pricing.rates import Card, Rate
from pricing.tariffs import Tariffs
from pricing.usage import Unit, Unmeasured, Usage
from sidecar.domain.metering import LINE_MAX, cost_lines, unmetered
from tests.sidecar.builders import NOW_US

CARD = Card(
    id="prices 1",
    provider="openai",
    model="gpt-4o",
    rates={Unit.INPUT: Rate(Fraction(2_500)), Unit.OUTPUT: Rate(Fraction(10_000))},
)
USAGE = Usage(provider="openai", model="gpt-4o", response_id="r1", input_tokens=1_000, output_tokens=100)
MEASURED = CostLine(
    Kind.MODEL,
    "gpt-4o",
    nano(3_500_000),
    Basis.MEASURED,
    "prices 1",
    Source.USAGE,
    provider="openai",
    response_id="r1",
)
SEARCH = b'0.0036;kind=tool;name="web_search"'
SEARCHED = CostLine(Kind.TOOL, "web_search", nano(3_600_000), Basis.REPORTED, "", Source.HEADER)
PER_CALL = CostLine(Kind.EXTERNAL, "per_call", nano(2_000), Basis.MEASURED, "config per_call", Source.TARIFF)


NOTHING = Metered()


class OneModel:
    """Rate cards that know gpt-4o."""

    def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
        return CARD if model == "gpt-4o" else None


def lines(
    metered: Metered | None = NOTHING,
    declared: bytes = b"",
    tariff: Amount | None = None,
    gateway: bytes = b"",
) -> tuple[CostLine, ...]:
    """Return what of all that is known would be booked."""
    every = cost_lines(metered, declared, tariff, OneModel(), NOW_US, gateway=gateway)
    return strongest(every)[0]


def test_a_call_that_cost_nothing_has_no_line() -> None:
    """An answer that is no model's, with nothing declared and nothing agreed, costs nothing."""
    assert lines() == ()


def test_measured_declared_and_agreed_costs_stand_beside_each_other() -> None:
    """Usage at its rate, the agent's header, and the price per call: three costs, three lines."""
    found = lines(Metered((USAGE,)), SEARCH, nano(2_000))

    assert set(found) == {MEASURED, SEARCHED, PER_CALL}
    assert len(found) == 3


def test_what_was_declared_in_the_stream_is_a_line() -> None:
    """Costs that came as comments of the stream are taken as they were read."""
    assert lines(Metered(declared=(SEARCHED,))) == (SEARCHED,)


def test_the_agents_own_figure_stands_for_its_usage() -> None:
    """One cost told twice is booked once, by the stronger source."""
    (kept,) = lines(Metered((USAGE,)), b'0.004;kind=model;name="openai/gpt-4o";id="r1"')

    assert (kept.amount, kept.source, kept.basis) == (nano(4_000_000), Source.HEADER, Basis.REPORTED)


def test_what_is_told_twice_is_kept_twice() -> None:
    """Which of it is booked is for the close to say, which also knows what was reported."""
    header = b'0.004;kind=model;name="openai/gpt-4o";id="r1"'
    every = cost_lines(Metered((USAGE,)), header, None, OneModel(), NOW_US)

    assert [line.source for line in every] == [Source.USAGE, Source.HEADER]


def test_a_misprint_yields_to_what_can_be_believed() -> None:
    """A header of a million dollars and more does not hide what the answer says it used."""
    assert lines(Metered((USAGE,)), b'2000000;kind=model;name="gpt-4o"') == (MEASURED,)


def test_a_model_nobody_has_a_price_for_is_unknown() -> None:
    """Unknown is a line without an amount, never zero, beside those that are known."""
    other = Unmeasured(provider="x", model="new-model", response_id="r2", problem="no usage")
    unknown = CostLine(
        Kind.MODEL, "new-model", None, Basis.UNKNOWN, "", Source.USAGE, provider="x", response_id="r2"
    )

    assert set(lines(Metered((USAGE, other)))) == {MEASURED, unknown}


def test_a_header_that_cannot_be_read_is_an_unknown_cost() -> None:
    """Something was spent, nobody knows what: none of the header is believed."""
    (line,) = lines(declared=SEARCH + b", rubbish")

    assert (line.amount, line.basis, line.source) == (None, Basis.UNKNOWN, Source.HEADER)


def test_work_whose_answer_was_lost_is_an_unknown_cost() -> None:
    """The agent was asked: what it spent is unknown, beside what was agreed per call."""
    assert lines(None) == (unmetered(),)
    assert set(lines(None, tariff=nano(2_000))) == {unmetered(), PER_CALL}
    assert unmetered().amount is None


def test_a_figure_beyond_belief_is_unknown() -> None:
    """A million dollars for one thing is believed, more is a misprint."""
    most = b'1000000;kind=tool;name="a"'
    more = b'1000000.000000001;kind=tool;name="a"'

    assert [line.amount for line in lines(declared=most)] == [LINE_MAX]
    assert [(line.amount, line.basis, line.rate) for line in lines(declared=more)] == [
        (None, Basis.UNKNOWN, "")
    ]


def test_a_gateways_figure_is_the_cost_of_the_answer() -> None:
    """It stands for the one answer there is, to the nano-USD, whether or not that could be measured."""
    blind = Unmeasured(provider="openai", model="gpt-4o", response_id="r1", problem="no usage")
    reported = CostLine(
        Kind.MODEL,
        "gpt-4o",
        nano(12_000),
        Basis.REPORTED,
        "",
        Source.HEADER,
        provider="openai",
        response_id="r1",
    )

    assert lines(Metered((USAGE,)), gateway=b"1.2e-05") == (reported,)
    assert lines(Metered((blind,)), gateway=b"1.2e-05") == (reported,)


def test_a_gateways_figure_alone_is_a_cost_of_its_own() -> None:
    """Without an answer it could be about, and beside several, nobody can tell whose it is: it is counted."""
    other = Usage(provider="openai", model="gpt-4o", response_id="r2", input_tokens=1, output_tokens=1)

    (alone,) = lines(gateway=b"0.5")
    assert (alone.name, alone.amount, alone.basis) == ("litellm", nano(500_000_000), Basis.REPORTED)
    assert len(lines(Metered((USAGE, other)), gateway=b"0.5")) == 3
    assert set(lines(None, gateway=b"0.5")) == {unmetered(), alone}


def test_what_the_agent_declares_of_models_is_all_of_it() -> None:
    """Then the gateway tells one of those costs again; beside a declared tool it is still the model's."""
    model = b'0.004;kind=model;name="openai/gpt-4o-mini"'
    stream = Metered(declared=(CostLine(Kind.MODEL, "m", nano(7), Basis.REPORTED, "", Source.HEADER),))

    assert [line.name for line in lines(declared=model, gateway=b"0.5")] == ["openai/gpt-4o-mini"]
    assert [line.name for line in lines(stream, gateway=b"0.5")] == ["m"]
    beside_a_tool = lines(Metered((USAGE,)), SEARCH, gateway=b"0.5")
    assert {line.name for line in beside_a_tool} == {"web_search", "gpt-4o"}


def test_a_gateway_that_reckoned_nothing_says_nothing() -> None:
    """It says zero or None where it has no cost: then the answer is measured as ever."""
    for nothing in (b"", b"0", b"0.0", b"None"):
        assert lines(Metered((USAGE,)), gateway=nothing) == (MEASURED,)
        assert lines(gateway=nothing) == ()


def test_a_gateways_figure_that_cannot_be_read_is_unknown() -> None:
    """Unless the answer could be measured. Two figures are none, nor are millions of dollars."""
    for odd in (b"free", b"-1", b"0.1, 0.2", b"1e-400000", b"1e300", b"2000000", b"\xff"):
        (line,) = lines(gateway=odd)
        assert (line.name, line.amount, line.source) == ("litellm", None, Source.HEADER)
    assert lines(Metered((USAGE,)), gateway=b"free") == (MEASURED,)


def test_the_sellers_figures_stand_in_for_what_nobody_knows() -> None:
    """A tool by its tariff, a model by its route's fallback; also for a figure that is not believed."""
    tariffs = Tariffs({"web_search": nano(10_000_000)}, {"POST /research": nano(7)})
    unpriced = replace(USAGE, model="house-7b")
    header = b'tariff;kind=tool;name="web_search"'
    found = cost_lines(
        Metered((unpriced,)), header, None, OneModel(), NOW_US, tariffs=tariffs, endpoint="POST /research"
    )

    assert [(line.name, line.amount, line.basis) for line in found] == [
        ("house-7b", nano(7), Basis.ESTIMATED),
        ("web_search", nano(10_000_000), Basis.MEASURED),
    ]
    assert [line.basis for line in cost_lines(None, header, None, OneModel(), NOW_US)] == [
        Basis.UNKNOWN,
        Basis.UNKNOWN,
    ]
