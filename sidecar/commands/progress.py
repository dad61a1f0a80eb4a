"""Progress: one line on the terminal that says that long work goes on. Silent where nobody looks."""

import shutil
import sys
import threading
from types import TracebackType
from typing import Final, Self, TextIO

from sidecar.commands.terminal import is_watched

EVERY_S: Final = 1
"""Seconds until the line is first shown, and between two of its versions."""

_WIPE: Final = "\r\x1b[K"


class Progress:
    """Shows, while it is entered, what is done, how far it is and for how long it has been done.

    On standard error and only on a terminal. The line is wiped before the work's own words are printed.
    """

    def __init__(self, doing: str, stream: TextIO | None = None, every_s: float = EVERY_S) -> None:
        self._doing = doing
        self._far = ""
        self._stream = stream or sys.stderr
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    def tell(self, far: str) -> None:
        """Say how far the work is."""
        self._far = far

    def __enter__(self) -> Self:
        if is_watched(self._stream):
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _show(self) -> None:
        rounds = 0
        while not self._ended.wait(self._every_s):
            rounds += 1
            line = ", ".join(filter(None, (self._doing, self._far, f"{rounds * self._every_s:.0f} s")))
            self._stream.write(_WIPE + line[: shutil.get_terminal_size().columns - 1])
            self._stream.flush()
        if rounds:
            self._stream.write(_WIPE)
            self._stream.flush()
