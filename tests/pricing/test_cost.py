"""Cost lines: exact and rounded once; unknown is never zero; of one cost one line is kept."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano
from pricing.cost import Basis, CostLine, Kind, Source, cost_of, price_of, strongest
from pricing.rates import Card, Rate
from pricing.usage import Unit, Unmeasured, Usage

RATES = {
    Unit.INPUT: Rate(Fraction(2500)),
    Unit.CACHED_INPUT: Rate(Fraction(1250)),
    Unit.OUTPUT: Rate(Fraction(10_000)),
}


class OneCard:
    """Rate cards with one model."""

    def __init__(self, rates: dict[Unit, Rate] | None = None) -> None:
        self.card = Card(
            id="card 1", provider="openai", model="gpt-4o", rates=RATES if rates is None else rates
        )

    def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
        return self.card if model == "gpt-4o" else None


def a_usage(model: str | None = "gpt-4o", read: int = 1000, written: int = 100, **more: int) -> Usage:
    return Usage(
        provider=None,
        model=model,
        response_id="r1",
        input_tokens=read,
        output_tokens=written,
        **more,  # type: ignore[arg-type]  # only counts are passed
    )


def a_line(
    source: Source,
    units: int | None = 5,
    *,
    name: str = "gpt-4o",
    kind: Kind = Kind.MODEL,
    response_id: str = "",
    step: str = "",
    attempt: int = 1,
) -> CostLine:
    return CostLine(
        kind=kind,
        name=name,
        amount=None if units is None else nano(units),
        basis=Basis.UNKNOWN if units is None else Basis.REPORTED,
        rate="",
        source=source,
        response_id=response_id,
        step=step,
        attempt=attempt,
    )


def test_usage_times_rates_is_measured() -> None:
    """Cached tokens are a part of the input and pay their own rate; the line names the card."""
    line = cost_of(a_usage(cached_input_tokens=400), OneCard(), 0)

    assert line.amount == nano(600 * 2500 + 400 * 1250 + 100 * 10_000)
    assert (line.basis, line.rate, line.source) == (Basis.MEASURED, "card 1", Source.USAGE)
    assert (line.kind, line.name, line.provider, line.response_id) == (Kind.MODEL, "gpt-4o", "openai", "r1")


def test_explicit_zero_is_a_measured_zero() -> None:
    """A model that says it used nothing costs nothing, and that is known."""
    line = cost_of(a_usage(read=0, written=0), OneCard(), 0)

    assert (line.amount, line.basis) == (nano(0), Basis.MEASURED)


@pytest.mark.parametrize(
    "reading",
    [
        a_usage(model="a-new-model"),
        a_usage(model=None),
        a_usage(cache_write_tokens=1),
        Unmeasured(provider=None, model="gpt-4o", response_id="r1", problem="no usage"),
    ],
)
def test_what_cannot_be_priced_is_unknown_and_not_zero(reading: Usage | Unmeasured) -> None:
    """No usage, no model, no card or no rate: the line is there, without an amount."""
    line = cost_of(reading, OneCard(), 0)

    assert (line.amount, line.basis, line.rate) == (None, Basis.UNKNOWN, "")


@pytest.mark.parametrize(
    "reading",
    [
        replace(a_usage(), reported=nano(7)),
        replace(a_usage(model=None), reported=nano(7)),
        replace(a_usage(model="a-new-model"), reported=nano(7)),
        Unmeasured(provider=None, model="gpt-4o", response_id="r1", problem="no usage", reported=nano(7)),
    ],
)
def test_what_the_provider_says_it_cost_is_taken(reading: Usage | Unmeasured) -> None:
    """The provider's own figure is the cost, whether or not we could have measured it."""
    line = cost_of(reading, OneCard(), 0)

    assert (line.amount, line.basis, line.rate) == (nano(7), Basis.REPORTED, "")
    assert (line.source, line.response_id) == (Source.USAGE, "r1")


def test_of_one_source_the_reported_amount_is_booked() -> None:
    """The same answer told twice, once with the provider's own figure: that one counts."""
    measured = cost_of(a_usage(), OneCard(), 0)
    reported = cost_of(replace(a_usage(), reported=nano(7)), OneCard(), 0)

    assert strongest([measured, reported]) == ((reported,), (measured,))


def test_a_cost_that_no_book_can_hold_is_unknown() -> None:
    """A rate that is out of all bounds does not overflow; it makes the cost unknown."""
    line = cost_of(a_usage(), OneCard({Unit.INPUT: Rate(Fraction(2**63)), Unit.OUTPUT: Rate(Fraction(0))}), 0)

    assert line.basis is Basis.UNKNOWN


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=60),
    st.fractions(min_value=0, max_value=10**6, max_denominator=10**9),
)
def test_rounding_once_keeps_a_sum_within_half_a_unit_a_line(
    calls: list[tuple[int, int]], output_rate: Fraction
) -> None:
    """Over any calls the booked sum is off the exact one by at most half a nano-USD for each line."""
    cards = OneCard({Unit.INPUT: Rate(Fraction(1, 3)), Unit.OUTPUT: Rate(output_rate)})
    usages = [a_usage(read=read, written=written) for read, written in calls]

    lines = [cost_of(usage, cards, 0) for usage in usages]

    exact = sum((price_of(usage, cards.card, 0) or Fraction(0) for usage in usages), Fraction(0))
    booked = sum(line.amount.units for line in lines if line.amount is not None)
    assert len(lines) == len([line for line in lines if line.amount is not None])
    assert abs(booked - exact) <= Fraction(len(lines), 2)


