"""Messages: the same usage whole and spread over events; what is dear is told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.extract.wire import ANSWERS_MAX
from pricing.usage import TOKENS_MAX, Reading, Unmeasured, Usage
from tests.pricing.extract.reading import buffered, one, problem_of, streamed
from tests.pricing.golden.anthropic import CACHED, ORDINARY, PLAIN, a_message, events_of
from tests.pricing.golden.shape import Json

COUNT = st.integers(0, 10**6)
BROKEN: list[object] = [
    {},
    [],
    "much",
    {"input_tokens": 5},
    {"output_tokens": 5},
    {"input_tokens": -5, "output_tokens": 5},
    {"input_tokens": "5", "output_tokens": 5},
    {"input_tokens": 5.0, "output_tokens": 5},
    {"input_tokens": True, "output_tokens": 5},
    {"input_tokens": 5, "output_tokens": 10**4000},
    {"input_tokens": TOKENS_MAX, "cache_read_input_tokens": TOKENS_MAX, "output_tokens": 5},
    {"input_tokens": 5, "output_tokens": 5, "cache_creation": [6]},
    {"input_tokens": 5, "output_tokens": 5, "server_tool_use": {"web_search_requests": "many"}},
    {"input_tokens": 5, "output_tokens": 5, "iterations": {"type": "message"}},
    {"input_tokens": 5, "output_tokens": 5, "iterations": [None]},
    {"input_tokens": 5, "output_tokens": 5, "iterations": [{"type": "compaction"}]},
]


def usage_of(readings: tuple[Reading, ...]) -> Usage:
    reading = one(readings)
    assert isinstance(reading, Usage), reading
    return reading


@pytest.mark.parametrize("usage", [None, *BROKEN], ids=lambda usage: repr(usage)[:60])
def test_usage_that_cannot_be_believed_is_unknown(usage: object) -> None:
    """Missing, negative, fractional or contradictory counts leave a message whose usage is not known."""
    assert problem_of(buffered(a_message(usage)))
    if isinstance(usage, dict):
        assert problem_of(streamed(*events_of(a_message(None), {}, usage)))
    assert problem_of(streamed(*events_of(a_message(None), PLAIN)))


@given(fresh=COUNT, read=COUNT, for_minutes=COUNT, for_an_hour=COUNT, written=COUNT, early=st.integers(0, 9))
def test_usage_spread_over_events_is_that_of_the_whole(
    fresh: int, read: int, for_minutes: int, for_an_hour: int, written: int, early: int
) -> None:
    """Whatever the counts: the start tells the input, the last delta the output; the sum is the usage."""
    usage: Json = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": for_minutes + for_an_hour,
        "cache_creation": {
            "ephemeral_5m_input_tokens": for_minutes,
            "ephemeral_1h_input_tokens": for_an_hour,
        },
        "output_tokens": written,
    }
    whole = usage_of(buffered(a_message(usage)))

    told = streamed(
        *events_of(a_message(usage), {**usage, "output_tokens": early}, {"output_tokens": written})
    )

    assert told == (whole,)
    assert whole.input_tokens == fresh + read + for_minutes + for_an_hour
    assert (whole.cached_input_tokens, whole.output_tokens) == (read, written)
    assert (whole.cache_write_tokens, whole.cache_write_1h_tokens) == (for_minutes + for_an_hour, for_an_hour)


def test_a_delta_corrects_what_the_start_told() -> None:
    """Server tools feed results back: all counts may grow until the end; nulls change nothing."""
    later: Json = {
        "input_tokens": 900,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": None,
        "output_tokens": 77,
        "server_tool_use": {"web_search_requests": 2},
    }

    usage = usage_of(streamed(*events_of(a_message(None), {**CACHED, "output_tokens": 1}, later)))

    assert (usage.input_tokens, usage.cached_input_tokens) == (900 + 100 + 3200, 100)
    assert (usage.cache_write_1h_tokens, usage.web_searches, usage.output_tokens) == (2000, 2, 77)


def test_explicit_zero_is_zero() -> None:
    """Nothing used is a measurement, whole and streamed."""
    zero: Json = {"input_tokens": 0, "output_tokens": 0}

    assert usage_of(buffered(a_message(zero))).input_tokens == 0
    assert usage_of(streamed(*events_of(a_message(zero), zero, {"output_tokens": 0}))).output_tokens == 0


def test_the_count_at_the_start_is_not_the_output() -> None:
    """A stream that breaks off before a delta has told the first tokens only."""
    started = events_of(a_message(None), PLAIN)

    assert problem_of(streamed(*started[:4])) == "stream ended without usage"


def test_a_delta_that_breaks_off_takes_the_last_word_back() -> None:
    """It may have held a newer count; a delta without usage takes nothing back."""
    events = events_of(a_message(None), PLAIN, {"output_tokens": 9})

    assert problem_of(streamed(*events, '{"type": "message_delta", "usage": {"outp')) is not None
    assert usage_of(streamed(*events, {"type": "message_delta", "delta": {}})).output_tokens == 9


def test_a_delta_alone_is_an_answer_without_its_input() -> None:
    """What the missing start told is not known."""
    delta = {"type": "message_delta", "usage": {"output_tokens": 9}}

    assert problem_of(streamed(delta)) == "no input_tokens"


def test_messages_one_after_the_other_are_several_costs() -> None:
    """An agent that relays two pays for both; one that broke off between them is unknown."""
    first, second, third = (
        events_of(a_message(None, id=f"msg_{n}", model=f"claude-{n}"), PLAIN, {"output_tokens": 9})
        for n in "123"
    )

    readings = streamed(*first, *second[:3], *third)

    assert [(type(r), r.response_id, r.model) for r in readings] == [
        (Usage, "msg_1", "claude-1"),
        (Unmeasured, "msg_2", "claude-2"),
        (Usage, "msg_3", "claude-3"),
    ]


def test_more_messages_than_are_told_apart_are_not_lost_silently() -> None:
    """Beyond the bound there is one more line, and it is unknown."""
    events = events_of(a_message(None), PLAIN, {"output_tokens": 9})

    readings = streamed(*events * (ANSWERS_MAX + 2))

    assert len(readings) == ANSWERS_MAX + 1
    assert problem_of(readings[-1:]) == "too many answers in one stream"


def test_a_whole_message_in_one_event_is_read() -> None:
    """Some relay a buffered answer as an event."""
    assert streamed(a_message(CACHED)) == buffered(a_message(CACHED))


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ({"speed": "fast", "service_tier": "priority"}, "fast+priority"),
        ({"inference_geo": "EU"}, "eu"),
        ({"speed": ["x"]}, "unreadable"),
        ({"speed": None, "service_tier": "Standard", "inference_geo": "global"}, ""),
    ],
)
def test_what_has_another_price_is_told(told: Json, tier: str) -> None:
    """How fast, by what tier and where: each that is not ordinary names the tier."""
    assert usage_of(buffered(a_message({**PLAIN, **told}))).service_tier == tier


def test_compactions_add_up() -> None:
    """What each used is added to the totals, cache writes with the life they had."""
    compaction = {"type": "compaction", **CACHED}

    usage = usage_of(
        buffered(a_message({**PLAIN, "iterations": [compaction, {"type": "message"}, compaction]}))
    )

    assert usage.input_tokens == 2095 + 2 * 21_621
    assert (usage.cache_write_tokens, usage.cache_write_1h_tokens) == (6400, 4000)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "message", "text": "hi"},
        {"type": "message", "role": "assistant", "content": []},
        {"type": "message", "usage": {"input_tokens": 5}},
        {"type": "message", "usage": {"seats": 3}, "role": "user", "model": "m"},
        {"type": "message_start"},
        {"type": "message_start", "message": "hi"},
        {"type": "message_delta", "usage": {"seats": 3}},
        {"type": "message_delta", "delta": {}},
        {"type": "ping"},
        {"usage": ORDINARY},
    ],
    ids=repr,
)
def test_json_that_no_model_wrote_has_no_usage(body: Json) -> None:
    """Many things call themselves a message; without a model's name or its counts they are none of these."""
    assert buffered(body) == ()
    assert streamed(body) == ()
