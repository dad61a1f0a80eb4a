"""A meter reads an answer while it passes by and tells what it cost. Knows no wire format by name.

Meters hold at most 256 KiB and never raise: a cost that cannot be read is unknown, and the answer passes.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ledger.values import value
from pricing.cost import CostLine
from pricing.declared import ITEMS_MAX, Malformed, parse_costs
from pricing.extract.elements import ElementScanner
from pricing.extract.members import Found, MemberScanner, pieces_of
from pricing.extract.parsed import read_members
from pricing.extract.sse import Comment, Item, Part, SseParser
from pricing.extract.wire import Format, Room, StreamReader
from pricing.usage import Reading, Unmeasured

DECLARED_BYTES_MAX: Final = 32 * 1024
"""Read of costs declared in one stream."""

SHORT_BYTES_MAX: Final = 8 * 1024
"""An answer that is no longer is read at once, when it is whole; no member of it is too long to be kept."""

_DECLARED: Final = b"sidecar-cost "
_DONE: Final = b"[DONE]"


@value
class Metered:
    """What one answer told: every model answer in it, the costs declared in it, and what went wrong first.

    Each of *usages* becomes a cost line, unmeasured ones too; *declared* are lines already. *lost*: whoever
    fed the meter knows that the answer broke off, and nothing of it tells what a model used.
    """

    usages: tuple[Reading, ...] = ()
    declared: tuple[CostLine, ...] = ()
    problem: str | None = None
    lost: bool = False


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
    """For a body in a coding that we do not unpack, and that may be a model answer: its cost is unknown.

    The upstream was asked for identity; brotli and zstd need packages of their own.
    """

    def feed(self, chunk: bytes) -> None:
        """Let it pass."""

    def finish(self) -> Metered:
        """Tell that there is something to pay."""
        hidden = Unmeasured(provider=None, model=None, response_id=None, problem="encoded")
        return Metered((hidden,), (), hidden.problem)


class JsonMeter:
    """For one JSON answer; the first format that recognises it reads it. An array of objects is a stream."""

    def __init__(self, formats: Sequence[Format], wanted: Mapping[str, int]) -> None:
        self._formats = formats
        self._wanted = wanted
        self._short = bytearray()  # all that came, as long as it is short
        self._scanner: ElementScanner | None = None
        self._readers: Sequence[StreamReader] = ()

    def feed(self, chunk: bytes) -> None:
        """Take the next piece; it is scanned once the answer is not short any more."""
        if self._scanner is None:
            if len(self._short) + len(chunk) <= SHORT_BYTES_MAX:
                self._short += chunk
                return
            self._begin_scanning()
        self._scan(chunk)

    def finish(self) -> Metered:
        """Tell the usage of the answer; JSON that no model wrote has none."""
        if self._scanner is None and self._short.startswith(b"{"):
            return self._told(read_members(self._wanted, bytes(self._short)))
        scanner = self._scanner or self._begin_scanning()
        found = scanner.finish()
        if not scanner.is_array:
            return self._told(found)
        problem = _cut_off(found, begun=bool(self._readers))
        self._take(found)
        usages = tuple(reading for reader in self._readers for reading in reader.finish())
        return Metered(usages, (), _problem(usages) or problem)

    def _begin_scanning(self) -> ElementScanner:
        self._scanner = ElementScanner(self._wanted)
        self._scan(bytes(self._short))
        self._short.clear()
        return self._scanner

    def _scan(self, chunk: bytes) -> None:
        assert self._scanner is not None, "what is scanned has a scanner"
        for element in self._scanner.feed(chunk):
            self._take(element)

    def _told(self, found: Found) -> Metered:
        for wire_format in self._formats:
            reading = wire_format.answer(found)
            if reading is not None:
                return Metered((reading,), (), _problem((reading,)))
        return Metered(problem=_cut_off(found))

    def _take(self, element: Found) -> None:
        if not self._readers:
            room = Room()
            self._readers = [wire_format.stream(room) for wire_format in self._formats]
        for reader in self._readers:
            reader.event(element)


class SseMeter:
    """For a stream of events; every format sees every event and knows its own."""

    def __init__(self, formats: Sequence[Format], wanted: Mapping[str, int]) -> None:
        room = Room()
        self._readers = [wire_format.stream(room) for wire_format in formats]
        self._wanted = wanted
        self._parser = SseParser()
        self._long: MemberScanner | None = None  # reads the event that comes in parts
        self._declared: list[CostLine] = []
        self._declared_bytes = 0
        self._problem: str | None = None

    def feed(self, chunk: bytes) -> None:
        """Read the events and comments that this piece completes."""
        for piece in pieces_of(chunk):
            for item in self._parser.feed(piece):
                self._take(item)

    def finish(self) -> Metered:
        """Tell every model answer of the stream and every cost declared in its comments."""
        for item in self._parser.finish():
            self._take(item)
        usages = tuple(reading for reader in self._readers for reading in reader.finish())
        return Metered(usages, tuple(self._declared), self._problem or _problem(usages))

    def _take(self, item: Item) -> None:
        if isinstance(item, Comment):
            self._take_comment(item)
        elif isinstance(item, Part):
            self._long = self._long or MemberScanner(self._wanted)
            self._long.feed(item.data)
        elif self._long is not None:
            self._long.feed(item.data)
            self._tell(self._long.finish())
            self._long = None
        elif item.data.strip() != _DONE:
            self._tell(read_members(self._wanted, item.data))

    def _tell(self, found: Found) -> None:
        for reader in self._readers:
            reader.event(found)

    def _take_comment(self, comment: Comment) -> None:
        if not comment.text.startswith(_DECLARED) or self._declared_bytes > DECLARED_BYTES_MAX:
            return
        self._declared_bytes += len(comment.text)
        costs = parse_costs(comment.text.removeprefix(_DECLARED))
        count = len(self._declared) + (1 if isinstance(costs, Malformed) else len(costs))
        if comment.cut or count > ITEMS_MAX or self._declared_bytes > DECLARED_BYTES_MAX:
            costs = Malformed(f"more than {ITEMS_MAX} costs, or too long ones, in one stream")
            self._declared_bytes = DECLARED_BYTES_MAX + 1  # nothing more is read
        if isinstance(costs, Malformed):
            self._problem = self._problem or costs.reason
            self._declared.append(costs.line())
        else:
            self._declared.extend(costs)


def _cut_off(found: Found, *, begun: bool = False) -> str | None:
    return "cut off" if (begun or found.begun) and not found.whole else None


def _problem(readings: Sequence[Reading]) -> str | None:
    for reading in readings:
        if isinstance(reading, Unmeasured):
            return reading.problem
    return None
