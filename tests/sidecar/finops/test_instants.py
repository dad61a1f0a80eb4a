"""Instants: text at the rim, whole microseconds inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.finops import instants
from sidecar.finops.instants import InstantText
from tests.sidecar.shop import NOON_US

YEAR_9999_US = 253_402_300_799_999_999


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01", 0),
        ("2026-05-01T12:00:00Z", NOON_US),
        ("2026-05-01t12:00:00z", NOON_US),
        ("2026-05-01 12:00:00+00:00", NOON_US),
        ("2026-05-01T14:30:00+02:30", NOON_US),
        ("2026-05-01T12:00:00.5Z", NOON_US + 500_000),
        ("2026-05-01T12:00:00.000001Z", NOON_US + 1),
    ],
)
def test_a_date_or_time_with_its_zone_is_one_instant(text: str, us: int) -> None:
    """A date is its first instant in UTC, and a zone counts."""
    assert instants.parse(text) == us


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-06-31",
        "2026-05-01T12:00:00",
        "2026-05-01T12:00Z",
        "20260501",
        "2026-05-01T12:00:00.1234567Z",
        "2026-05-01T25:00:00Z",
        "٢٠٢٦-05-01",
        "1777636800",
        "2026-05-01\n",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_other_texts_are_refused_with_a_sentence(text: str) -> None:
    """A time without a zone, or in another form, is not guessed."""
    with pytest.raises(InstantText, match="is not a time: write a date, 2026-05-01"):
        instants.parse(text)


@given(st.integers(0, YEAR_9999_US))
def test_what_is_written_is_read_back(us: int) -> None:
    """No microsecond is lost on the way through text."""
    assert instants.parse(instants.text(us)) == us
