"""The event parser: the standard's lines and fields, the same at every splitting, in bounded memory."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.extract.sse import EVENT_BYTES_MAX, Comment, Event, SseParser

Item = Event | Comment


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
    want = [Event(i.data, i.cut) if isinstance(i, Event) else i for i in items]

    assert parse(stream) == want
    assert parse(*(bytes([byte]) for byte in stream)) == want


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


def test_an_event_too_long_is_cut_and_says_so() -> None:
    """At most 48 KiB of an event are kept, of one long line as of many short ones; the next is whole."""
    one_line = b"data: " + b"x" * (EVENT_BYTES_MAX * 2) + b"\n\n"
    many_lines = b"data: xxxxxxx\n" * EVENT_BYTES_MAX + b"\n"

    events = parse(one_line, many_lines, b"data: a\n\n")

    assert [(len(e.data) <= EVENT_BYTES_MAX, e.cut) for e in events if isinstance(e, Event)] == [
        (True, True),
        (True, True),
        (True, False),
    ]


def test_an_endless_stream_leaves_nothing_behind() -> None:
    """State does not grow: not with events, not with a line that never ends."""
    parser = SseParser()
    for _ in range(1000):
        parser.feed(b"data: hello\n\n: comment\n")
    for _ in range(100):
        parser.feed(b"y" * 65_536)

    kept = [value for value in vars(parser).values() if isinstance(value, bytearray)]

    assert sum(map(len, kept)) <= 2 * EVENT_BYTES_MAX
