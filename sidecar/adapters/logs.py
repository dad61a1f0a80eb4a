"""Events as JSON lines, denied by default: an event's own fields, plain values, nothing else.

A line is `{"at", "event", ...fields}`; the event's name is its class. Never raises and never
blocks: lines are written by a thread of their own, and when a stuck reader fills the queue
the newest lines are dropped and counted. Knows no meaning of any event.
"""

import json
import logging
import queue
import threading
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from sidecar.domain.events import Event
from sidecar.ports import Clock

TEXT_MAX: Final = 1_000
ITEMS_MAX: Final = 100
_US_PER_S: Final = 1_000_000


class JsonLines:
    """A stream of JSON lines that never makes its caller wait. `close` writes out what is queued."""

    def __init__(self, stream: TextIO, clock: Clock, *, queue_max: int = 10_000) -> None:
        self._stream = stream
        self._clock = clock
        self._lines: queue.Queue[str | None] = queue.Queue(queue_max)
        self._dropped = 0
        self._writer = threading.Thread(target=self._write, name="log-writer", daemon=True)
        self._writer.start()

    def put(self, event: str, members: Mapping[str, object]) -> None:
        """Queue one line."""
        line = {"at": _moment(self._clock.now_us()), "event": event, **members}
        try:
            self._lines.put_nowait(json.dumps(line, separators=(",", ":")))
        except queue.Full:
            self._dropped += 1

    def close(self, timeout_s: int = 2) -> None:
        """Write what is queued, waiting for a stuck reader no longer than *timeout_s*."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._writer.join(timeout_s)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            try:
                if dropped:
                    self._stream.write(f'{{"event":"LinesDropped","count":{dropped}}}\n')
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):  # the reader is gone or the stream is closed: nobody to tell
                continue


class LogObserver:
    """Implements `ports.Observer`: every event becomes a line."""

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines

    def saw(self, event: Event) -> None:
        """Note that *event* happened."""
        members = {field.name: plain(getattr(event, field.name)) for field in fields(event)}
        self._lines.put(type(event).__name__, members)


class LibraryLogs(logging.Handler):
    """Carries what libraries log, as `LibraryMessage`: the message's template, never its arguments.

    Of an exception its class and place are told; its text may hold anything, so it is not.
    """

    def __init__(self, lines: JsonLines, level: int = logging.WARNING) -> None:
        super().__init__(level)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record as one line."""
        members: dict[str, object] = {
            "logger": record.name,
            "level": record.levelname,
            "message": plain(record.msg),
        }
        kind, _, trace = record.exc_info or (None, None, None)
        if kind is not None:
            members["error"] = kind.__name__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            members["where"] = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        self._lines.put("LibraryMessage", members)


def plain(value: object) -> object:
    """Return *value* if it is text, a whole number or a tuple of these, cut to size; else its type's name."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value[:TEXT_MAX]
    if isinstance(value, tuple):
        return [plain(item) for item in value[:ITEMS_MAX]]
    return f"<{type(value).__name__}>"


def _moment(at_us: int) -> str:
    """Write a time as RFC 3339 in UTC, to the microsecond."""
    seconds, us = divmod(at_us, _US_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{us:06d}Z"
