"""Gemini: counts that leave zeros out, streams as events and as arrays, unknown until the answer ended."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.extract.wire import ANSWERS_MAX
from pricing.usage import Reading, Unmeasured, Usage
from tests.pricing.extract.reading import buffered, one, problem_of, read, streamed
from tests.pricing.golden.anthropic import a_message
from tests.pricing.golden.gemini import PLAIN, a_content, chunks_of, modal
from tests.pricing.golden.shape import Json

COUNT = st.integers(0, 10**6)
BROKEN: list[object] = [
    {},
    [],
    {"promptTokenCount": 5},
    {"totalTokenCount": 5},
    {"promptTokenCount": -5, "candidatesTokenCount": 5},
    {"promptTokenCount": "5", "candidatesTokenCount": 5},
    {"promptTokenCount": 5.0, "candidatesTokenCount": 5},
    {"promptTokenCount": 5, "candidatesTokenCount": None},
    {"promptTokenCount": 5, "candidatesTokenCount": 5, "thoughtsTokenCount": "5"},
    {"promptTokenCount": 5, "candidatesTokenCount": 5, "toolUsePromptTokenCount": -5},
    {"promptTokenCount": 5, "candidatesTokenCount": 5, "cachedContentTokenCount": 6},
    {"promptTokenCount": 5, "candidatesTokenCount": 5, "promptTokensDetails": modal(audio=6)},
    {"promptTokenCount": 5, "candidatesTokenCount": 5, "candidatesTokensDetails": modal(image=6)},
    {
        "promptTokenCount": 5,
        "candidatesTokenCount": 5,
        "promptTokensDetails": [{"modality": "AUDIO"}] * 3,
        "thoughtsTokenCount": [],
    },
]


def array(*chunks: Json) -> tuple[Reading, ...]:
    return read(b"application/json", json.dumps(chunks).encode())


def usage_of(readings: tuple[Reading, ...]) -> Usage:
    reading = one(readings)
    assert isinstance(reading, Usage), reading
    return reading


@pytest.mark.parametrize("usage", [None, *BROKEN], ids=repr)
def test_usage_that_cannot_be_believed_is_unknown(usage: object) -> None:
    """Missing, negative, fractional or contradictory counts leave an answer whose usage is not known."""
    body = a_content(usage)

    assert problem_of(buffered(body))
    assert problem_of(streamed(body))
    assert problem_of(array(body))


@given(prompt=COUNT, fed_back=COUNT, spoken=COUNT, thought=COUNT)
def test_zeros_that_are_left_out_are_zeros(prompt: int, fed_back: int, spoken: int, thought: int) -> None:
    """With a total, counts that are zero may be told or left out: the usage is the same."""
    counts = {
        "promptTokenCount": prompt,
        "toolUsePromptTokenCount": fed_back,
        "candidatesTokenCount": spoken,
        "thoughtsTokenCount": thought,
        "totalTokenCount": prompt + fed_back + spoken + thought,
    }
    kept = {name: count for name, count in counts.items() if count or "promptT" in name or "total" in name}

    told = usage_of(buffered(a_content(counts)))

    assert (told.input_tokens, told.output_tokens) == (prompt + fed_back, spoken + thought)
    assert buffered(a_content(kept)) == (told,)
    assert streamed(*chunks_of(a_content(kept), {"promptTokenCount": prompt})) == (told,)
    assert array(*chunks_of(a_content(kept), {"promptTokenCount": prompt})) == (told,)


def test_what_only_the_total_counts_is_output() -> None:
    """Thoughts that are not told are nowhere else."""
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 100}

    assert usage_of(buffered(a_content(usage))).output_tokens == 90


def test_a_stream_that_breaks_off_is_unknown() -> None:
    """Each chunk tells the usage so far; without the one that says why the answer ended it is not all."""
    *so_far, _ = chunks_of(a_content(PLAIN), PLAIN, PLAIN)

    assert problem_of(streamed(*so_far)) == "stream ended without usage"
    assert problem_of(array(*so_far)) == "stream ended without usage"


def test_usage_behind_the_end_of_the_answer_counts() -> None:
    """Some tell it in a chunk of its own."""
    ended = {**a_content(PLAIN), "usageMetadata": {"trafficType": "ON_DEMAND"}}
    after = {"usageMetadata": PLAIN, "modelVersion": "gemini-2.5-flash"}

    assert usage_of(streamed(ended, after)).output_tokens == 40


def test_a_chunk_that_breaks_off_takes_the_last_word_back() -> None:
    """It may have held a newer usage."""
    members = sorted(a_content(PLAIN).items(), key=lambda member: member[0] == "usageMetadata")
    broken = json.dumps(dict(members))[:-40]

    assert problem_of(streamed(a_content(PLAIN), broken)) == "stream ended without usage"


def test_several_answers_are_told_apart_by_id() -> None:
    """Two answers in one stream are two costs; without an id a chunk continues the answer before it."""
    first, second = (a_content(PLAIN, responseId=name) for name in "ab")
    nameless = {name: value for name, value in a_content(PLAIN).items() if name != "responseId"}

    assert [r.response_id for r in streamed(first, second, first)] == ["a", "b"]
    assert len(streamed(nameless, nameless)) == 1
    assert len(streamed(*(a_content(PLAIN, responseId=str(n)) for n in range(99)))) == ANSWERS_MAX + 1


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ({"serviceTier": "PRIORITY"}, "priority"),
        ({"serviceTier": "SERVICE_TIER_UNSPECIFIED"}, ""),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}, ""),
        ({"trafficType": 7}, ""),
    ],
)
def test_the_tier_is_named_as_in_the_price_list(told: Json, tier: str) -> None:
    """The two platforms have words of their own for the same."""
    assert usage_of(buffered(a_content({**PLAIN, **told}))).service_tier == tier


def test_details_of_another_form_are_read_past() -> None:
    """They only say of what kind the tokens were."""
    details = [{"modality": "TASTE", "tokenCount": 5}, "x", {"modality": ["AUDIO"]}, {"tokenCount": 7}]

    usage = usage_of(buffered(a_content({**PLAIN, "promptTokensDetails": details})))

    assert (usage.input_tokens, usage.audio_input_tokens) == (264, 0)


@pytest.mark.parametrize(
    "body",
    [
        {"candidates": ["Ann", "Bob"], "election": 2026},
        {"candidates": [{"content": "x", "finishReason": "STOP"}]},
        {"modelVersion": "7", "usageMetadata": {"seats": 3}},
        {"totalTokens": 31},
        {"promptFeedback": {"blockReason": "SAFETY"}},
    ],
    ids=repr,
)
def test_json_that_no_model_wrote_has_no_usage(body: Json) -> None:
    """Sharing a word with this format is not being of it."""
    assert buffered(body) == ()
    assert streamed(body) == ()
    assert array(body) == ()


def test_an_array_of_other_formats_is_read_too() -> None:
    """An agent may relay whole answers of any kind in one array."""
    other = a_message({"input_tokens": 1, "output_tokens": 1})

    assert [type(reading) for reading in array(a_content(PLAIN), other)] == [Usage, Usage]
    assert Unmeasured not in {type(reading) for reading in array(other)}
