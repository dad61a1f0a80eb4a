"""Chat completions: the same usage buffered and streamed, and unknown where there is none."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.extract import meter_for
from pricing.extract.wire import ANSWERS_MAX
from pricing.usage import Reading, Unmeasured, Usage
from tests.pricing.extract.shapes import BROKEN, OPENAI, SHAPES, a_chunk, a_stream, an_answer, written


def read(content_type: bytes, *pieces: bytes) -> tuple[Reading, ...]:
    meter = meter_for(content_type, b"")
    for piece in pieces:
        meter.feed(piece)
    return meter.finish().usages


def buffered(answer: object) -> tuple[Reading, ...]:
    return read(b"application/json", written(answer))


def streamed(*events: object) -> tuple[Reading, ...]:
    return read(b"text/event-stream", a_stream(*events))


def usage(**counts: int) -> Usage:
    return Usage(provider=None, model="gpt-4o-2024-08-06", response_id="chatcmpl-1", **counts)  # type: ignore[arg-type]  # only counts are passed


def problem_of(readings: tuple[Reading, ...]) -> str:
    (reading,) = readings
    assert isinstance(reading, Unmeasured)
    return reading.problem


@pytest.mark.parametrize(("name", "told", "counts"), SHAPES, ids=[name for name, _, _ in SHAPES])
def test_a_shape_reads_the_same_buffered_and_streamed(
    name: str, told: object, counts: dict[str, int]
) -> None:
    """Each provider's usage gives its counts, whole, in an own last chunk, or in a chunk with choices."""
    want = (usage(**counts),)

    assert buffered(an_answer(usage=told)) == want
    assert streamed(a_chunk(), a_chunk(usage=None), a_chunk(choices=[], usage=told)) == want
    assert streamed(a_chunk(usage=None), a_chunk(usage=told)) == want


@pytest.mark.parametrize("told", BROKEN, ids=repr)
def test_usage_that_cannot_be_believed_is_unknown(told: object) -> None:
    """Missing, negative, fractional or contradictory counts leave a model answer whose usage is not known."""
    assert problem_of(buffered(an_answer(usage=told)))
    if told != BROKEN[-1]:  # the bound of a buffered member; an event has its own
        assert problem_of(streamed(a_chunk(), a_chunk(usage=told)))


def test_members_may_stand_in_any_order() -> None:
    """Usage before the choices, and the model last, are found as well."""
    answer = dict(reversed(an_answer(usage=OPENAI).items()))

    assert buffered(answer) == buffered(an_answer(usage=OPENAI))


@pytest.mark.parametrize(
    "body", [written(an_answer(usage=OPENAI)), written({"a": 1}), b'{"object": "chat.completion"}']
)
def test_every_split_of_a_buffered_answer_reads_the_same(body: bytes) -> None:
    """Cut in two at each byte, or into single bytes, an answer gives what it gives whole."""
    whole = read(b"application/json", body)

    assert all(read(b"application/json", body[:cut], body[cut:]) == whole for cut in range(len(body)))
    assert read(b"application/json", *(bytes([byte]) for byte in body)) == whole


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_every_split_of_a_stream_reads_the_same(line_end: bytes) -> None:
    """Cut in two at each byte, or into single bytes, a stream gives what it gives whole."""
    body = a_stream(a_chunk(), a_chunk(usage=OPENAI, choices=[]), line_end=line_end)
    whole = read(b"text/event-stream", body)

    assert whole == (usage(input_tokens=1000, output_tokens=50, cached_input_tokens=400),)
    assert all(read(b"text/event-stream", body[:cut], body[cut:]) == whole for cut in range(len(body)))
    assert read(b"text/event-stream", *(bytes([byte]) for byte in body)) == whole


STOP = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
LARGE_CHOICE = {"message": {"content": 'words, "quotes" and \\ ' * 900, "audio": {"data": "QUJD" * 5000}}}
LARGE = {
    b"application/json": written(an_answer(choices=[LARGE_CHOICE], usage=OPENAI)),
    b"text/event-stream": a_stream(*[a_chunk()] * 200, a_chunk(usage=OPENAI)),
}


