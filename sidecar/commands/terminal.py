"""The terminal: whether somebody looks at a stream, and colours for them. Plain everywhere else."""

import os
from enum import Enum
from typing import Final, TextIO

_RESET: Final = "\x1b[0m"


class Paint(Enum):
    """What a colour means here."""

    TITLE = "\x1b[1m"
    GOOD = "\x1b[32m"
    CAREFUL = "\x1b[33m"
    BAD = "\x1b[31m"


def is_watched(stream: TextIO) -> bool:
    """Tell whether *stream* is a terminal that can do more than print lines."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def painted(text: str, paint: Paint, stream: TextIO) -> str:
    """Return *text* in the colour of *paint* if it goes to a terminal whose user has not asked for none.

    NO_COLOR, when it is not empty, asks for none (no-color.org).
    """
    if not is_watched(stream) or os.environ.get("NO_COLOR"):
        return text
    return f"{paint.value}{text}{_RESET}"
