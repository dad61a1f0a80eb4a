"""Anthropic messages, and what others serve in that shape. Knows no transport and no price.

`input_tokens` leaves out what was read from the cache and written to it; our total is the sum of the three.
In a stream the usage is spread: `message_start` tells the input and a first count of the output, each
`message_delta` the output so far, and whatever else has changed. Nothing is final before a delta.

Also told there, and dear: writes kept for an hour, web searches, fast answers and those that had to stay in
one country. What a compaction used is not in the totals and is added; iterations of other models are not,
and have rates of their own, so an answer with them is not measured.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.money import Amount
from pricing.extract.answers import Answers
from pricing.extract.counts import UNREADABLE, missing, unmeasured
from pricing.extract.members import Found
from pricing.extract.reported import reported_cost
from pricing.extract.wire import Format, Room
from pricing.rates import STANDARD_TIERS
from pricing.usage import TOKENS_MAX, Reading, clean_text, measure

WANTED: Final = {
    "type": 1024,
    "id": 1024,
    "model": 1024,
    "role": 1024,
    "usage": 8192,
    "message/id": 1024,
    "message/model": 1024,
    "message/usage": 8192,
}

_COUNTS: Final[Mapping[str, tuple[str, ...]]] = {
    "fresh": ("input_tokens",),
    "read": ("cache_read_input_tokens",),
    "written": ("cache_creation_input_tokens",),
    "written_5m": ("cache_creation", "ephemeral_5m_input_tokens"),
    "written_1h": ("cache_creation", "ephemeral_1h_input_tokens"),
    "output": ("output_tokens",),
    "searches": ("server_tool_use", "web_search_requests"),
}
_TIERS: Final = ("speed", "service_tier", "inference_geo")
_ORDINARY: Final = STANDARD_TIERS | {"global", "not_available"}  # where it ran, when that costs nothing
_NO_COUNT: Final = -1  # stands for what is there and no credible count


@dataclass(frozen=True, slots=True)
class _Told:
    """What a usage object tells that costs something, in few bytes; `apart` is what its totals leave out."""

    counts: Mapping[str, int]
    apart: Mapping[str, int] | None
    tiers: Mapping[str, str]
    cost: Amount | None

    def then(self, later: "_Told") -> "_Told":
        """Take what is told again as it was told last."""
        return _Told(
            {**self.counts, **later.counts},
            self.apart if later.apart == {} else later.apart,
            {**self.tiers, **later.tiers},
            self.cost if later.cost is None else later.cost,
        )


def read_answer(found: Found) -> Reading | None:
    """Read a buffered message; None for what only calls itself a message."""
    values = found.values
    usage, model = values.get("usage"), clean_text(values.get("model"))
    spoken = values.get("role") == "assistant" and model is not None
    counted = isinstance(usage, dict) and "input_tokens" in usage and "output_tokens" in usage
    if values.get("type") != "message" or not (spoken or counted):
        return None
    response_id = clean_text(values.get("id"))
    if not isinstance(usage, dict):
        return unmeasured(model, response_id, missing(found) if usage is None else UNREADABLE)
    return _reading(_told(usage), model, response_id)


_NOTHING: Final = _Told({}, {}, {}, None)


class MessagesStream:
    """The messages of one stream, one after the other; only the start of a message has its id."""

    def __init__(self, room: Room) -> None:
        self._answers = Answers(room)
        self._told = _NOTHING  # of the latest message

    def event(self, found: Found) -> None:
        """Take one event; usage that is told again replaces what was told before."""
        values = found.values
        if values.get("type") == "message_start":
            if any(name.startswith("message/") for name in values):
                self._start(values)
        elif values.get("type") == "message_delta":
            self._go_on(values.get("usage"), whole=found.whole)
        elif (reading := read_answer(found)) is not None:  # relayed whole
            answer = self._answers.begin(reading.response_id)
            if answer is not None:
                answer.reading, answer.final = reading, True

    def finish(self) -> tuple[Reading, ...]:
        """Tell every message's usage, and every message that has none."""
        return self._answers.readings()

    def _start(self, values: Mapping[str, object]) -> None:
        usage = values.get("message/usage")
        self._told = _told(usage) if isinstance(usage, dict) else _NOTHING
        answer = self._answers.begin(clean_text(values.get("message/id")))
        if answer is not None:
            answer.model = clean_text(values.get("message/model"))

    def _go_on(self, usage: object, *, whole: bool) -> None:
        later = _told(usage) if isinstance(usage, dict) else _NOTHING
        answer = self._answers.latest
        if answer is None and "output" in later.counts:
            answer = self._answers.begin(None)
        if answer is None or (usage is None and whole):
            return
        self._told = self._told.then(later)
        answer.reading = _reading(self._told, answer.model, answer.response_id)
        # what was cut off, or is no usage, may have been a newer count
        answer.final = isinstance(usage, dict) and (answer.final or "output" in later.counts)


