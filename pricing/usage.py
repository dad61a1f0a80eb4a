"""What one model answer used, in whole tokens, and whether that is to be believed. Knows no rate."""

from collections.abc import Container, Mapping
from dataclasses import KW_ONLY
from enum import StrEnum
from operator import attrgetter
from typing import Final

from ledger.money import USD, Amount
from ledger.values import value

TOKENS_MAX: Final = 10**9
"""More than this in one answer is not a credible count; it also keeps every cost far inside 64 bits."""

TEXT_MAX: Final = 200
"""Characters of a model name or a response id; longer ones are not kept."""


class Unit(StrEnum):
    """What a rate is for. The units of one answer never overlap: each token is in exactly one of them."""

    INPUT = "input"
    CACHED_INPUT = "cached_input"
    CACHE_WRITE = "cache_write"
    CACHE_WRITE_1H = "cache_write_1h"
    AUDIO_INPUT = "audio_input"
    IMAGE_INPUT = "image_input"
    VIDEO_INPUT = "video_input"
    OUTPUT = "output"
    AUDIO_OUTPUT = "audio_output"
    IMAGE_OUTPUT = "image_output"
    VIDEO_OUTPUT = "video_output"
    WEB_SEARCH = "web_search"
    REQUEST = "request"

    __hash__ = str.__hash__  # that of an enum is a Python function, and every rate is looked up by its unit


EVERY_UNIT: Final = frozenset(Unit)


@value
class Usage:
    """Measured tokens of one answer; a zero here was said by the provider, a missing count is `Unmeasured`.

    `input_tokens` and `output_tokens` are totals. The other counts are parts of them, as in OpenAI's format;
    `cache_write_1h_tokens` are part of `cache_write_tokens`. `service_tier` is the provider's word for how
    the answer was served, empty when it said nothing. `reported` is its own figure for the cost, in nano-USD.
    """

    _: KW_ONLY
    provider: str | None
    model: str | None
    response_id: str | None
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    image_input_tokens: int = 0
    video_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0
    video_output_tokens: int = 0
    web_searches: int = 0
    service_tier: str = ""
    reported: Amount | None = None

    def __post_init__(self) -> None:
        """Hold what `measure` promises."""
        assert contradiction(self._counts()) is None, "what is measured does not contradict itself"
        assert self.reported is None or self.reported.asset == USD, "a reported cost is in dollars"

    def parts(self, priced: Container[Unit] = EVERY_UNIT) -> Mapping[Unit, int]:
        """Each token once, in the units that are *priced*; images and video that are not are text.

        Where cached and other tokens overlap the text is taken as the cached part. That is the dearer
        reading: audio, images and video are never cheaper than text, so no cost comes out too low.
        """
        image_in = self.image_input_tokens if Unit.IMAGE_INPUT in priced else 0
        video_in = self.video_input_tokens if Unit.VIDEO_INPUT in priced else 0
        image_out = self.image_output_tokens if Unit.IMAGE_OUTPUT in priced else 0
        video_out = self.video_output_tokens if Unit.VIDEO_OUTPUT in priced else 0
        text = self.input_tokens - self.audio_input_tokens - image_in - video_in
        cached = min(self.cached_input_tokens, text)
        written = min(self.cache_write_tokens, text - cached)
        for_an_hour = min(self.cache_write_1h_tokens, written)
        return {
            Unit.INPUT: text - cached - written,
            Unit.CACHED_INPUT: cached,
            Unit.CACHE_WRITE: written - for_an_hour,
            Unit.CACHE_WRITE_1H: for_an_hour,
            Unit.AUDIO_INPUT: self.audio_input_tokens,
            Unit.IMAGE_INPUT: image_in,
            Unit.VIDEO_INPUT: video_in,
            Unit.OUTPUT: self.output_tokens - self.audio_output_tokens - image_out - video_out,
            Unit.AUDIO_OUTPUT: self.audio_output_tokens,
            Unit.IMAGE_OUTPUT: image_out,
            Unit.VIDEO_OUTPUT: video_out,
            Unit.WEB_SEARCH: self.web_searches,
            Unit.REQUEST: 1,
        }

    def _counts(self) -> Mapping[str, object]:
        return dict(zip(COUNTS, _counts_of(self), strict=True))


@value
class Unmeasured:
    """A model answered, and what it used is not known; *problem* says why. It costs something: never zero.

    What the provider itself says it cost may be known all the same: that is *reported*, in nano-USD.
    """

    _: KW_ONLY
    provider: str | None
    model: str | None
    response_id: str | None
    problem: str
    reported: Amount | None = None


Reading = Usage | Unmeasured


COUNTS: Final = tuple(name for name in Usage.__annotations__ if name.endswith(("_tokens", "_searches")))
_NO_TOKENS: Final = dict.fromkeys(COUNTS, 0)
_counts_of: Final = attrgetter(*COUNTS)


def measure(
    *,
    provider: str | None,
    model: str | None,
    response_id: str | None,
    counts: Mapping[str, object],
    service_tier: str = "",
    reported: Amount | None = None,
) -> Reading:
    """Believe *counts* (named as in `Usage`, off the wire) or say which one cannot be believed."""
    problem = contradiction(counts)
    if problem is not None:
        return Unmeasured(
            provider=provider, model=model, response_id=response_id, problem=problem, reported=reported
        )
    tokens = {name: count for name, count in counts.items() if isinstance(count, int)}
    return Usage(
        provider=provider,
        model=model,
        response_id=response_id,
        service_tier=service_tier,
        reported=reported,
        **tokens,
    )


def contradiction(counts: Mapping[str, object]) -> str | None:
    """Say why *counts* cannot all be what one answer used; None when they can. Counts left out are zero."""
    tokens = _NO_TOKENS.copy()
    for name, count in counts.items():
        if type(count) is not int:  # True is an int to isinstance, and no count
            return f"{name} is not a whole number"
        if not 0 <= count <= TOKENS_MAX:
            return f"{name} is out of range"
        tokens[name] = count
    read, written = tokens["input_tokens"], tokens["output_tokens"]
    stored = tokens["cache_write_tokens"]
    if tokens["cached_input_tokens"] + stored > read:
        return "more cached tokens than input_tokens"
    if tokens["cache_write_1h_tokens"] > stored:
        return "more tokens written for an hour than written"
    heard, seen = tokens["audio_input_tokens"], tokens["image_input_tokens"] + tokens["video_input_tokens"]
    if heard + seen > read:
        return "more audio, image and video tokens than input_tokens"
    told, drawn = tokens["audio_output_tokens"], tokens["image_output_tokens"] + tokens["video_output_tokens"]
    if told + drawn > written:
        return "more audio, image and video tokens than output_tokens"
    return None


def clean_text(value: object) -> str | None:
    """A name or an id off the wire if it is one: printable, not empty, not long; else None."""
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX or not value.isprintable():
        return None
    return value
