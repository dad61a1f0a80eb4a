"""OpenAI chat completions, and what others serve in that shape. Knows no transport and no price.

`prompt_tokens` includes the cached ones; the usage of a stream is the last that is not null, in whatever
chunk it comes. Where it grew from chunk to chunk, it counts once a choice tells why it ended. Some providers
leave hidden reasoning out of `completion_tokens` but not out of `total_tokens`: what the total counts beyond
the two is taken as output, so it is never too low.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pricing.extract.answers import ENDED, TOO_MANY
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

_ENDING: Final = "choices/0/finish_reason"
_CHOICE: Final = ("choices/0/delta", "choices/0/message", "choices/0/text")

_MEMBERS: Final = {"id": 1024, "object": 1024, "model": 1024, "service_tier": 1024, "usage": 8192}
WANTED: Final = _MEMBERS | {_ENDING: 1024} | dict.fromkeys(_CHOICE, 0)

_OBJECTS: Final = frozenset({"chat.completion", "chat.completion.chunk", "text_completion"})
_OTHER_OBJECTS: Final = frozenset({"list", "response"})  # formats of their own


def read_answer(found: Found) -> Reading | None:
    """Read a buffered answer; None when it is no chat completion and has no usage of that shape."""
    if not _is_chat(found.values):
        return None
    model, response_id = clean_text(found.values.get("model")), clean_text(found.values.get("id"))
    if found.values.get("usage") is not None:
        return _reading(found.values, model, response_id)
    return unmeasured(model, response_id, missing(found))


@dataclass(slots=True)
class _Answer:
    """What is known so far of one answer of a stream; *grew*: its usage was told as far as it had come."""

    chunks: int = 0
    model: str | None = None
    reading: Reading | None = None
    grew: bool = False
    ended: bool = False


class ChatStream:
    """The chunks of one stream, by the id of the answer they belong to."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._answers: dict[str, _Answer] = {}
        self._latest = ""
        self._overflow = False

    def event(self, found: Found) -> None:
        """Take one chunk; the last usage of an answer that is not null counts."""
        if not _is_chat(found.values):
            return
        # a chunk without an id continues the answer of the chunk before it
        self._latest = clean_text(found.values.get("id")) or self._latest
        answer = self._answer(self._latest)
        if answer is None:
            return
        answer.chunks += 1
        answer.model = clean_text(found.values.get("model")) or answer.model
        ending = found.values.get(_ENDING)
        answer.ended |= ending is not None and ending != ""
        if found.values.get("usage") is not None:
            reading = _reading(found.values, answer.model, self._latest or None)
            answer.grew |= answer.reading is not None and answer.reading != reading
            answer.reading = reading
        elif not found.whole:
            answer.reading = None  # what was cut off may have been a newer usage

    def finish(self) -> tuple[Reading, ...]:
        """Tell every answer's usage, and every answer that has none."""
        readings: list[Reading] = []
        for response_id, answer in self._answers.items():
            if answer.reading is not None and (answer.ended or not answer.grew):
                readings.append(answer.reading)
            elif answer.chunks > 1 or len(self._answers) == 1:
                readings.append(unmeasured(answer.model, response_id or None, ENDED))
        if self._overflow:
            readings.append(unmeasured(None, None, TOO_MANY))
        elif self._answers and not readings:
            readings.append(unmeasured(None, None, ENDED))
        return tuple(readings)

    def _answer(self, response_id: str) -> _Answer | None:
        found = self._answers.get(response_id)
        if found is not None:
            return found
        if not self._room.take() and not (self._forget_one() and self._room.take()):
            self._overflow = True
            return None
        return self._answers.setdefault(response_id, _Answer())

    def _forget_one(self) -> bool:
        """Make room: an id seen in one chunk only is that of a server that names every chunk anew."""
        for response_id, answer in self._answers.items():
            if answer.chunks == 1 and answer.reading is None:
                del self._answers[response_id]
                self._room.give_back()
                return True
        return False


def _is_chat(values: Mapping[str, object]) -> bool:
    usage, kind = values.get("usage"), values.get("object")
    if isinstance(kind, str) and kind in _OTHER_OBJECTS:
        return False
    if isinstance(usage, dict) and "prompt_tokens" in usage:
        return True
    if kind is None:  # some servers leave it out
        return _has_choices(values) and clean_text(values.get("model")) is not None
    return isinstance(kind, str) and kind in _OBJECTS


def _has_choices(values: Mapping[str, object]) -> bool:
    return _ENDING in values or any(name in values for name in _CHOICE)


def _reading(values: Mapping[str, object], model: str | None, response_id: str | None) -> Reading:
    usage = values["usage"]
    if not isinstance(usage, dict):
        return unmeasured(model, response_id, UNREADABLE)
    read, written = details(usage, "prompt_tokens_details"), details(usage, "completion_tokens_details")
    if read is None or written is None:
        return unmeasured(model, response_id, DETAILS_UNREADABLE, reported_cost(usage))
    output = usage.get("completion_tokens")
    if output is None and not _has_choices(values):  # embeddings have a prompt and nothing else
        output = 0
    cached = read.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))  # DeepSeek's name for the same
    return measure(
        provider=None,
        model=model,
        response_id=response_id,
        service_tier=clean_text(values.get("service_tier")) or "",
        reported=reported_cost(usage),
        counts={
            "input_tokens": usage.get("prompt_tokens"),
            "output_tokens": output_of(usage.get("prompt_tokens"), output, usage.get("total_tokens")),
            "cached_input_tokens": or_zero(cached),
            "cache_write_tokens": or_zero(read.get("cache_write_tokens")),
            "audio_input_tokens": or_zero(read.get("audio_tokens")),
            "audio_output_tokens": or_zero(written.get("audio_tokens")),
            "image_output_tokens": or_zero(written.get("image_tokens")),
        },
    )


FORMAT: Final = Format("openai-chat", WANTED, read_answer, ChatStream)
