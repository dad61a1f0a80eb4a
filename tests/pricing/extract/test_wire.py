"""Every registered wire format keeps the promises of a format; a new one is held to them by being listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.extract import FORMATS, WANTED
from pricing.extract.members import UNREAD, Found
from pricing.extract.wire import ANSWERS_MAX, Format, Room
from pricing.usage import Unmeasured, Usage

MEMBERS = st.sampled_from(
    [
        *("prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "cached_tokens"),
        *("input_tokens", "output_tokens", "input_tokens_details", "cost", "cost_details", "is_byok"),
        *("cache_creation", "cache_creation_input_tokens", "ephemeral_5m_input_tokens", "server_tool_use"),
        *("iterations", "type", "speed", "promptTokenCount", "candidatesTokenCount", "totalTokenCount"),
        *("thoughtsTokenCount", "promptTokensDetails", "modality", "tokenCount", "x"),
    ]
)
WORDS = st.sampled_from(
    [
        *("list", "response", "response.completed", "chat.completion", "message", "message_start"),
        *("message_delta", "compaction", "AUDIO"),
    ]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORDS | st.just(UNREAD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=5,
)
FOUND = st.builds(
    Found,
    values=st.dictionaries(st.sampled_from(sorted(WANTED)), JUNK),
    whole=st.booleans(),
    begun=st.just(True),
)


@pytest.mark.parametrize("wire_format", FORMATS, ids=lambda f: f.name)
@given(found=FOUND)
def test_no_answer_makes_a_format_raise(wire_format: Format, found: Found) -> None:
    """Whatever the members hold, the answer is usage, unmeasured, or of another format."""
    assert isinstance(wire_format.answer(found), Usage | Unmeasured | None)


@pytest.mark.parametrize("wire_format", FORMATS, ids=lambda f: f.name)
@given(events=st.lists(FOUND, max_size=4))
def test_no_stream_makes_a_format_raise(wire_format: Format, events: list[Found]) -> None:
    """Whatever the events hold, a stream ends in readings; a stream without events has none."""
    reader = wire_format.stream(Room())
    assert wire_format.stream(Room()).finish() == ()
    for event in events:
        reader.event(event)

    assert all(isinstance(reading, Usage | Unmeasured) for reading in reader.finish())


def test_what_all_formats_want_together_is_bounded() -> None:
    """The members kept of one answer stay far within the state of a meter, however many formats there are."""
    assert sum(WANTED.values()) <= 64 * 1024
    assert len({wire_format.name for wire_format in FORMATS}) == len(FORMATS)


def test_room_is_given_out_and_taken_back() -> None:
    """So many answers and no more, unless one is forgotten."""
    room = Room()

    assert [room.take() for _ in range(ANSWERS_MAX + 1)] == [True] * ANSWERS_MAX + [False]
    room.give_back()
    assert (room.take(), room.take()) == (True, False)
