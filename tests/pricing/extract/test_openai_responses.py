"""Responses: the usage of the event that ends the answer, however long it is; unknown where there is none."""

import pytest

from pricing.extract.openai_responses import ResponsesStream
from pricing.extract.wire import ANSWERS_MAX, Room
from pricing.usage import Reading, Unmeasured, Usage
from tests.pricing.extract.reading import buffered, one, problem_of, streamed
from tests.pricing.golden.openai import TEXT
from tests.pricing.golden.responses import RESPONDED, a_response, events_of
from tests.pricing.golden.shape import Json

BROKEN: list[object] = [
    {},
    [],
    "much",
    {"input_tokens": 5},
    {"output_tokens": 5},
    {"input_tokens": -5, "output_tokens": 5},
    {"input_tokens": "5", "output_tokens": 5},
    {"input_tokens": 5.0, "output_tokens": 5},
    {"input_tokens": 5, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 6}},
    {"input_tokens": 5, "output_tokens": 5, "input_tokens_details": [6]},
]


def told(usage: object, **members: object) -> tuple[Reading, ...]:
    """Read the answer whole and streamed, and see that both tell the same."""
    body = a_response(usage, **members)
    readings = buffered(body)
    assert {type(reading) for reading in streamed(*events_of(body))} == {type(r) for r in readings}
    return readings


@pytest.mark.parametrize("usage", [None, *BROKEN], ids=repr)
def test_usage_that_cannot_be_believed_is_unknown(usage: object) -> None:
    """Missing, negative, fractional or contradictory counts leave an answer whose usage is not known."""
    assert problem_of(told(usage))


def test_explicit_zero_is_zero() -> None:
    """Nothing used is a measurement."""
    reading = one(told({"input_tokens": 0, "output_tokens": 0}))

    assert isinstance(reading, Usage)
    assert (reading.input_tokens, reading.output_tokens) == (0, 0)


def test_what_only_the_total_counts_is_output() -> None:
    """Hidden reasoning may be nowhere else; a total that counts less changes nothing."""
    more = one(told({"input_tokens": 10, "output_tokens": 5, "total_tokens": 100}))
    less = one(told({"input_tokens": 10, "output_tokens": 5, "total_tokens": 1}))

    assert isinstance(more, Usage)
    assert isinstance(less, Usage)
    assert (more.output_tokens, less.output_tokens) == (90, 5)


def test_a_last_event_of_any_length_is_read() -> None:
    """The event that tells the usage repeats the whole answer, its instructions and its tools before it."""
    body = a_response(RESPONDED, output=[{"type": "message", "content": TEXT * 20_000}], tools=[TEXT] * 500)

    assert streamed(*events_of(body)) == buffered(body)
    assert isinstance(one(buffered(body)), Usage)


def test_a_stream_without_its_last_event_is_unknown() -> None:
    """The answer was begun; what it used is not known."""
    assert problem_of(streamed(*events_of(a_response(RESPONDED))[:-1])) == "stream ended without usage"


def test_an_event_that_breaks_off_takes_the_last_word_back() -> None:
    """It may have held a newer usage."""
    *_, last = events_of(a_response(RESPONDED))
    broken = '{"type": "response.completed", "response": {"id": "%s", "usage": {"inp'
    same = a_response(RESPONDED)["id"]

    assert problem_of(streamed(last, broken % same)) == "stream ended without usage"
    assert isinstance(one(streamed(broken % same, last)), Usage)


def test_several_answers_are_told_apart_by_id() -> None:
    """An agent that relays two, interleaved, pays for both; one without an end is unknown."""
    one_, two, three = ([*events_of(a_response(RESPONDED, id=f"resp_{n}"))] for n in "123")

    readings = streamed(one_[0], two[0], three[0], two[-1], one_[-1])

    assert [(type(r), r.response_id) for r in readings] == [
        (Usage, "resp_1"),
        (Usage, "resp_2"),
        (Unmeasured, "resp_3"),
    ]


def test_a_whole_answer_in_one_event_is_read() -> None:
    """Some relay a buffered answer as an event."""
    assert streamed(a_response(RESPONDED)) == buffered(a_response(RESPONDED))


def test_more_answers_than_are_told_apart_are_not_lost_silently() -> None:
    """Beyond the bound there is one more line, and it is unknown."""
    readings = streamed(*(a_response(RESPONDED, id=f"resp_{n}") for n in range(ANSWERS_MAX + 5)))

    assert len(readings) == ANSWERS_MAX + 1
    assert problem_of(readings[-1:]) == "too many answers in one stream"


@pytest.mark.parametrize(
    "body",
    [
        {"object": "response", "answer": 42},
        {"object": "response.deleted", "id": "resp_1", "deleted": True},
        {"type": "response.created"},
        {"type": "response", "response": "yes"},
        {"type": "answer", "response": {"usage": {"input_tokens": 1}}},
        {"usage": {"input_tokens": 1, "output_tokens": 1}},
    ],
    ids=repr,
)
def test_json_that_no_model_wrote_has_no_usage(body: Json) -> None:
    """Sharing a word with this format is not being of it."""
    assert buffered(body) == ()
    assert streamed(body) == ()


def test_a_stream_of_nothing_tells_nothing() -> None:
    """No event, no answer."""
    assert ResponsesStream(Room()).finish() == ()