def _told(usage: Mapping[str, object]) -> _Told:
    iterations = usage.get("iterations")
    return _Told(
        counts=_counts(usage),
        apart=_apart(iterations) if isinstance(iterations, list) else {} if iterations is None else None,
        tiers={name: _word(usage[name]) for name in _TIERS if usage.get(name) is not None},
        cost=reported_cost(usage),
    )


def _counts(usage: Mapping[str, object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, path in _COUNTS.items():
        count: object = usage
        for key in path:
            count = count.get(key) if isinstance(count, dict) else None if count is None else _NO_COUNT
        if count is not None:
            credible = type(count) is int and 0 <= count <= TOKENS_MAX
            found[name] = count if isinstance(count, int) and credible else _NO_COUNT
    return found


def _apart(iterations: Iterable[object]) -> Mapping[str, int] | None:
    """Add up what a compaction used; None when there is something else that the totals leave out."""
    apart: dict[str, int] = {}
    for iteration in iterations:
        kind = iteration.get("type") if isinstance(iteration, dict) else None
        if kind == "message":
            continue
        counts = _counts(iteration) if isinstance(iteration, dict) else {}
        if kind != "compaction" or _problem(counts) is not None:
            return None
        apart = {name: apart.get(name, 0) + count for name, count in _parts(counts).items()}
    return apart


def _problem(counts: Mapping[str, int]) -> str | None:
    """Say why *counts* cannot be believed, or what is missing of them."""
    for name, path in _COUNTS.items():
        if counts.get(name) == _NO_COUNT:
            return f"{path[-1]} is no credible count"
    for name in ("fresh", "output"):
        if name not in counts:
            return f"no {_COUNTS[name][-1]}"
    split = counts.get("written_5m", 0) + counts.get("written_1h", 0)
    return "more cache writes by lifetime than in all" if split > counts.get("written", split) else None


def _parts(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Name credible *counts* as in `Usage`. What was written without saying for how long is the dearer kind,
    unless nothing was said of that at all: then it is the ordinary one.
    """
    split = counts.get("written_5m", 0) + counts.get("written_1h", 0)
    read, written = counts.get("read", 0), counts.get("written", split)
    lasting = "written_5m" in counts or "written_1h" in counts
    return {
        "input_tokens": counts["fresh"] + read + written,
        "cached_input_tokens": read,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": written - counts.get("written_5m", 0) if lasting else 0,
        "output_tokens": counts["output"],
        "web_searches": counts.get("searches", 0),
    }


def _reading(told: _Told, model: str | None, response_id: str | None) -> Reading:
    problem = _problem(told.counts)
    if problem is not None or told.apart is None:
        return unmeasured(model, response_id, problem or "iterations of their own price", told.cost)
    return measure(
        provider=None,
        model=model,
        response_id=response_id,
        service_tier="+".join(word for word in told.tiers.values() if word not in _ORDINARY),
        reported=told.cost,
        counts={name: count + told.apart.get(name, 0) for name, count in _parts(told.counts).items()},
    )


def _word(tier: object) -> str:
    return (clean_text(tier) or "unreadable").lower()


FORMAT: Final = Format("anthropic-messages", WANTED, read_answer, MessagesStream)
