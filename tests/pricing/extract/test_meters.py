"""Meters: chosen by the answer's headers, never raising, and open to one more format."""

import gzip
import json
import tracemalloc
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import nano
from pricing.cost import Kind
from pricing.declared import ITEMS_MAX
from pricing.extract import WANTED, Metered, meter_for
from pricing.extract.inflate import InflateMeter
from pricing.extract.members import Found
from pricing.extract.meters import DECLARED_BYTES_MAX, EncodedMeter, JsonMeter, NullMeter, SseMeter
from pricing.extract.wire import Format, Room
from pricing.usage import Reading, Unmeasured, Usage

COST = b': sidecar-cost 0.001;kind=tool;name="search"\n'
LONG_COST = b": sidecar-cost " + b" " * 70_000 + b"\n"
CHAT = b'{"object": "chat.completion", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}'


def metered(content_type: bytes, *pieces: bytes, encoding: bytes = b"") -> Metered:
    meter = meter_for(content_type, encoding)
    for piece in pieces:
        meter.feed(piece)
    return meter.finish()


@pytest.mark.parametrize(
    ("content_type", "encoding", "kind"),
    [
        (b"application/json", b"", JsonMeter),
        (b"Application/JSON; charset=utf-8", b"identity", JsonMeter),
        (b"application/vnd.agent+json", b" Identity ", JsonMeter),
        (b"text/event-stream;charset=utf-8", b"", SseMeter),
        (b"application/json", b"gzip", InflateMeter),
        (b"application/json", b" X-GZip ", InflateMeter),
        (b"text/event-stream", b"identity, deflate", InflateMeter),
        (b"application/json", b"zstd", EncodedMeter),
        (b"text/event-stream", b"br", EncodedMeter),
        (b"application/json", b"gzip, gzip", EncodedMeter),
        (b"application/json", b"gzip, br", EncodedMeter),
        (b"text/html", b"gzip", NullMeter),
        (b"application/x-ndjson", b"", NullMeter),
        (b"", b"", NullMeter),
    ],
)
def test_the_headers_choose_the_meter(content_type: bytes, encoding: bytes, kind: type) -> None:
    """JSON and event streams are read, also unpacked; in other codings they are unknown; all else passes."""
    assert type(meter_for(content_type, encoding)) is kind


def test_what_no_model_wrote_has_no_line_and_no_problem() -> None:
    """A page, or JSON of another shape, costs nothing by itself."""
    assert metered(b"text/html", b"<html>") == Metered()
    assert metered(b"application/json", b'{"answer": 42}') == Metered()
    assert metered(b"application/json", b"not json") == Metered()


def test_an_answer_in_a_coding_that_we_do_not_unpack_is_unknown() -> None:
    """What cannot be read may have cost something: one unmeasured answer, problem `encoded`."""
    result = metered(b"application/json", b"\x1b...", encoding=b"br")

    assert result.problem == "encoded"
    assert [type(reading) for reading in result.usages] == [Unmeasured]


def test_json_that_breaks_off_before_it_can_be_told_is_a_problem() -> None:
    """It may have been anything; there is no line, and the observer hears of it."""
    assert metered(b"application/json", b'{"data": [1, 2') == Metered(problem="cut off")


def test_an_array_of_objects_is_a_stream() -> None:
    """Each element is read as an event is, and an array that breaks off is told; other arrays are nothing."""
    element = CHAT.replace(b"{", b'{"id": "c1", ', 1)

    whole = metered(b"application/json", b"[" + element + b",\r\n" + element + b"]")
    broken = metered(b"application/json", b"[" + element + b",")

    assert [type(reading) for reading in whole.usages] == [Usage]
    assert (whole.problem, broken.usages, broken.problem) == (None, whole.usages, "cut off")
    assert metered(b"application/json", b'[1, 2, "x"]') == Metered()
    assert metered(b"application/json", b'[{"a": 1}]') == Metered()


def test_costs_declared_in_comments_are_lines() -> None:
    """Each `sidecar-cost` comment adds its costs, wherever in the stream it stands; other comments do not."""
    result = metered(b"text/event-stream", b": keep-alive\n\n", COST, b"data: " + CHAT + b"\n\n", COST)

    assert [(line.kind, line.name, line.amount) for line in result.declared] == [
        (Kind.TOOL, "search", nano(1_000_000))
    ] * 2
    assert (len(result.usages), result.problem) == (1, None)


def test_a_malformed_declaration_is_an_unknown_cost() -> None:
    """What an agent declares and we cannot read costs something."""
    result = metered(b"text/event-stream", b": sidecar-cost free of charge\n")

    assert [line.amount for line in result.declared] == [None]
    assert result.problem is not None


def test_declarations_are_bounded() -> None:
    """Beyond the bound there is one unknown line, however many comments come."""
    result = metered(b"text/event-stream", COST * (ITEMS_MAX * 3))

    assert len(result.declared) == ITEMS_MAX + 1
    assert result.declared[-1].amount is None
    assert [line.amount for line in metered(b"text/event-stream", LONG_COST * 9).declared] == [None]


