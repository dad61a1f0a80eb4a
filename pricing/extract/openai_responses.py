"""OpenAI responses, and what others serve in that shape. Knows no transport and no price.

`input_tokens` includes the cached ones, `output_tokens` the reasoning. In a stream the events that tell of
the answer as a whole carry it as `response`: the first ones without usage, the last one with it, whether it
was completed, incomplete or failed.
"""

from collections.abc import Mapping
from typing import Final

from pricing.extract.answers import Answers
from pricing.extract.counts import (
    DETAILS_UNREADABLE,
    UNREADABLE,
    details,
    missing,
    or_zero,
    output_of,
    unmeasured,
)
from pricing.extract.members import Found
from pricing.extract.reported import reported_cost
from pricing.extract.wire import Format, Room
from pricing.usage import Reading, clean_text, measure

_MEMBERS: Final = {"object": 1024, "id": 1024, "model": 1024, "service_tier": 1024, "usage": 8192}

WANTED: Final = {"type": 1024, **_MEMBERS, **{f"response/{name}": size for name, size in _MEMBERS.items()}}


def read_answer(found: Found) -> Reading | None:
    """Read a buffered answer; None when it is none of this shape."""
    if not _is_response(found.values):
        return None
    model, response_id = clean_text(found.values.get("model")), clean_text(found.values.get("id"))
    if found.values.get("usage") is None:
        return unmeasured(model, response_id, missing(found))
    return _reading(found.values, model, response_id)


class ResponsesStream:
    """The answers of one stream, by their id."""

    def __init__(self, room: Room) -> None:
        self._answers = Answers(room)

    def event(self, found: Found) -> None:
        """Take one event; only those that carry the answer tell anything."""
        values = _carried(found.values)
        if values is None:
            return
        answer = self._answers.of(clean_text(values.get("id")))
        if answer is None:
            return
        answer.model = clean_text(values.get("model")) or answer.model
        if values.get("usage") is not None:
            answer.reading = _reading(values, answer.model, answer.response_id)
        # what was cut off may have been a newer usage
        answer.final = found.whole or values.get("usage") is not None

    def finish(self) -> tuple[Reading, ...]:
        """Tell every answer's usage, and every answer that has none."""
        return self._answers.readings()


def _carried(values: Mapping[str, object]) -> Mapping[str, object] | None:
    if _is_response(values):  # relayed whole
        return values
    kind = values.get("type")
    if not isinstance(kind, str) or not kind.startswith("response."):
        return None
    carried = {name: values[f"response/{name}"] for name in _MEMBERS if f"response/{name}" in values}
    return carried or None


def _is_response(values: Mapping[str, object]) -> bool:
    if values.get("object") != "response":
        return False
    return isinstance(values.get("usage"), dict) or clean_text(values.get("model")) is not None


def _reading(values: Mapping[str, object], model: str | None, response_id: str | None) -> Reading:
    usage = values["usage"]
    if not isinstance(usage, dict):
        return unmeasured(model, response_id, UNREADABLE)
    read = details(usage, "input_tokens_details")
    if read is None:
        return unmeasured(model, response_id, DETAILS_UNREADABLE, reported_cost(usage))
    return measure(
        provider=None,
        model=model,
        response_id=response_id,
        service_tier=clean_text(values.get("service_tier")) or "",
        reported=reported_cost(usage),
        counts={
            "input_tokens": usage.get("input_tokens"),
            "output_tokens": output_of(
                usage.get("input_tokens"), usage.get("output_tokens"), usage.get("total_tokens")
            ),
            "cached_input_tokens": or_zero(read.get("cached_tokens")),
            "cache_write_tokens": or_zero(read.get("cache_write_tokens")),
        },
    )


FORMAT: Final = Format("openai-responses", WANTED, read_answer, ResponsesStream)
