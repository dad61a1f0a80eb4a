"""The event parser: the standard's lines and fields, the same at every splitting, in bounded memory."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.extract.sse import EVENT_BYTES_MAX, LINE_BYTES_MAX, Comment, Event, Item, Part, SseParser


def parse(*pieces: bytes) -> list[Item]:
    parser = SseParser()
    return [item for piece in pieces for item in parser.feed(piece)] + parser.finish()


@pytest.mark.parametrize(
    ("stream", "items"),
    [
        (b"data: a\n\n", [Event(b"a")]),
        (b"data:a\n\ndata:b\n\n", [Event(b"a"), Event(b"b")]),
        (b"data: a\ndata: b\n\n", [Event(b"a\nb")]),
        (b"data:  a\n\n", [Event(b" a")]),
        (b"data\n\n", [Event(b"")]),
        (b"data\ndata\n\n", [Event(b"\n")]),
        (b"event: x\nid: 1\nretry: 5\n\n", []),
        (b"event: x\ndata: a:b\n\n", [Event(b"a:b")]),
        (b": hello\n\n", [Comment(b"hello")]),
        (b":\n", [Comment(b"")]),
        (b"data: a\n: c\ndata: b\n\n", [Comment(b"c"), Event(b"a\nb")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event(b"a")]),
        (b"\n\xef\xbb\xbfdata: a\n\n", []),
        ("data: ü€\n\n".encode(), [Event("ü€".encode())]),
        (b"database: a\n\n", []),
        (b"\n\n\n", []),
        (b"data: [DONE]", [Event(b"[DONE]")]),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_fields_lines_and_comments(stream: bytes, items: list[Item], line_end: bytes) -> None:
    """Each shape of the standard means the same with each kind of line end, also one byte at a time."""
    stream = stream.replace(b"\n", line_end)

    assert parse(stream) == items
    assert parse(*(bytes([byte]) for byte in stream)) == items


@given(
    st.lists(
        st.sampled_from([b"data: ", b"a", b"\r", b"\n", b"\r\n", b":", b" ", "é".encode()]), max_size=30
    ),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_splitting_changes_nothing(parts: list[bytes], cuts: list[int]) -> None:
    """Cut anywhere, also inside a CRLF or a character, a stream gives the same events."""
    stream = b"".join(parts)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]

    assert parse(*(stream[start:end] for start, end in pairwise(places))) == parse(stream)


LONG_EVENTS = {
    "one line": b"data: " + b"x" * (EVENT_BYTES_MAX * 2 + 5) + b"\n\n",
    "many lines": b"data: xxxxxxx\n" * 15_000 + b"\n",
    "a mark before": b"\xef\xbb\xbfdata:" + b"x" * (EVENT_BYTES_MAX + 1) + b"\r\n\r\n",
    "a short line before": b"data: a\ndata: " + b"x" * EVENT_BYTES_MAX + b"\n\n",
    "no end": b"data: " + b"x" * (EVENT_BYTES_MAX + 1),
}


@pytest.mark.parametrize("stream", LONG_EVENTS.values(), ids=LONG_EVENTS)
def test_a_long_event_comes_in_parts(stream: bytes) -> None:
    """Nothing of it is lost, no part is longer than what is kept, and the next event is one again."""
    *parts, end, following = parse(stream, b"\n\n", b"data: a\n\n")

    data = [item.data for item in (*parts, end) if isinstance(item, Part | Event)]
    lines = stream.removeprefix(b"\xef\xbb\xbf").split()
    assert all(isinstance(part, Part) for part in parts)
    assert parts
    assert isinstance(end, Event)
    assert max(map(len, data)) <= EVENT_BYTES_MAX
    assert b"".join(data) == b"\n".join(line.removeprefix(b"data:") for line in lines if line != b"data:")
    assert following == Event(b"a")


@pytest.mark.parametrize("size", [1000, 4093, 16_384, 65_536])
@pytest.mark.parametrize("stream", LONG_EVENTS.values(), ids=LONG_EVENTS)
def test_a_long_event_has_the_same_parts_at_every_splitting(stream: bytes, size: int) -> None:
    """Where a chunk ends does not show in what comes out."""
    pieces = (stream[start : start + size] for start in range(0, len(stream), size))

    assert parse(*pieces) == parse(stream)


def test_an_event_of_just_what_is_kept_is_one() -> None:
    """The bound itself is inside."""
    assert parse(b"data: " + b"x" * EVENT_BYTES_MAX + b"\n\n") == [Event(b"x" * EVENT_BYTES_MAX)]


def test_a_comment_too_long_is_cut_and_says_so() -> None:
    """A comment has no parts: beyond the bound it only says that there was more; what follows is whole."""
    comment, event = parse(b": " + b"x" * LINE_BYTES_MAX, b"y" * 9, b"\ndata: a\n\n")

    assert isinstance(comment, Comment)
    assert comment.cut
    assert len(comment.text) <= LINE_BYTES_MAX
    assert event == Event(b"a")


def test_an_endless_stream_leaves_nothing_behind() -> None:
    """State does not grow: not with events, not with a line that never ends."""
    parser = SseParser()
    for _ in range(1000):
        parser.feed(b"data: hello\n\n: comment\n")
    for _ in range(100):
        parser.feed(b"y" * 65_536)

    kept = [value for value in vars(parser).values() if isinstance(value, bytearray)]

    assert sum(map(len, kept)) <= EVENT_BYTES_MAX + LINE_BYTES_MAX


def test_an_endless_event_leaves_nothing_behind() -> None:
    """Nor does state grow with an event that never ends."""
    parser = SseParser()
    parser.feed(b"data: ")
    for _ in range(100):
        parser.feed(b"y" * 65_536)

    assert (
        sum(len(value) for value in vars(parser).values() if isinstance(value, bytearray)) <= EVENT_BYTES_MAX
    )
