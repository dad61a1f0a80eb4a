"""Problems: what is wrong with a config, as values. Knows no file format and prints nothing.

A problem's message never carries a secret: the sentences are written without
the offending value, and `reading.Source.shown` decides whether it may be added.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Where something stands in the config: keys and list positions from the top."""


class WrongValue(ValueError):
    """A written value that cannot be read. *code* is stable; the sentence does not repeat the value."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where. The codes are promises: add, never rename."""

    path: str
    code: str
    message: str

    def line(self) -> str:
        """Return the problem as one line for a person."""
        return f"{self.path}: {self.message} [{self.code}]" if self.path else f"{self.message} [{self.code}]"


@dataclass(frozen=True, slots=True)
class Problems:
    """A config that cannot be used: every problem found, in the order of the file's sections."""

    items: tuple[Problem, ...]

    def text(self) -> str:
        """Return the problems for a person, one a line."""
        return "\n".join(problem.line() for problem in self.items)


def path_text(path: Path) -> str:
    """Return a path as it is shown: `accept.0.pay_to`, `routes.POST /research.price`."""
    return ".".join(str(part) for part in path)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return advice that ends a sentence: the nearest known words, or all of them when none is near."""
    names = list(known)
    near = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(names)}" if names else "nothing is known here"
