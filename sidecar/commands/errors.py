"""How a command ends other than well: an exit code and one sentence. Knows no command."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. They are promises to scripts."""

    FINE = 0
    FOUND_WRONG = 1  # it ran and found something wrong
    WRONG_USAGE = 2  # wrong usage or config, all problems listed
    UNREACHABLE = 3  # something it needs could not be reached, or another process holds it


class Sentence(Exception):
    """Ends a command with *code*, and *text* on stderr: a sentence, or several lines if it lists problems."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = int(code)
        self.text = text
