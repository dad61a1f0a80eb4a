"""Usage: counts off the wire are believed or refused, and each token is counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.usage import COUNTS, TOKENS_MAX, Unit, Unmeasured, Usage, clean_text, measure

INPUTS = (
    Unit.INPUT,
    Unit.CACHED_INPUT,
    Unit.CACHE_WRITE,
    Unit.CACHE_WRITE_1H,
    Unit.AUDIO_INPUT,
    Unit.IMAGE_INPUT,
    Unit.VIDEO_INPUT,
)
OUTPUTS = (Unit.OUTPUT, Unit.AUDIO_OUTPUT, Unit.IMAGE_OUTPUT, Unit.VIDEO_OUTPUT)


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
        {"cache_write_tokens": 5, "cache_write_1h_tokens": 6},
        {"audio_input_tokens": 101},
        {"audio_input_tokens": 60, "image_input_tokens": 30, "video_input_tokens": 11},
        {"audio_output_tokens": 11},
        {"audio_output_tokens": 4, "image_output_tokens": 4, "video_output_tokens": 3},
        {"web_searches": -1},
    ],
)
def test_counts_that_cannot_be_are_not_measured(counts: dict[str, object]) -> None:
    """A count that is no whole number in range, or a part larger than its whole, makes the cost unknown."""
    refused = measured(**counts)

    assert isinstance(refused, Unmeasured)
    assert (refused.model, refused.response_id) == ("m", "r")
    assert refused.problem


@given(
    counts=st.fixed_dictionaries({name: st.integers(-1, 400) for name in COUNTS}),
    read=st.integers(0, 1000),
    written=st.integers(0, 1000),
    priced=st.sets(st.sampled_from(Unit)),
)
def test_every_token_is_in_exactly_one_part(
    counts: dict[str, int], read: int, written: int, priced: set[Unit]
) -> None:
    """However the parts overlap, input parts add up to the input and output parts to the output."""
    usage = measured(**{**counts, "input_tokens": read, "output_tokens": written})
    if isinstance(usage, Unmeasured):
        return

    parts = usage.parts(priced)

    assert min(parts.values()) >= 0
    assert sum(parts[unit] for unit in OUTPUTS) == written
    assert sum(parts[unit] for unit in INPUTS) == read
    assert set(parts) == set(Unit)
    assert (parts[Unit.WEB_SEARCH], parts[Unit.REQUEST]) == (counts["web_searches"], 1)


def test_images_and_video_without_a_rate_are_text() -> None:
    """Most sellers charge them as text; only where a card has a rate for them they stand apart."""
    usage = measured(
        image_input_tokens=60, video_input_tokens=30, image_output_tokens=4, cached_input_tokens=50
    )
    assert isinstance(usage, Usage)

    apart, together = usage.parts(), usage.parts({Unit.INPUT, Unit.OUTPUT})

    assert (apart[Unit.INPUT], apart[Unit.CACHED_INPUT], apart[Unit.OUTPUT]) == (0, 10, 6)
    assert (apart[Unit.IMAGE_INPUT], apart[Unit.VIDEO_INPUT], apart[Unit.IMAGE_OUTPUT]) == (60, 30, 4)
    assert (together[Unit.INPUT], together[Unit.CACHED_INPUT], together[Unit.OUTPUT]) == (50, 50, 10)


def test_tokens_written_for_an_hour_are_told_apart() -> None:
    """They cost more than those written for five minutes."""
    usage = measured(cache_write_tokens=50, cache_write_1h_tokens=20)
    assert isinstance(usage, Usage)

    parts = usage.parts()

    assert (parts[Unit.INPUT], parts[Unit.CACHE_WRITE], parts[Unit.CACHE_WRITE_1H]) == (50, 30, 20)


@pytest.mark.parametrize("text", ["", "x" * 201, "a\nb", "\ud800", 7, None, ["gpt-4o"]])
def test_what_is_no_name_is_not_kept(text: object) -> None:
    """A name or an id is printable, not empty and short, or it is none."""
    assert clean_text(text) is None
