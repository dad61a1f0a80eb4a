"""Counts off a usage object: what is left out is told from what cannot be read."""

import pytest

from ledger.money import nano
from pricing.extract.counts import details, missing, or_zero, output_of, unmeasured
from pricing.extract.members import Found


def test_details_left_out_are_empty_and_broken_ones_are_none() -> None:
    """A null is left out too."""
    assert details({}, "d") == {}
    assert details({"d": None}, "d") == {}
    assert details({"d": {"x": 1}}, "d") == {"x": 1}
    assert details({"d": [1]}, "d") is None


@pytest.mark.parametrize(("count", "want"), [(None, 0), (0, 0), (7, 7), ("7", "7")])
def test_a_count_left_out_is_zero(count: object, want: object) -> None:
    """Only that: what is no count stays, to be refused."""
    assert or_zero(count) == want


@pytest.mark.parametrize(
    ("read", "written", "total", "want"),
    [
        (10, 5, 100, 90),
        (10, 5, 15, 5),
        (10, 5, 3, 5),
        (10, 5, None, 5),
        (10, None, 100, None),
        (None, 5, 100, 5),
        (10, "5", 100, "5"),
        (10, True, 100, True),
        (10, -5, 100, -5),
    ],
)
def test_what_only_the_total_counts_is_output(
    read: object, written: object, total: object, want: object
) -> None:
    """Never less than was told, and nothing is made up where a count is missing."""
    assert output_of(read, written, total) == want


def test_why_there_is_no_usage() -> None:
    """An answer that broke off is told from one that was never asked."""
    assert missing(Found({}, whole=True, begun=True)) == "no usage"
    assert missing(Found({}, whole=False, begun=True)) == "cut off before its usage"


def test_an_unmeasured_answer_may_have_a_reported_cost() -> None:
    """What it used is not known; what it cost may be."""
    assert unmeasured("m", "r", "why", nano(5)).reported == nano(5)
    assert unmeasured("m", "r", "why").reported is None
