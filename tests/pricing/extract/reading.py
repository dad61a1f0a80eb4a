"""Reading answers in tests: whole and streamed, by the meters that the headers choose."""

from collections.abc import Mapping

from pricing.extract import meter_for
from pricing.usage import Reading, Unmeasured
from tests.pricing.extract.shapes import written
from tests.pricing.golden.shape import Event, as_event


def read(content_type: bytes, *pieces: bytes) -> tuple[Reading, ...]:
    meter = meter_for(content_type, b"")
    for piece in pieces:
        meter.feed(piece)
    return meter.finish().usages


def buffered(answer: object) -> tuple[Reading, ...]:
    return read(b"application/json", written(answer))


def streamed(*events: Event) -> tuple[Reading, ...]:
    """Stream *events*; text is the data of one, as it is."""
    lines = (as_event(event if isinstance(event, Mapping) else f"data: {event}") for event in events)
    return read(b"text/event-stream", b"".join(lines))


def one(readings: tuple[Reading, ...]) -> Reading:
    (reading,) = readings
    return reading


def problem_of(readings: tuple[Reading, ...]) -> str:
    reading = one(readings)
    assert isinstance(reading, Unmeasured)
    return reading.problem
