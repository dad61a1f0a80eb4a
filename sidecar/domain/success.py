"""Success: does an agent's answer count as done, so that it is sold? The seller's rule for a route. Pure.

The status decides first, then members of the JSON body. An answer whose body cannot be read as the rule
needs it is not judged: it is neither charged nor given away, unless the seller says that it is charged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from pricing.extract import Metered, codings_of, is_json
from pricing.extract.inflate import CODINGS, InflateMeter
from sidecar.domain import pointers
from sidecar.x402.bounded_json import read_document

BUFFER_BYTES: Final = 64 * 1024
DEPTH_MAX: Final = 64
STATUSES: Final = frozenset(range(200, 300))
"""Only these can ever be charged; a rule may name fewer of them."""


class Verdict(Enum):
    """What an answer is, by its body."""

    DONE = "done"
    FAILED = "failed"  # the agent's own error, whatever its status
    UNJUDGED = "unjudged"  # nobody can tell


class Presence(Enum):
    """A member that must be there, or must not; one that is null is not there."""

    ABSENT = "absent"
    PRESENT = "present"


Wanted = Presence | str | int | bool
"""What a member must be; a text, whole number or truth value is equalled by the same JSON value only."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an answer must be to be sold: its status, and members of its body by JSON pointer (RFC 6901).

    `buffer_bytes` bounds what is read, and unpacked, before anybody is asked to settle. `charge_unjudged`:
    what cannot be judged is sold by its status alone.
    """

    statuses: frozenset[int] = STATUSES
    body: Mapping[tuple[str, ...], Wanted] = field(default_factory=dict)
    buffer_bytes: int = BUFFER_BYTES
    charge_unjudged: bool = False


ANY_2XX: Final = Rule()


def readable(content_type: bytes, content_encoding: bytes) -> bool:
    """Tell by its two header values whether an answer is JSON that we can unpack. No other is waited for."""
    codings = codings_of(content_encoding)
    return is_json(content_type) and len(codings) <= 1 and CODINGS.issuperset(codings)


def judge(rule: Rule, content_encoding: bytes, raw: bytes) -> Verdict:
    """Judge a readable answer by its whole body *raw*, as it came."""
    text = _unpacked(raw, rule.buffer_bytes) if codings_of(content_encoding) else raw
    document = None if text is None else read_document(text, DEPTH_MAX)
    if document is None:
        return Verdict.UNJUDGED
    done = all(_holds(wanted, _member(document, path)) for path, wanted in rule.body.items())
    return Verdict.DONE if done else Verdict.FAILED


class _Copy:
    """Keeps what is unpacked, as far as it may go."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.kept: bytearray | None = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Append a piece, or give up what was kept."""
        if self.kept is not None:
            self.kept += chunk
            if len(self.kept) > self._bytes_max:
                self.kept = None

    def finish(self) -> Metered:
        """Tell nothing: this reads for a judge, not for a cost."""
        return Metered()


def _unpacked(raw: bytes, bytes_max: int) -> bytes | None:
    copy = _Copy(bytes_max)
    inflater = InflateMeter(copy)
    inflater.feed(raw)
    problem = inflater.finish().problem
    return None if problem or copy.kept is None else bytes(copy.kept)


def _member(document: object, path: tuple[str, ...]) -> object:
    """Return the member at *path*; None if there is none, or it is null."""
    value = document
    for name in path:
        value = pointers.step(value, name)
    return None if isinstance(value, pointers.Missing) else value


def _holds(wanted: Wanted, value: object) -> bool:
    if isinstance(wanted, Presence):
        return (value is None) is (wanted is Presence.ABSENT)
    return type(value) is type(wanted) and value == wanted
