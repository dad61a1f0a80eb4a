"""Disputes: what two sources tell of one cost is held against each other, and of nothing else."""

from dataclasses import replace

import pytest

from ledger.money import nano
from pricing.cost import CostLine, Kind, Source, strongest
from pricing.disputes import Dispute, disputes
from tests.pricing.test_cost import a_line


def found(*lines: CostLine) -> list[tuple[Source, int, int]]:
    """Return who disputes what: the source, what it told and what is booked, in nano-USD."""
    return [(each.source, each.told.units, each.booked.units) for each in disputes(*strongest(lines))]


@pytest.mark.parametrize(
    ("booked", "told", "disputed"),
    [
        (100, 100, False),
        (100, 99, False),
        (100, 101, False),
        (100, 98, True),
        (100, 102, True),
        (199, 197, True),
        (0, 0, False),
        (0, 1, True),
        (1, 0, True),
    ],
)
def test_one_percent_of_what_is_booked_is_tolerated(booked: int, told: int, disputed: bool) -> None:
    """Up to and with one percent two figures are the same; nothing is near zero but zero."""
    dispute = [(Source.USAGE, told, booked)] if disputed else []

    assert found(a_line(Source.HEADER, booked), a_line(Source.USAGE, told)) == dispute


def test_a_dispute_names_the_cost() -> None:
    """Kind, step and attempt, the name as the weaker source spells it, and both figures."""
    header = a_line(Source.HEADER, 100, name="openai/gpt-4o", step="plan", attempt=2)
    usage = replace(header, source=Source.USAGE, name="gpt-4o", amount=nano(200))

    assert disputes(*strongest([usage, header])) == (
        Dispute(Kind.MODEL, "gpt-4o", "plan", 2, Source.USAGE, nano(200), nano(100)),
    )


def test_one_item_may_tell_what_an_answer_tells_in_two() -> None:
    """Without an id on either side it is the sums of a name that must agree."""
    answers = [a_line(Source.USAGE, 50, response_id=name) for name in ("r1", "r2")]

    assert found(a_line(Source.HEADER, 100), *answers) == []
    assert found(a_line(Source.HEADER, 200), *answers) == [(Source.USAGE, 100, 200)]


def test_an_id_is_held_against_the_same_id() -> None:
    """Two answers that differ are not one sum that happens to agree."""
    reports = [a_line(Source.REPORT, 60, response_id="r1"), a_line(Source.REPORT, 40, response_id="r2")]
    answers = [a_line(Source.USAGE, 40, response_id="r1"), a_line(Source.USAGE, 60, response_id="r2")]

    assert found(*reports, *answers) == [(Source.USAGE, 40, 60), (Source.USAGE, 60, 40)]
    assert found(*reports, *answers, a_line(Source.HEADER, 100))[2:] == []


def test_an_answer_is_held_against_the_step_it_was_asked_for_in() -> None:
    """Whoever names the step tells of the same answer: what they say must agree."""
    report = a_line(Source.REPORT, 50, response_id="r1", step="plan")

    assert found(report, a_line(Source.USAGE, 70, response_id="r1")) == [(Source.USAGE, 70, 50)]


def test_one_id_told_twice_by_one_source_must_agree() -> None:
    """The second is not booked, and what it says is not passed over."""
    first, second = a_line(Source.REPORT, 50, response_id="r1"), a_line(Source.REPORT, 70, response_id="r1")

    assert found(first, second) == [(Source.REPORT, 70, 50)]


@pytest.mark.parametrize(
    "lines",
    [
        [a_line(Source.HEADER, 100), a_line(Source.USAGE, None)],
        [a_line(Source.HEADER, None), a_line(Source.USAGE, None)],
        [a_line(Source.EGRESS, 100, name="a", response_id="r1"), a_line(Source.USAGE, 5, name="b")],
        [a_line(Source.HEADER, 1, name="a"), a_line(Source.USAGE, 2, name="b")],
        [],
    ],
)
def test_what_cannot_be_compared_is_no_dispute(lines: list[CostLine]) -> None:
    """An unknown amount, or evidence that nothing booked bears the name of."""
    assert found(*lines) == []
