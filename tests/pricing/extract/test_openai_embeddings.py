"""Embeddings: input and nothing else, each list an answer by itself; other lists are none."""

import pytest

from pricing.extract.wire import ANSWERS_MAX
from pricing.usage import Unmeasured, Usage
from tests.pricing.extract.reading import buffered, one, problem_of, streamed
from tests.pricing.golden.shape import Json

LIST: Json = {"object": "list", "data": [], "model": "text-embedding-3-small"}


def usage_of(usage: object) -> Usage | Unmeasured:
    readings = buffered({**LIST, "usage": usage})
    assert streamed({**LIST, "usage": usage}) == readings
    return one(readings)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 8, "total_tokens": 8}, 8),
        ({"total_tokens": 8}, 8),
        ({"prompt_tokens": 0, "total_tokens": 0}, 0),
        ({"prompt_tokens": 8, "completion_tokens": 0, "total_tokens": 8}, 8),
    ],
)
def test_what_was_embedded_is_input(usage: Json, tokens: int) -> None:
    """The prompt, or where only that is told the total; an explicit zero is zero."""
    reading = usage_of(usage)

    assert isinstance(reading, Usage)
    assert (reading.input_tokens, reading.output_tokens) == (tokens, 0)


@pytest.mark.parametrize(
    "usage",
    [None, {}, [], 5, {"prompt_tokens": None}, {"prompt_tokens": -1}, {"total_tokens": "8"}],
    ids=repr,
)
def test_usage_that_cannot_be_believed_is_unknown(usage: object) -> None:
    """Something was embedded; how much is not known."""
    reading = usage_of(usage)

    assert isinstance(reading, Unmeasured)
    assert reading.model == "text-embedding-3-small"


def test_two_lists_in_one_stream_are_two_costs() -> None:
    """They have no id, so each is counted."""
    event = {**LIST, "usage": {"prompt_tokens": 8}}

    assert len(streamed(event, event)) == 2


def test_more_lists_than_are_told_apart_are_not_lost_silently() -> None:
    """Beyond the bound there is one more line, and it is unknown."""
    readings = streamed(*[{**LIST, "usage": {"prompt_tokens": 8}}] * (ANSWERS_MAX + 1))

    assert len(readings) == ANSWERS_MAX + 1
    assert problem_of(readings[-1:]) == "too many answers in one stream"


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]},
        {"object": "list", "model": "gpt-4o"},
        {"object": "list", "data": [], "usage": {"seats": 3}},
        {"object": "lists", "data": [], "model": "m"},
    ],
    ids=repr,
)
def test_other_lists_are_no_answers(body: Json) -> None:
    """A list of models or files names no model and tells no tokens."""
    assert buffered(body) == ()
    assert streamed(body) == ()
