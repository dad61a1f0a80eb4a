"""A meter reads an answer while it passes by and tells what it cost. Knows no wire format by name.

Meters hold at most 256 KiB and never raise: a cost that cannot be read is unknown, and the answer passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from pricing.cost import CostLine
from pricing.declared import ITEMS_MAX, Malformed, parse_costs
from pricing.extract.members import MemberScanner
from pricing.extract.parsed import read_members
from pricing.extract.sse import Comment, Event, SseParser
from pricing.extract.wire import Format
from pricing.usage import Reading, Unmeasured

_DECLARED: Final = b"sidecar-cost "
_DONE: Final = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Metered:
    """What one answer told: every model answer in it, the costs declared in it, and what went wrong first.

    Each of *usages* becomes a cost line, unmeasured ones too; *declared* are lines already.
    """

    usages: tuple[Reading, ...] = ()
    declared: tuple[CostLine, ...] = ()
    problem: str | None = None


class Meter(Protocol):
    """Reads one answer."""

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body. Never raises; state stays within 256 KiB."""
        ...

    def finish(self) -> Metered:
        """Tell what was read; to be called once, at the end of the body or where it broke off."""
        ...


class NullMeter:
    """For what is no model answer: nothing is read and no line comes of it."""

    def feed(self, chunk: bytes) -> None:
        """Let it pass."""

    def finish(self) -> Metered:
        """Tell nothing."""
        return Metered()


class EncodedMeter:
    """For a compressed body that may be a model answer: its cost is unknown.

    The upstream was asked for identity; unpacking what it compressed anyway would need unbounded work.
    """

    def feed(self, chunk: bytes) -> None:
        """Let it pass."""

    def finish(self) -> Metered:
        """Tell that there is something to pay."""
        hidden = Unmeasured(provider=None, model=None, response_id=None, problem="encoded")
        return Metered((hidden,), (), hidden.problem)


class JsonMeter:
    """For one JSON answer; the first format that recognises it reads it."""

    def __init__(self, formats: Sequence[Format], wanted: Mapping[str, int]) -> None:
        self._formats = formats
        self._scanner = MemberScanner(wanted)

    def feed(self, chunk: bytes) -> None:
        """Scan the next piece."""
        self._scanner.feed(chunk)

    def finish(self) -> Metered:
        """Tell the usage of the answer; JSON that no model wrote has none."""
        found = self._scanner.finish()
        for wire_format in self._formats:
            reading = wire_format.answer(found)
            if reading is not None:
                return Metered((reading,), (), _problem((reading,)))
        return Metered(problem="cut off" if found.begun and not found.whole else None)


class SseMeter:
    """For a stream of events; every format sees every event and knows its own."""

    def __init__(self, formats: Sequence[Format], wanted: Mapping[str, int]) -> None:
        self._readers = [wire_format.stream() for wire_format in formats]
        self._wanted = wanted
        self._parser = SseParser()
        self._declared: list[CostLine] = []
        self._problem: str | None = None

    def feed(self, chunk: bytes) -> None:
        """Read the events and comments that this piece completes."""
        for item in self._parser.feed(chunk):
            self._take(item)

    def finish(self) -> Metered:
        """Tell every model answer of the stream and every cost declared in its comments."""
        for item in self._parser.finish():
            self._take(item)
        usages = tuple(reading for reader in self._readers for reading in reader.finish())
        return Metered(usages, tuple(self._declared), self._problem or _problem(usages))

    def _take(self, item: Event | Comment) -> None:
        if isinstance(item, Comment):
            self._take_comment(item)
        elif item.data.strip() != _DONE:
            found = read_members(self._wanted, item.data)
            if item.cut:
                found = replace(found, whole=False)
            for reader in self._readers:
                reader.event(found)

    def _take_comment(self, comment: Comment) -> None:
        if not comment.text.startswith(_DECLARED) or len(self._declared) > ITEMS_MAX:
            return
        costs = parse_costs(comment.text.removeprefix(_DECLARED))
        if not isinstance(costs, Malformed) and (comment.cut or len(self._declared) + len(costs) > ITEMS_MAX):
            costs = Malformed(f"more than {ITEMS_MAX} costs in one stream")
        if isinstance(costs, Malformed):
            self._problem = self._problem or costs.reason
            self._declared.append(costs.line())
        else:
            self._declared.extend(costs)


def _problem(readings: Sequence[Reading]) -> str | None:
    return next((reading.problem for reading in readings if isinstance(reading, Unmeasured)), None)
