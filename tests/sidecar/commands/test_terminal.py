"""Colours: for who looks, and for nobody else."""

import io

import pytest

from sidecar.commands.terminal import Paint, is_watched, painted
from tests.sidecar.commands.watched import on_a_terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "watched", "coloured"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({}, False, False),
    ],
)
def test_a_terminal_is_coloured_unless_it_or_its_user_says_no(
    environment: dict[str, str], watched: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR counts when it is not empty; a terminal of no known kind only prints lines."""
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert is_watched(Screen()) is watched
    assert painted("no", Paint.BAD, Screen()) == ("\x1b[31mno\x1b[0m" if coloured else "no")


def test_a_file_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script reads has no colour, whatever the terminal it was started from."""
    monkeypatch.setenv("TERM", "xterm")

    assert painted("good", Paint.GOOD, io.StringIO()) == "good"


@pytest.mark.parametrize(
    ("environment", "start"),
    [({}, "\x1b[31msidecar:\x1b[0m "), ({"NO_COLOR": "1"}, "sidecar: "), ({"TERM": "dumb"}, "sidecar: ")],
)
def test_an_error_on_a_real_terminal(environment: dict[str, str], start: str) -> None:
    """Only the program's name is coloured: the sentence can be copied."""
    code, shown = on_a_terminal("-m", "sidecar", "cals", **environment)

    assert (code, shown.partition("there is")[0]) == (2, start)
