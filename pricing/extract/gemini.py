"""Gemini's generateContent, whole, as events or as an array. Knows no transport and no price.

`promptTokenCount` includes what was cached; what tools fed back into the prompt and what was thought are
counted beside it. Zero counts are left out, so the total decides what a missing one means. In a stream each
chunk may tell the usage so far: it counts once a chunk says why the answer ended.
"""

from collections.abc import Mapping
from typing import Final

from pricing.extract.answers import Answers
from pricing.extract.counts import UNREADABLE, missing, or_zero, output_of, unmeasured
from pricing.extract.members import Found
from pricing.extract.wire import Format, Room
from pricing.usage import Reading, clean_text, measure

WANTED: Final = {
    "responseId": 1024,
    "modelVersion": 1024,
    "usageMetadata": 8192,
    "candidates/0/finishReason": 1024,
    "candidates/0/content": 0,
    "promptFeedback/blockReason": 1024,
}

_ENDINGS: Final = ("candidates/0/finishReason", "promptFeedback/blockReason")
_MODALITIES: Final = {"AUDIO": "audio", "IMAGE": "image", "DOCUMENT": "image", "VIDEO": "video"}


def read_answer(found: Found) -> Reading | None:
    """Read a whole answer; None when it is none of this shape."""
    if not _is_gemini(found.values):
        return None
    model, response_id = _names(found.values)
    usage = found.values.get("usageMetadata")
    if usage is None:
        return unmeasured(model, response_id, missing(found))
    return _reading(usage, model, response_id)


class GeminiStream:
    """The chunks of one stream, by the id of the answer they belong to."""

    def __init__(self, room: Room) -> None:
        self._answers = Answers(room)

    def event(self, found: Found) -> None:
        """Take one chunk; the last usage of an answer counts."""
        if not _is_gemini(found.values):
            return
        model, response_id = _names(found.values)
        answer = self._answers.of(response_id)
        if answer is None:
            return
        answer.model = model or answer.model
        usage = found.values.get("usageMetadata")
        if _is_counted(usage):
            answer.reading = _reading(usage, answer.model, answer.response_id)
        elif not found.whole:
            answer.reading = None  # what was cut off may have been a newer usage
        answer.final |= any(found.values.get(ending) is not None for ending in _ENDINGS)

    def finish(self) -> tuple[Reading, ...]:
        """Tell every answer's usage, and every answer that has none or broke off."""
        return self._answers.readings()


def _is_gemini(values: Mapping[str, object]) -> bool:
    if _is_counted(values.get("usageMetadata")):
        return True
    spoken = "candidates/0/content" in values or any(ending in values for ending in _ENDINGS)
    return spoken and ("modelVersion" in values or "usageMetadata" in values)


def _is_counted(usage: object) -> bool:
    return isinstance(usage, dict) and ("promptTokenCount" in usage or "totalTokenCount" in usage)


def _names(values: Mapping[str, object]) -> tuple[str | None, str | None]:
    return clean_text(values.get("modelVersion")), clean_text(values.get("responseId"))


def _reading(usage: object, model: str | None, response_id: str | None) -> Reading:
    if not isinstance(usage, dict):
        return unmeasured(model, response_id, UNREADABLE)
    prompt, fed_back = usage.get("promptTokenCount"), or_zero(usage.get("toolUsePromptTokenCount"))
    spoken, thought = usage.get("candidatesTokenCount"), or_zero(usage.get("thoughtsTokenCount"))
    read = _sum(prompt, fed_back)
    if spoken is None and usage.get("totalTokenCount") is not None:
        spoken = 0
    return measure(
        provider=None,
        model=model,
        response_id=response_id,
        service_tier=_tier(usage),
        counts={
            "input_tokens": read,
            "output_tokens": output_of(read, _sum(spoken, thought), usage.get("totalTokenCount")),
            "cached_input_tokens": or_zero(usage.get("cachedContentTokenCount")),
            **_modal(usage, "input", "promptTokensDetails", "toolUsePromptTokensDetails"),
            **_modal(usage, "output", "candidatesTokensDetails"),
        },
    )


def _sum(one: object, other: object) -> object:
    """Add two counts, or give out the one that is none, for `measure` to refuse."""
    if type(one) is not int or one < 0:
        return one
    return one + other if type(other) is int and other >= 0 else other


def _modal(usage: Mapping[str, object], side: str, *lists: str) -> Mapping[str, object]:
    """Count audio, images and video; text is the rest, and documents are counted as images."""
    counts: dict[str, object] = {}
    for name in lists:
        entries = usage.get(name)
        for entry in entries if isinstance(entries, list) else ():
            modality = entry.get("modality") if isinstance(entry, dict) else None
            kind = _MODALITIES.get(modality) if isinstance(modality, str) else None
            if kind is not None:
                counted = f"{kind}_{side}_tokens"
                counts[counted] = _sum(or_zero(entry.get("tokenCount")), counts.get(counted, 0))
    return counts


def _tier(usage: Mapping[str, object]) -> str:
    """Name the tier as the price list does: `priority` is ON_DEMAND_PRIORITY on one of the two platforms."""
    word = clean_text(usage.get("serviceTier")) or clean_text(usage.get("trafficType")) or ""
    word = word.lower().removeprefix("service_tier_").removeprefix("on_demand_")
    return "" if word.endswith("unspecified") else word


FORMAT: Final = Format("gemini", WANTED, read_answer, GeminiStream)
