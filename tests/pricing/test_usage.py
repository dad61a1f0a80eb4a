"""Usage: counts off the wire are believed or refused, and each token is counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.usage import TOKENS_MAX, Unit, Unmeasured, Usage, clean_text, measure


def measured(**counts: object) -> Usage | Unmeasured:
    return measure(
        provider=None,
        model="m",
        response_id="r",
        counts={"input_tokens": 100, "output_tokens": 10, **counts},
    )


def test_zero_is_a_measurement() -> None:
    """A provider that says zero is believed: zero is not the same as nothing said."""
    usage = measured(input_tokens=0, output_tokens=0)

    assert isinstance(usage, Usage)
    assert (usage.input_tokens, usage.output_tokens) == (0, 0)


@pytest.mark.parametrize(
    "counts",
    [
        {"input_tokens": -1},
        {"output_tokens": None},
        {"output_tokens": "12"},
        {"output_tokens": True},
        {"input_tokens": TOKENS_MAX + 1},
        {"cached_input_tokens": 101},
        {"cached_input_tokens": 60, "cache_write_tokens": 60},
        {"cache_write_tokens": -5},
        {"audio_input_tokens": 101},
        {"audio_output_tokens": 11},
    ],
)
def test_counts_that_cannot_be_are_not_measured(counts: dict[str, object]) -> None:
    """A count that is no whole number in range, or a part larger than its whole, makes the cost unknown."""
    refused = measured(**counts)

    assert isinstance(refused, Unmeasured)
    assert (refused.model, refused.response_id) == ("m", "r")
    assert refused.problem


@given(
    read=st.integers(0, 1000),
    written=st.integers(0, 1000),
    cached=st.integers(-1, 1100),
    stored=st.integers(-1, 1100),
    audio=st.integers(-1, 1100),
)
def test_every_token_is_in_exactly_one_part(
    read: int, written: int, cached: int, stored: int, audio: int
) -> None:
    """However the parts overlap, input parts add up to the input and output parts to the output."""
    usage = measured(
        input_tokens=read,
        output_tokens=written,
        cached_input_tokens=cached,
        cache_write_tokens=stored,
        audio_input_tokens=audio,
    )
    if isinstance(usage, Unmeasured):
        return

    parts = usage.parts()

    assert min(parts.values()) >= 0
    assert parts[Unit.OUTPUT] + parts[Unit.AUDIO_OUTPUT] == written
    inputs = (Unit.INPUT, Unit.CACHED_INPUT, Unit.CACHE_WRITE, Unit.AUDIO_INPUT)
    assert sum(parts[unit] for unit in inputs) == read


@pytest.mark.parametrize("text", ["", "x" * 201, "a\nb", "\ud800", 7, None, ["gpt-4o"]])
def test_what_is_no_name_is_not_kept(text: object) -> None:
    """A name or an id is printable, not empty and short, or it is none."""
    assert clean_text(text) is None
