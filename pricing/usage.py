"""What one model answer used, in whole tokens, and whether that is to be believed. Knows no price."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TOKENS_MAX: Final = 10**9
"""More than this in one answer is not a credible count; it also keeps every cost far inside 64 bits."""

TEXT_MAX: Final = 200
"""Characters of a model name or a response id; longer ones are not kept."""


class Unit(StrEnum):
    """What a rate is for. The units of one answer never overlap: each token is in exactly one of them."""

    INPUT = "input"
    CACHED_INPUT = "cached_input"
    CACHE_WRITE = "cache_write"
    AUDIO_INPUT = "audio_input"
    OUTPUT = "output"
    AUDIO_OUTPUT = "audio_output"
    REQUEST = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Measured tokens of one answer; a zero here was said by the provider, a missing count is `Unmeasured`.

    `input_tokens` and `output_tokens` are totals. The other counts are parts of them, as in OpenAI's format.
    `service_tier` is the provider's word for how the answer was served, empty when it said nothing.
    """

    provider: str | None
    model: str | None
    response_id: str | None
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    service_tier: str = ""

    def __post_init__(self) -> None:
        """Hold what `measure` promises."""
        cached, written, audio = self.cached_input_tokens, self.cache_write_tokens, self.audio_input_tokens
        assert min(cached, written, audio, self.audio_output_tokens) >= 0, "a count is never negative"
        assert cached + written <= self.input_tokens <= TOKENS_MAX, "cached tokens are input tokens"
        assert audio <= self.input_tokens, "audio read is input"
        assert self.audio_output_tokens <= self.output_tokens <= TOKENS_MAX, "audio written is output"

    def parts(self) -> Mapping[Unit, int]:
        """Each token once. Where cached and audio tokens overlap the text is taken as the cached part.

        That is the dearer reading: audio is never cheaper than text, so no cost comes out too low.
        """
        text = self.input_tokens - self.audio_input_tokens
        cached = min(self.cached_input_tokens, text)
        written = min(self.cache_write_tokens, text - cached)
        return {
            Unit.INPUT: text - cached - written,
            Unit.CACHED_INPUT: cached,
            Unit.CACHE_WRITE: written,
            Unit.AUDIO_INPUT: self.audio_input_tokens,
            Unit.OUTPUT: self.output_tokens - self.audio_output_tokens,
            Unit.AUDIO_OUTPUT: self.audio_output_tokens,
            Unit.REQUEST: 1,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """A model answered, and what it used is not known; *problem* says why. It costs something: never zero."""

    provider: str | None
    model: str | None
    response_id: str | None
    problem: str


Reading = Usage | Unmeasured


def measure(
    *,
    provider: str | None,
    model: str | None,
    response_id: str | None,
    counts: Mapping[str, object],
    service_tier: str = "",
) -> Reading:
    """Believe *counts* (named as in `Usage`, off the wire) or say which one cannot be believed."""

    def unmeasured(problem: str) -> Unmeasured:
        return Unmeasured(provider=provider, model=model, response_id=response_id, problem=problem)

    tokens: dict[str, int] = {}
    for name, count in counts.items():
        if type(count) is not int:  # True is an int to isinstance, and no count
            return unmeasured(f"{name} is not a whole number")
        if not 0 <= count <= TOKENS_MAX:
            return unmeasured(f"{name} is out of range")
        tokens[name] = count

    read, written = tokens["input_tokens"], tokens["output_tokens"]
    if tokens.get("cached_input_tokens", 0) + tokens.get("cache_write_tokens", 0) > read:
        return unmeasured("more cached tokens than input_tokens")
    if tokens.get("audio_input_tokens", 0) > read or tokens.get("audio_output_tokens", 0) > written:
        return unmeasured("more audio tokens than tokens")
    return Usage(provider=provider, model=model, response_id=response_id, service_tier=service_tier, **tokens)


def clean_text(value: object) -> str | None:
    """A name or an id off the wire if it is one: printable, not empty, not long; else None."""
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX or not value.isprintable():
        return None
    return value
