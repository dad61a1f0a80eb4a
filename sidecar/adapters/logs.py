"""Events as JSON lines, denied by default: an event's own fields, plain values, nothing else.

A line is `{"at", "event", ...fields}`; the event's name is its class. Never raises and never
blocks: lines are made and written by a thread of their own, and when a stuck reader fills the queue
the newest lines are dropped and counted. Knows no meaning of any event.
"""

import json
import logging
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, TextIO

from sidecar.domain.events import Event
from sidecar.ports import Clock

_Form = tuple[str, list[str], Callable[[Event], tuple[Any, ...]]]
"""What the lines of one kind of event have in common: name and keys. The function gives the rest."""

TEXT_MAX: Final = 1_000
ITEMS_MAX: Final = 100
PAUSE_S: Final = 0.02
"""How long the thread rests between two batches: to be woken for each line costs more than the line."""
_US_PER_S: Final = 1_000_000
_FILLED_IN: Final = "asyncio"
_VALUES: Final = re.compile(r"\s*(?:[\n<]|\((?!\))).*", re.DOTALL)
"""What asyncio, which fills its templates in, says behind a sentence: arguments, errors with their text."""


class JsonLines:
    """A stream of JSON lines that never makes its caller wait. `close` writes out what is queued."""

    def __init__(self, stream: TextIO, clock: Clock, *, queue_max: int = 10_000) -> None:
        self._stream = stream
        self._now_us = clock.now_us
        self._queue_max = queue_max
        self._lines: deque[tuple[int, Event | str]] = deque()
        self._dropped = 0
        self._awake = False
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._writer = threading.Thread(target=self._write, name="log-writer", daemon=True)
        self._writer.start()

    def put(self, line: Event | str) -> None:
        """Queue one line: that of an event, or the members of one as JSON without their braces."""
        if len(self._lines) >= self._queue_max:
            self._dropped += 1
            return
        self._lines.append((self._now_us(), line))
        if not self._awake:
            self._awake = True
            self._woken.set()

    def close(self, timeout_s: int = 2) -> None:
        """Write what is queued, waiting for a stuck reader no longer than *timeout_s*."""
        self._closing.set()
        self._woken.set()
        self._writer.join(timeout_s)

    def _write(self) -> None:
        while True:
            self._woken.wait()
            last = self._closing.is_set()
            self._woken.clear()
            self._awake = False  # before the lines are taken: who comes later wakes us again
            try:
                self._stream.write("".join(self._batch()))
                self._stream.flush()
            except (OSError, ValueError):  # the reader is gone or the stream is closed: nobody to tell
                pass
            if last:
                return
            self._closing.wait(PAUSE_S)

    def _batch(self) -> list[str]:
        dropped, self._dropped = self._dropped, 0
        written: list[str] = []
        if dropped:
            at = _moment(self._now_us())
            written.append(f'{{"at":"{at}","event":"LinesDropped","count":{dropped}}}\n')
        for _ in range(len(self._lines)):
            at_us, line = self._lines.popleft()
            members = line if isinstance(line, str) else _members(line)
            written.append(f'{{"at":"{_moment(at_us)}",{members}}}\n')
        return written


class LogObserver:
    """Implements `ports.Observer`: every event becomes a line."""

    def __init__(self, lines: JsonLines) -> None:
        self.saw: Final[Callable[[Event], None]] = lines.put
        """Notes that an event happened. It is frozen, so its line can be made later."""


class LibraryLogs(logging.Handler):
    """Carries what libraries log, as `LibraryMessage`: the message's template, never its arguments.

    Of an exception its class and place are told; its text may hold anything, so it is not.
    """

    def __init__(self, lines: JsonLines, level: int = logging.WARNING) -> None:
        super().__init__(level)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record as one line."""
        filled_in = record.name == _FILLED_IN and isinstance(record.msg, str)
        members: dict[str, object] = {
            "event": "LibraryMessage",
            "logger": record.name,
            "level": record.levelname,
            "message": plain(_VALUES.sub("", record.msg) if filled_in else record.msg),
        }
        kind, _, trace = record.exc_info or (None, None, None)
        if kind is not None:
            members["error"] = kind.__name__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            members["where"] = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        self._lines.put(_dumped(members)[1:-1])


def plain(value: object) -> object:
    """Return *value* if it is text, a whole number or a tuple of these, cut to size; else its type's name."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value[:TEXT_MAX]
    if isinstance(value, tuple):
        return [plain(item) for item in value[:ITEMS_MAX]]
    return f"<{type(value).__name__}>"


def _members(event: Event) -> str:
    """Write the members of an event's line, without braces."""
    kind = type(event)
    name, keys, values_of = _FORMS.get(kind) or _FORMS.setdefault(kind, _form(kind))
    return name + "".join([key + _json(value) for key, value in zip(keys, values_of(event), strict=True)])


def _form(kind: type[Event]) -> _Form:
    names = [field.name for field in fields(kind)]
    keys = [f",{encode_basestring_ascii(name)}:" for name in names]
    return f'"event":{encode_basestring_ascii(kind.__name__)}', keys, _values_of(names)


def _values_of(names: list[str]) -> Callable[[Event], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda event: tuple(getattr(event, name) for name in names)


_FORMS: Final[dict[type[Event], _Form]] = {}
"""The forms of the kinds that were seen; there are few."""


def _json(value: object) -> str:
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value[:TEXT_MAX])  # type: ignore[index]  # it is text
    if kind is int:
        return str(value)
    return _dumped(plain(value))


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _moment(at_us: int) -> str:
    """Write a time as RFC 3339 in UTC, to the microsecond."""
    seconds, us = divmod(at_us, _US_PER_S)
    return f"{_second(seconds)}.{us:06d}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