def test_long_declarations_are_bounded() -> None:
    """Names of any length the syntax allows, but only so many bytes of them; then one unknown line."""
    long = COST.replace(b"search", b"s" * 200)

    result = metered(b"text/event-stream", long * ITEMS_MAX, long * ITEMS_MAX)
    few = metered(b"text/event-stream", long.replace(b"\n", b';x="' + b"y" * 7000 + b'"\n') * 9)

    assert len(result.declared) == ITEMS_MAX + 1
    assert [line.amount is None for line in few.declared] == [False] * (DECLARED_BYTES_MAX // 7250) + [True]


@given(
    st.sampled_from([b"application/json", b"text/event-stream"]),
    st.lists(
        st.binary(max_size=20) | st.sampled_from([CHAT, b"data: ", b"\n\n", b"\r", COST, b": sidecar-cost "]),
        max_size=10,
    ),
)
def test_no_body_makes_a_meter_raise(content_type: bytes, pieces: list[bytes]) -> None:
    """Any bytes are metered, and in one piece as in many."""
    assert metered(content_type, *pieces) == metered(content_type, b"".join(pieces))


class CountingReader:
    """The stream reader of `COUNTED`: adds up over events, as some providers report."""

    def __init__(self, room: Room) -> None:
        self.output = 0

    def event(self, found: Found) -> None:
        count = found.values.get("message/usage/out")
        self.output += count if isinstance(count, int) else 0

    def finish(self) -> tuple[Reading, ...]:
        return (a_count(self.output),) if self.output else ()


def a_count(output: int) -> Usage:
    return Usage(provider="other", model="o-1", response_id=None, input_tokens=0, output_tokens=output)


def read_count(found: Found) -> Reading | None:
    count = found.values.get("message/usage/out")
    return a_count(count) if isinstance(count, int) else None


COUNTED: Final = Format("counted", {"message/usage/out": 100}, read_count, CountingReader)


def test_another_format_needs_nothing_but_itself() -> None:
    """A format with members deeper inside, and usage spread over events, works without a change elsewhere."""
    body = json.dumps({"type": "x", "message": {"text": "y", "usage": {"in": 1, "out": 7}}}).encode()
    buffered = JsonMeter([COUNTED], COUNTED.wanted)
    streamed = SseMeter([COUNTED], COUNTED.wanted)

    buffered.feed(body)
    streamed.feed(b"data: " + body + b"\n\n" + b"data: " + body + b"\n\n")

    assert buffered.finish().usages == (a_count(7),)
    assert streamed.finish().usages == (a_count(14),)


NAME = "n" * 195
TOLD = {
    "prompt_tokens": 10**6,
    "completion_tokens": 10**6,
    "total_tokens": 10**7,
    "prompt_tokens_details": {"cached_tokens": 10**5, "audio_tokens": 10**5, "cache_write_tokens": 10**4},
    "completion_tokens_details": {"audio_tokens": 10**4, "image_tokens": 10**3},
    "cost": "0.123456789",
}
WORST_COST = f': sidecar-cost 0.1;kind=tool;name="{NAME}";id="{NAME}";step="{NAME}"\n'.encode()


def worst_answers() -> list[bytes]:
    """Answers of each format, more than are kept, each with long names of its own and with much to keep."""
    answers = []
    for number in range(40):
        names = {"id": f"{number:03}{NAME}", "model": f"{NAME}{number:03}"}
        answers += [
            {"object": "chat.completion", **names, "service_tier": NAME, "usage": TOLD},
            {"type": "response.created", "response": names},
            {"object": "list", "data": [], **names},
            {"type": "message_start", "message": names},
            {"candidates": [{"finishReason": NAME}], "responseId": names["id"], "modelVersion": NAME},
        ]
    return [json.dumps(answer).encode() for answer in answers]


def worst_object() -> bytes:
    """One object, not ended, in which all that any format wants is as long as it may be."""
    kept = b"k" * 8000
    members = {name: "k" * (size - 2) for name, size in WANTED.items() if "/" not in name and size}
    inner = b'"message": {"usage": "%b"}, "response": {"usage": "%b"}, ' % (kept, kept)
    return b"{" + inner + json.dumps(members).encode()[1:-1] + b', "x": "' + b"k" * 40_000


WORST = {
    "events": (
        b"text/event-stream",
        b"".join(b"data: %b\n\n" % a for a in worst_answers())
        + WORST_COST * 150
        + b"data: "
        + worst_object(),
    ),
    "a comment": (
        b"text/event-stream",
        b"".join(b"data: %b\n\n" % a for a in worst_answers()) + WORST_COST * 150 + b":" + b"c" * 99_000,
    ),
    "an array": (b"application/json", b"[" + b",".join([*worst_answers(), worst_object()])),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("content_type", "body"), WORST.values(), ids=WORST)
def test_a_meter_keeps_little_whatever_passes(content_type: bytes, body: bytes, packed: bool) -> None:
    """The worst that can be kept at once stays within 256 KiB, objects and buffers and all."""
    coding = b"gzip" if packed else b""
    sent = gzip.compress(body, compresslevel=0) if packed else body
    pieces = [sent[at : at + 1000] for at in range(0, len(sent), 1000)]
    metered(content_type, *pieces, encoding=coding)  # what is made once for all meters is made now

    tracemalloc.start()
    try:
        meter = meter_for(content_type, coding)
        sizes = []
        for piece in pieces:
            meter.feed(piece)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()

    assert 20_000 < max(sizes) <= 256 * 1024
    assert meter.finish().usages
