"""Progress: on a terminal, one line that is gone afterwards; elsewhere nothing at all."""

import io
import threading

import pytest

from sidecar.commands.progress import Progress
from tests.sidecar.commands.watched import on_a_terminal

WORK = """
import sys, time
from sidecar.commands.progress import Progress

with Progress("asking the chain", every_s=0.01) as progress:
    progress.tell("block 7 of 9")
    time.sleep(1)
print("done")
"""


class Screen(io.StringIO):
    """A terminal that tells when a line came."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = threading.Event()

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self.shown.set()


@pytest.fixture(autouse=True)
def _a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")


def test_who_waits_sees_what_is_done_and_how_far() -> None:
    """One line over and over; wiped at the end, before anything else is printed."""
    screen = Screen()
    with Progress("asking the chain", screen, every_s=0.001) as progress:
        assert screen.shown.wait(30)
        progress.tell("block 7 of 9")
        screen.shown.clear()
        assert screen.shown.wait(30)
        screen.shown.clear()
        assert screen.shown.wait(30)

    shown = screen.getvalue()
    assert "asking the chain, block 7 of 9, " in shown
    assert "\n" not in shown
    assert shown.endswith("\r\x1b[K")


def test_a_line_stays_one_line() -> None:
    """A longer one would leave its first part behind on the screen."""
    screen = Screen()
    with Progress("x" * 100, screen, every_s=0.001):
        assert screen.shown.wait(30)

    assert max(map(len, screen.getvalue().split("\r\x1b[K"))) == 39


def test_short_work_shows_nothing() -> None:
    """What ends before the line is due has nothing to wipe."""
    screen = Screen()
    with Progress("auditing", screen, every_s=600):
        pass

    assert screen.getvalue() == ""


def test_a_file_gets_nothing() -> None:
    """A log of a nightly run has no use for it."""
    log = io.StringIO()
    with Progress("auditing", log, every_s=0.001) as progress:
        progress.tell("far")

    assert log.getvalue() == ""


def test_work_that_fails_is_wiped_too() -> None:
    """The error's sentence begins a line of its own."""
    screen = Screen()

    def fails() -> None:
        with Progress("auditing", screen, every_s=0.001):
            assert screen.shown.wait(30)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_on_a_real_terminal() -> None:
    """As a process shows it."""
    code, shown = on_a_terminal("-c", WORK, COLUMNS="80")

    assert code == 0
    assert "\r\x1b[Kasking the chain, block 7 of 9, " in shown
    assert shown.endswith("\r\x1b[Kdone\n")
