"""Cost reports: read in one way, or refused with the place that is wrong."""

import json
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano
from pricing.cost import Basis, CostLine, Kind, Source
from pricing.rates import Card, Rate
from pricing.usage import COUNTS, TEXT_MAX, Unit
from sidecar.domain.costs import Report
from sidecar.domain.metering import LINE_MAX
from sidecar.domain.reports import MEMBERS, USAGE_MEMBERS, Malformed, read
from tests.sidecar.builders import NOW_US

SEARCH: Mapping[str, Any] = {"id": "r1", "kind": "tool", "name": "web_search", "amount_usd": "0.0036"}
MODEL: Mapping[str, Any] = {
    "id": "r2",
    "kind": "model",
    "name": "gpt-4o",
    "usage": {"input_tokens": 1_000, "output_tokens": 100},
}


class Cards:
    """Rate cards that know gpt-4o; its price doubles at NOW_US + 1."""

    def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
        if model != "gpt-4o":
            return None
        rate = 2_500 if at_us <= NOW_US else 5_000
        return Card(
            id=f"prices {rate}",
            provider="openai",
            model="gpt-4o",
            rates={Unit.INPUT: Rate(Fraction(rate)), Unit.OUTPUT: Rate(Fraction(10_000))},
        )


def of(document: Mapping[str, Any], at_us: int = NOW_US) -> Report:
    found = read([document], Cards(), at_us)
    assert isinstance(found, list), found
    return found[0]


def refusal(*documents: Mapping[str, Any]) -> str:
    found = read(documents, Cards(), NOW_US)
    assert isinstance(found, Malformed)
    return found.reason


def test_an_amount_is_what_the_agent_says() -> None:
    """Dollars as a decimal string are reported, to the nano-USD."""
    assert of(SEARCH).line == CostLine(
        Kind.TOOL, "web_search", nano(3_600_000), Basis.REPORTED, "", Source.REPORT
    )


def test_tokens_are_priced_by_the_rate_of_the_moment() -> None:
    """Usage is measured: the line names the card, and the provider the card is of."""
    line = of(MODEL).line

    assert line == CostLine(
        Kind.MODEL, "gpt-4o", nano(3_500_000), Basis.MEASURED, "prices 2500", Source.REPORT, provider="openai"
    )
    assert of(MODEL, NOW_US + 1).line.amount == nano(6_000_000)


def test_everything_a_report_may_say_is_kept() -> None:
    """Step, attempt, provider and the answer's id tell costs apart later."""
    said = {"step": "plan", "attempt": 3, "provider": "azure", "response_id": "c1"}
    line = of({**MODEL, **said}).line

    assert (line.step, line.attempt, line.provider, line.response_id) == ("plan", 3, "azure", "c1")


def test_a_model_has_another_name_for_its_price() -> None:
    """What the agent calls it and what is on the card may differ; so may an attempt that failed."""
    named = {**MODEL, "name": "my-planner", "usage": {**MODEL["usage"], "model": "gpt-4o"}}

    assert (of(named).line.name, of(named).line.amount) == ("my-planner", nano(3_500_000))
    assert of({**MODEL, "kind": "retry"}).line.kind is Kind.RETRY


def test_a_model_nobody_has_a_price_for_is_unknown() -> None:
    """It cost something, nobody knows what: that is a line too, and never zero."""
    line = of({**MODEL, "name": "house-model"}).line

    assert (line.amount, line.basis, line.rate, line.name) == (None, Basis.UNKNOWN, "", "house-model")


def test_the_same_report_is_known_again_however_it_is_spelled() -> None:
    """What was said counts, not the text, nor the rates of the day."""
    assert of({**SEARCH, "amount_usd": "0.003600"}).digest == of(SEARCH).digest
    assert of({**SEARCH, "attempt": 1}).digest == of(SEARCH).digest
    assert of(dict(sorted(SEARCH.items()))).digest == of(SEARCH).digest
    assert of(MODEL, NOW_US + 1).digest == of(MODEL).digest
    assert of({**MODEL, "usage": {**MODEL["usage"], "model": "gpt-4o"}}).digest == of(MODEL).digest


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "external"},
        {"name": "other"},
        {"amount_usd": "0.0037"},
        {"step": "plan"},
        {"attempt": 2},
        {"provider": "exa"},
        {"response_id": "c1"},
    ],
)
def test_another_report_is_told_from_it(change: Mapping[str, Any]) -> None:
    """Whatever is changed, its digest is another."""
    assert of({**SEARCH, **change}).digest != of(SEARCH).digest


@pytest.mark.parametrize("member", sorted(USAGE_MEMBERS))
def test_other_usage_is_another_report(member: str) -> None:
    """Every count, the model, its provider and the tier are part of what was said."""
    more = {"input_tokens": 1_000, "output_tokens": 1_000, "cache_write_tokens": 500}
    value = more.get(member, 0) + 1 if member in COUNTS else "flex"
    plain, changed = ({**MODEL, "usage": usage} for usage in (more, {**more, member: value}))

    assert of(plain).digest != of(changed).digest