@pytest.mark.parametrize("weaker", list(Source)[1:])
def test_the_stronger_source_is_booked(weaker: Source) -> None:
    """Egress beats report beats header beats usage beats tariff; what loses is kept as evidence."""
    stronger = list(Source)[list(Source).index(weaker) - 1]
    strong, weak = a_line(stronger, 7), a_line(weaker, 5)

    assert strongest([weak, strong]) == ((strong,), (weak,))


def test_a_header_names_the_same_model_its_own_way() -> None:
    """A declared openai/gpt-4o and the answer's gpt-4o-2024-08-06 with an id are one cost."""
    header = a_line(Source.HEADER, name="openai/gpt-4o")
    usage = a_line(Source.USAGE, name="gpt-4o-2024-08-06", response_id="chatcmpl-1")

    assert strongest([usage, header]) == ((header,), (usage,))


@pytest.mark.parametrize(
    "other",
    [
        a_line(Source.USAGE, step="2"),
        a_line(Source.USAGE, attempt=2),
        a_line(Source.USAGE, name="gpt-4o-mini"),
        a_line(Source.USAGE, kind=Kind.RETRY),
        a_line(Source.USAGE, response_id="r2"),
    ],
)
def test_another_identity_is_another_cost(other: CostLine) -> None:
    """Step, attempt, kind and response id (or name) tell costs apart."""
    first = a_line(Source.REPORT, response_id="r1")

    assert strongest([first, other]) == ((first, other), ())


@pytest.mark.parametrize("weaker", [Source.HEADER, Source.USAGE])
def test_an_answer_does_not_know_its_step(weaker: Source) -> None:
    """A report may name step and attempt; by its response id the answer itself tells of the same cost."""
    answer = a_line(weaker, 5, response_id="r1")
    report = a_line(Source.REPORT, 5, response_id="r1", step="plan", attempt=2)
    other_step = a_line(Source.REPORT, 5, response_id="r1", step="draft")
    unsaid = a_line(Source.REPORT, None, response_id="r1", step="plan")

    assert strongest([answer, report]) == ((report,), (answer,))
    assert strongest([answer, report, other_step]) == ((report, other_step), (answer,))
    assert strongest([answer, unsaid]) == ((answer,), (unsaid,))


def test_two_items_of_one_source_are_two_costs() -> None:
    """A header that lists two web searches declares both; the same response id twice is one answer."""
    search = a_line(Source.HEADER, name="web_search", kind=Kind.TOOL)
    answer = a_line(Source.USAGE, response_id="r1")

    assert strongest([search, search]) == ((search, search), ())
    assert strongest([answer, answer]) == ((answer,), (answer,))


def test_knowing_beats_not_knowing() -> None:
    """A stronger source that could not read the amount yields to a weaker one that could."""
    blind, seeing = a_line(Source.EGRESS, None), a_line(Source.HEADER, 5)

    assert strongest([blind, seeing]) == ((seeing,), (blind,))


def test_usage_in_the_answer_is_evidence_once_the_egress_saw_a_model_call() -> None:
    """What the egress metered is not booked again from the answer, whatever names and ids say."""
    egress = a_line(Source.EGRESS, name="gpt-4o-mini", response_id="r1")
    usage = a_line(Source.USAGE, name="gpt-4o", response_id="r2")
    tool = a_line(Source.HEADER, name="web_search", kind=Kind.TOOL)

    assert strongest([usage, tool, egress]) == ((egress, tool), (usage,))


@given(
    st.lists(
        st.builds(
            a_line,
            st.sampled_from(Source),
            st.none() | st.integers(0, 9),
            name=st.sampled_from(["a", "p/a", "b"]),
            kind=st.sampled_from([Kind.MODEL, Kind.TOOL]),
            response_id=st.sampled_from(["", "r1", "r2"]),
            step=st.sampled_from(["", "s"]),
        ),
        max_size=12,
    )
)
def test_no_line_is_lost_and_keeping_is_final(lines: list[CostLine]) -> None:
    """Every line is kept or evidence, and what is kept stays kept when looked at again."""
    kept, evidence = strongest(lines)

    assert sorted(map(repr, kept + evidence)) == sorted(map(repr, lines))
    assert strongest(kept) == (kept, ())
    assert bool(kept) == bool(lines)
