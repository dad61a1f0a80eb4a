"""What a wire format must be able to tell. Knows no format, no transport and no price.

To write the next one: a new file with a `Format` in it, and one line in the registry of the package.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from pricing.extract.members import Found
from pricing.usage import Reading

ANSWERS_MAX: Final = 32
"""Model answers told apart in one stream; an agent may relay several."""


class Room:
    """How many more answers may be told apart in one stream, by all its readers together."""

    def __init__(self) -> None:
        self._free = ANSWERS_MAX

    def take(self) -> bool:
        """Take the room of one answer, if there is any."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """Make room for another answer."""
        self._free += 1


class StreamReader(Protocol):
    """Reads one stream of events. State is bounded however long the stream is; nothing is raised."""

    def event(self, found: Found) -> None:
        """Take the wanted members of one event's JSON; events of another format change nothing.

        `found.whole` is false when the event was cut short: it may have held more.
        """
        ...

    def finish(self) -> tuple[Reading, ...]:
        """Tell what each model answer in the stream used; a model answer without usage is `Unmeasured`."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One provider's way of writing answers.

    *wanted* names the members it needs, with the bytes to keep of each (see `MemberScanner`).
    *answer* reads one whole answer; None says that it is not of this format. It raises nothing.
    *stream* makes a reader for one stream, with the room that it shares with the readers of other formats.
    """

    name: str
    wanted: Mapping[str, int]
    answer: Callable[[Found], Reading | None]
    stream: Callable[[Room], StreamReader]
