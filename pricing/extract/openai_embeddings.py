"""OpenAI embeddings, and what others serve in that shape: input and nothing else. Knows no transport."""

from collections.abc import Mapping
from typing import Final

from pricing.extract.answers import Answers
from pricing.extract.counts import UNREADABLE, missing, or_zero, unmeasured
from pricing.extract.members import Found
from pricing.extract.reported import reported_cost
from pricing.extract.wire import Format, Room
from pricing.usage import Reading, clean_text, measure

WANTED: Final = {"id": 1024, "object": 1024, "model": 1024, "usage": 8192, "data": 0}


def read_answer(found: Found) -> Reading | None:
    """Read a list of embeddings; None for other lists, which name no model and tell no tokens."""
    values = found.values
    if not _is_embeddings(values):
        return None
    model, response_id = clean_text(values.get("model")), clean_text(values.get("id"))
    usage = values.get("usage")
    if usage is None:
        return unmeasured(model, response_id, missing(found))
    if not isinstance(usage, dict):
        return unmeasured(model, response_id, UNREADABLE)
    return measure(
        provider=None,
        model=model,
        response_id=response_id,
        reported=reported_cost(usage),
        counts={
            "input_tokens": usage.get("prompt_tokens", usage.get("total_tokens")),  # some tell only the total
            "output_tokens": or_zero(usage.get("completion_tokens")),
        },
    )


class EmbeddingsStream:
    """Lists in one stream; each is an answer by itself, for they have no id."""

    def __init__(self, room: Room) -> None:
        self._answers = Answers(room)

    def event(self, found: Found) -> None:
        """Take one list."""
        reading = read_answer(found)
        answer = None if reading is None else self._answers.begin(reading.response_id)
        if answer is not None:
            answer.reading, answer.final = reading, True

    def finish(self) -> tuple[Reading, ...]:
        """Tell the usage of each."""
        return self._answers.readings()


def _is_embeddings(values: Mapping[str, object]) -> bool:
    if values.get("object") != "list":
        return False
    usage = values.get("usage")
    if isinstance(usage, dict) and ("prompt_tokens" in usage or "total_tokens" in usage):
        return True
    return "data" in values and clean_text(values.get("model")) is not None


FORMAT: Final = Format("openai-embeddings", WANTED, read_answer, EmbeddingsStream)