@settings(max_examples=200)
@given(st.lists(st.integers(0, 60_000), max_size=12), st.sampled_from(sorted(LARGE)))
def test_a_large_answer_reads_the_same_at_random_splits(cuts: list[int], content_type: bytes) -> None:
    """Tens of kilobytes in any pieces give the same usage."""
    body = LARGE[content_type]
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})

    readings = read(content_type, *(body[start:end] for start, end in pairwise(places)))

    assert readings == (usage(input_tokens=1000, output_tokens=50, cached_input_tokens=400),)


def test_the_last_usage_that_is_not_null_counts() -> None:
    """Servers that count as they go repeat the usage; a later null takes nothing back."""
    growing = [a_chunk(usage={"prompt_tokens": 9, "completion_tokens": n}) for n in (1, 2, 3)]

    assert streamed(*growing, a_chunk(usage=None, choices=STOP)) == (usage(input_tokens=9, output_tokens=3),)
    assert streamed(a_chunk(usage=OPENAI), a_chunk(usage=OPENAI)) == streamed(a_chunk(usage=OPENAI))


@pytest.mark.parametrize("unsaid", [None, ""])
def test_usage_that_still_grew_when_the_stream_broke_off_is_unknown(unsaid: object) -> None:
    """As far as it came is not what it cost: nobody told how the answer ended."""
    choices = [{"index": 0, "delta": {"content": "a"}, "finish_reason": unsaid}]
    growing = [
        a_chunk(choices=choices, usage={"prompt_tokens": 9, "completion_tokens": n}) for n in (1, 2, 3)
    ]

    assert problem_of(streamed(*growing)) == "stream ended without usage"


@pytest.mark.parametrize("odd", [{}, [], 1, {"a": []}])
def test_an_odd_ending_is_one(odd: object) -> None:
    """Whatever stands there, nothing is raised."""
    growing = [a_chunk(usage={"prompt_tokens": 9, "completion_tokens": n}) for n in (1, 2)]
    last = a_chunk(choices=[{"index": 0, "finish_reason": odd}])

    assert streamed(*growing, last) == (usage(input_tokens=9, output_tokens=2),)


def test_the_model_comes_from_any_chunk() -> None:
    """A usage chunk without a model is of the model its answer named before."""
    last = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "usage": OPENAI}

    assert streamed(a_chunk(), last) == streamed(a_chunk(), a_chunk(usage=OPENAI))


def test_a_stream_that_ends_without_usage_is_unknown() -> None:
    """A provider that was not asked for usage tells none: the answer is there, its cost is not known."""
    assert problem_of(streamed(a_chunk(), a_chunk(), a_chunk(usage=None))) == "stream ended without usage"


@pytest.mark.parametrize("cut", [80, 200])
def test_an_answer_that_breaks_off_before_its_usage_is_unknown(cut: int) -> None:
    """What was generated before the break costs something."""
    assert (
        problem_of(read(b"application/json", written(an_answer(usage=OPENAI))[:cut]))
        == "cut off before its usage"
    )


def test_usage_that_was_complete_before_the_break_counts() -> None:
    """A body that breaks off behind its usage has told what it cost; so has an event without its end."""
    body = written(an_answer(usage=OPENAI))
    stream = a_stream(a_chunk(usage=OPENAI)).removesuffix(b"\n\ndata: [DONE]\n\n")

    assert read(b"application/json", body[:-1]) == buffered(an_answer(usage=OPENAI))
    assert read(b"text/event-stream", stream) == buffered(an_answer(usage=OPENAI))


