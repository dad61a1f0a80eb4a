"""Periods: signed statements of what every account held when a period was closed. Pure.

Nothing that happened in a closed period is booked any more, so its trial
balance is the same for ever. There is no way to open one again; what is found
out later is booked when it is found out.
"""

import json
from dataclasses import dataclass
from typing import Final

from ledger.chain import Head

FORMAT: Final = "sidecar-close/1"


@dataclass(frozen=True, slots=True)
class Standing:
    """What was posted on an account: decimals of its asset, as text."""

    account: str
    asset: str
    debits: str
    credits: str


@dataclass(frozen=True, slots=True)
class Period:
    """Everything that happened until `through_us`, included, closed when the book's end was `head`.

    `previous` is SHA-256 of the statement of the close before. Times in microseconds.
    """

    number: int
    through_us: int
    closed_us: int
    head: Head
    previous: bytes
    standings: tuple[Standing, ...]

    def statement(self) -> str:
        """Return the text that is signed: one JSON object, members in this order, no spaces."""
        members = {
            "format": FORMAT,
            "number": self.number,
            "through_us": self.through_us,
            "closed_us": self.closed_us,
            "seq": self.head.seq,
            "head": self.head.hash.hex(),
            "previous": self.previous.hex(),
            "accounts": [[one.account, one.asset, one.debits, one.credits] for one in self.standings],
        }
        return json.dumps(members, separators=(",", ":"))


def read(statement: str) -> Period:
    """Read what `Period.statement` wrote; ValueError for any other text."""
    try:
        members = json.loads(statement)
        found = Period(
            number=members["number"],
            through_us=members["through_us"],
            closed_us=members["closed_us"],
            head=Head(members["seq"], bytes.fromhex(members["head"])),
            previous=bytes.fromhex(members["previous"]),
            standings=tuple(Standing(*each) for each in members["accounts"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not the close of a period") from error
    if found.statement() != statement:
        raise ValueError("not the close of a period as it is written")
    return found
