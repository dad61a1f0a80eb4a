"""Log lines say what an event says and nothing else, and nobody waits for them."""

import asyncio
import io
import json
import logging
import threading
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.values import value
from sidecar.adapters.logs import JsonLines, LibraryLogs, LogObserver, plain
from sidecar.domain.events import CallClosed, Event, Lifecycle, PaymentSettled


class NoonClock:
    """A clock that stands."""

    def now_us(self) -> int:
        """Noon, and five microseconds."""
        return 1_795_348_800_000_005

    def monotonic_us(self) -> int:
        """Not used here."""
        return 0


def lines_of(*events: Event) -> list[dict[str, Any]]:
    """What a log holds after *events*."""
    stream = io.StringIO()
    lines = JsonLines(stream, NoonClock())
    observer = LogObserver(lines)
    for event in events:
        observer.saw(event)
    lines.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_with_its_name_and_its_fields() -> None:
    """The class is the name, the fields are the members."""
    assert lines_of(PaymentSettled("call_1", "eip155:8453", "settled", "facilitator", settle_us=7)) == [
        {
            "at": "2026-11-22T12:00:00.000005Z",
            "event": "PaymentSettled",
            "call": "call_1",
            "network": "eip155:8453",
            "result": "settled",
            "source": "facilitator",
            "reason": "",
            "transaction": "",
            "settle_us": 7,
        }
    ]


def test_pairs_are_kept_as_lists() -> None:
    """Costs by kind are readable in the log."""
    closed = CallClosed("call_1", "POST /a", "served", 50, 0, (("model", 3), ("tool", 4)), 0)
    assert lines_of(closed)[0]["cost_nano"] == [["model", 3], ["tool", 4]]


@value
class Careless(Event):
    """An event as it must not be: with a secret in a field, and one in an attribute."""

    signature: bytes
    more: object
    note: ClassVar[str] = "attribute-secret"


@given(st.text(alphabet="abcdefghij", min_size=12, max_size=40))
def test_what_is_not_a_plain_field_is_not_told(canary: str) -> None:
    """Bytes, objects, mappings and attributes beside the fields never reach the log."""

    class Holder:
        def __repr__(self) -> str:
            return canary

    for more in (Holder(), {"key": canary}, [canary], {canary}, ValueError(canary), (canary.encode(),)):
        (line,) = lines_of(Careless(canary.encode(), more))
        assert canary not in json.dumps(line)
        assert "attribute-secret" not in json.dumps(line)


@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(), st.floats(), st.binary(), st.tuples(st.text())
    )
)
def test_every_value_becomes_json(value: object) -> None:
    """Whatever is in a field, the line can be written."""
    json.dumps(plain(value))


def test_a_line_is_one_line_and_bounded() -> None:
    """Line breaks are escaped, long texts are cut."""
    (line,) = lines_of(Lifecycle("started", "a\nb\u2028" + "c" * 5_000))
    assert line["detail"] == "a\nb\u2028" + "c" * 996


def test_a_stuck_reader_stops_nobody() -> None:
    """A full queue drops lines and says how many once the reader is back."""
    may_write = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            may_write.wait(10)
            return super().write(text)

    stream = Stuck()
    lines = JsonLines(stream, NoonClock(), queue_max=5)
    observer = LogObserver(lines)
    for number in range(50):
        observer.saw(Lifecycle("started", str(number)))
    may_write.set()
    lines.close()
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {line["at"] for line in written} == {"2026-11-22T12:00:00.000005Z"}
    dropped = sum(line["count"] for line in written if line["event"] == "LinesDropped")
    assert dropped > 0
    assert dropped + sum(line["event"] == "Lifecycle" for line in written) == 50


def test_a_reader_that_is_gone_breaks_nothing() -> None:
    """A closed stream loses lines, not calls."""
    stream = io.StringIO()
    stream.close()
    lines = JsonLines(stream, NoonClock())
    LogObserver(lines).saw(Lifecycle("started"))
    lines.close()


def test_a_library_message_tells_its_template_and_the_place_of_an_error() -> None:
    """Arguments and exception texts may hold anything, so they stay out; so does the traceback."""
    stream = io.StringIO()
    lines = JsonLines(stream, NoonClock())
    logger = logging.Logger("uvicorn.error")
    logger.addHandler(LibraryLogs(lines))
    try:
        int("canary")
    except ValueError:
        logger.exception("Exception for %s", "canary")
    logger.info("not a warning")
    lines.close()
    (line,) = (json.loads(text) for text in stream.getvalue().splitlines())
    where = line.pop("where")
    assert line == {
        "at": "2026-11-22T12:00:00.000005Z",
        "event": "LibraryMessage",
        "logger": "uvicorn.error",
        "level": "ERROR",
        "message": "Exception for %s",
        "error": "ValueError",
    }
    assert where.startswith("test_logs.py:")


async def test_of_what_a_loop_complains_the_values_are_not_told() -> None:
    """It logs whole futures and callbacks, with their exceptions and arguments."""
    stream = io.StringIO()
    lines = JsonLines(stream, NoonClock())
    logger, handler = logging.getLogger("asyncio"), LibraryLogs(lines)
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.set_exception(error := ValueError("canary"))
    logger.addHandler(handler)
    try:
        loop.call_exception_handler(
            {"message": "It was never retrieved", "exception": error, "future": future}
        )
        loop.call_exception_handler({"message": "socket.accept() out of system resource"})
        loop.call_soon(int, "canary")
        await asyncio.sleep(0)
    finally:
        logger.removeHandler(handler)
    assert future.exception() is error
    lines.close()
    told = [json.loads(text) for text in stream.getvalue().splitlines()]

    assert "canary" not in stream.getvalue()
    assert [(line["message"], line.get("error")) for line in told] == [
        ("It was never retrieved", "ValueError"),
        ("socket.accept() out of system resource", None),
        ("Exception in callback int", "ValueError"),
    ]


@pytest.mark.parametrize("message", [ValueError("canary"), b"canary"])
def test_a_library_message_that_is_no_template_is_not_told(message: object) -> None:
    """Some libraries log exception objects."""
    assert "canary" not in str(plain(message))