def test_several_answers_in_one_stream_are_several_costs() -> None:
    """An agent that relays two completions, interleaved, pays for both; a third without usage is unknown."""
    told = {"prompt_tokens": 9, "completion_tokens": 1}
    one, two, three = ({"id": f"chatcmpl-{n}"} for n in (1, 2, 3))

    readings = streamed(
        a_chunk(**one),
        a_chunk(**two),
        a_chunk(usage=told, **one),
        a_chunk(usage=told, **two),
        a_chunk(**three),
        a_chunk(**three),
    )

    assert [(type(r), r.response_id) for r in readings] == [
        (Usage, "chatcmpl-1"),
        (Usage, "chatcmpl-2"),
        (Unmeasured, "chatcmpl-3"),
    ]


def test_a_server_that_names_each_chunk_anew_gave_one_answer() -> None:
    """Ids that come once and never again are one answer, however many there are."""
    chunks = [a_chunk(id=f"chatcmpl-{n}") for n in range(ANSWERS_MAX * 3)]

    (reading,) = streamed(*chunks, a_chunk(id="last", usage=OPENAI))
    assert isinstance(reading, Usage)
    assert problem_of(streamed(*chunks)) == "stream ended without usage"


def test_more_answers_than_are_told_apart_are_not_lost_silently() -> None:
    """Beyond the bound there is one more line, and it is unknown."""
    chunks = [a_chunk(id=f"chatcmpl-{n}", usage=OPENAI) for n in range(ANSWERS_MAX + 1)]

    readings = streamed(*chunks)

    assert len(readings) == ANSWERS_MAX + 1
    assert problem_of(readings[-1:]) == "too many answers in one stream"


def test_an_event_too_long_to_keep_is_read_all_the_same() -> None:
    """Usage behind tens of kilobytes in one event counts; such an event without usage changes nothing."""
    large = [{"delta": {"audio": "QUJD" * 20_000}}]
    want = buffered(an_answer(usage=OPENAI))

    assert streamed(a_chunk(), a_chunk(choices=large, usage=OPENAI)) == want
    assert streamed(a_chunk(usage=OPENAI), a_chunk(choices=large)) == want


def test_an_event_that_breaks_off_may_have_held_a_newer_usage() -> None:
    """After an event without its end an earlier usage is not the last word; a later one is."""
    broken = written(a_chunk(usage={"prompt_tokens": 1}))[:-12]

    assert problem_of(streamed(a_chunk(usage=OPENAI), broken)) == "stream ended without usage"
    assert streamed(broken, a_chunk(usage=OPENAI)) == buffered(an_answer(usage=OPENAI))


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": []},
        {"answer": 42, "usage": {"seats": 3}},
        {"choices": ["a", "b"], "question": "which?"},
        {"object": "chat.session", "model": "m"},
        {},
        [1, 2],
        "text",
    ],
    ids=repr,
)
def test_json_that_no_model_wrote_has_no_usage(body: object) -> None:
    """An answer of another shape is no model answer: there is no line, not even an unknown one."""
    assert buffered(body) == ()
    assert streamed(body) == ()


def test_embeddings_have_a_prompt_and_no_output() -> None:
    """An answer without choices may leave the completion out; its usage is known."""
    told = {
        "object": "list",
        "data": [],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }

    (reading,) = buffered(told)

    assert isinstance(reading, Usage)
    assert (reading.input_tokens, reading.output_tokens) == (8, 0)


@pytest.mark.parametrize("strange", [None, 7, "", "x" * 300, "a\u0000b", "\ud800"])
def test_strange_names_and_ids_are_left_out(strange: object) -> None:
    """A model or an id that is no short printable text is as good as none; the counts stand."""
    (reading,) = read(
        b"application/json", json.dumps(an_answer(id=strange, model=strange, usage=OPENAI)).encode()
    )

    assert isinstance(reading, Usage)
    assert (reading.model, reading.response_id) == (None, None)


def test_the_service_tier_is_told() -> None:
    """A priority answer costs more than a plain one, so the tier goes with the usage."""
    (reading,) = buffered(an_answer(usage=OPENAI, service_tier="priority"))

    assert isinstance(reading, Usage)
    assert reading.service_tier == "priority"