KEYS = "amount_usd, attempt, id, kind, name, provider, response_id, step, usage"
USAGE = MODEL["usage"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({**SEARCH, "cost": "1"}, f"a report has only {KEYS}"),
        ({**SEARCH, "kind": "models"}, "`kind` is one of model, tool, external, retry, fee"),
        ({**SEARCH, "kind": None}, "`kind` is a short printable string"),
        ({**SEARCH, "id": ""}, "`id` is a short printable string"),
        ({**SEARCH, "id": 1}, "`id` is a short printable string"),
        ({**SEARCH, "id": "a\nb"}, "`id` is a short printable string"),
        ({**SEARCH, "name": "x" * (TEXT_MAX + 1)}, "`name` is a short printable string"),
        ({**SEARCH, "step": None}, "`step` is a short printable string"),
        ({**SEARCH, "attempt": 0}, "`attempt` is a whole number from 1 to 1000"),
        ({**SEARCH, "attempt": 1001}, "`attempt` is a whole number from 1 to 1000"),
        ({**SEARCH, "attempt": True}, "`attempt` is a whole number from 1 to 1000"),
        ({**SEARCH, "attempt": "1"}, "`attempt` is a whole number from 1 to 1000"),
        ({**SEARCH, "usage": USAGE}, "either `amount_usd` or `usage` says what it cost"),
        ({"id": "r", "kind": "model", "name": "x"}, "either `amount_usd` or `usage` says what it cost"),
        ({"id": "r", "kind": "external", "name": "x"}, "either `amount_usd` or `usage` says what it cost"),
        ({**SEARCH, "amount_usd": "1000000.000000001"}, "`amount_usd` is more than one cost can be"),
        ({**MODEL, "kind": "tool"}, "`usage` cannot tell what a tool costs"),
        ({**MODEL, "usage": []}, "`usage` is an object of token counts"),
        ({**MODEL, "usage": None}, "`usage` is an object of token counts"),
        ({**MODEL, "usage": {"input_tokens": 1}}, "`usage` needs `output_tokens`"),
        ({**MODEL, "usage": {"output_tokens": 1}}, "`usage` needs `input_tokens`"),
        ({**MODEL, "usage": {**USAGE, "input_tokens": -1}}, "`usage`: input_tokens is out of range"),
        ({**MODEL, "usage": {**USAGE, "input_tokens": "1"}}, "`usage`: input_tokens is not a whole number"),
        ({**MODEL, "usage": {**USAGE, "model": 4}}, "`model` is a short printable string"),
        (
            {**MODEL, "usage": {**USAGE, "cached_input_tokens": 1_001}},
            "`usage`: more cached tokens than input_tokens",
        ),
    ],
)
def test_what_could_be_misread_is_refused_with_its_place(document: Mapping[str, Any], reason: str) -> None:
    """One sentence says which report and what it should be."""
    assert refusal(document) == f"Report 1: {reason}."
    assert refusal(SEARCH, document) == f"Report 2: {reason}."


@pytest.mark.parametrize(
    "amount", [0.0036, 1, None, "", "$0.1", "1e-3", "-1", " 1", "1.", ".5", "01", "0.0000000001", "9" * 12]
)
def test_an_amount_is_a_plain_decimal(amount: object) -> None:
    """No sign, exponent, currency or number that a parser may round."""
    sentence = '`amount_usd` is a decimal string with at most 9 places, such as "0.0036"'

    assert refusal({**SEARCH, "amount_usd": amount}).removeprefix("Report 1: ").rstrip(".") in {
        sentence,
        "`amount_usd` is more than one cost can be",
    }


def test_a_cost_of_tokens_beyond_belief_is_unknown() -> None:
    """A rate that makes a million dollars of one answer is a misprint of ours, not the agent's fault."""

    class Dear(Cards):
        def find(self, provider: str | None, model: str, at_us: int) -> Card | None:
            card = super().find(provider, model, at_us)
            assert card is not None
            return replace(card, rates={unit: Rate(Fraction(LINE_MAX.units)) for unit in Unit})

    found = read([MODEL], Dear(), NOW_US)
    assert isinstance(found, list)
    assert found[0].line.amount is None


def test_no_report_is_none() -> None:
    """An empty list is a mistake, not a report of nothing."""
    assert refusal() == "There is no report."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(USAGE_MEMBERS)), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(MEMBERS)), JSON))
def test_no_document_raises(document: dict[str, Any]) -> None:
    """Whatever JSON can say, the answer is a report or a sentence."""
    found = read([json.loads(json.dumps({**SEARCH, **document}))], Cards(), NOW_US)

    assert isinstance(found, list | Malformed)


def test_a_tool_may_be_reported_without_a_figure() -> None:
    """That it was used is worth telling: the seller may have a tariff for it, and unknown is not zero."""
    report = of({"id": "r1", "kind": "tool", "name": "web_search"})

    assert (report.line.amount, report.line.basis) == (None, Basis.UNKNOWN)
    assert report.digest != of(SEARCH).digest
