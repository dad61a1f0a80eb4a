"""One recorded answer: its body, its stream, what it used, and what another implementation makes of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

Json = dict[str, object]
Event = Mapping[str, object] | str


class More(TypedDict, total=False):
    """What a shape may have besides its name, body and stream."""

    counts: Mapping[str, int]
    problem: str
    tier: str
    reported: int
    context: Mapping[str, str]
    differs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An answer and what is to be read of it.

    *counts* are named as in `Usage`, those that are zero left out; *problem* stands instead of them where the
    usage cannot be known. *tier* is one that has its own price. *reported* is nano-USD.

    *seller*, *flavor* and *context* name the shape to genai-prices, when it can read it. *differs* says how
    we differ, and why: it `raises`, the cost is `unknown` to us, or we measure a `dearer` or `cheaper` one.
    """

    name: str
    body: Mapping[str, object]
    stream: Sequence[Event] = ()
    array: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    tier: str = ""
    reported: int | None = None
    seller: str = ""
    flavor: str = "default"
    context: Mapping[str, str] = field(default_factory=dict)
    differs: str = ""

    @property
    def json(self) -> bytes:
        """The whole answer."""
        return json.dumps(self.body, ensure_ascii=False).encode()

    @property
    def streamed(self) -> tuple[bytes, bytes]:
        """Content type and body of the streamed answer."""
        if self.array:
            elements = (json.dumps(event, ensure_ascii=False, indent=2) for event in self.stream)
            return b"application/json", ("[" + "\n,\r\n".join(elements) + "\n]\n").encode()
        return b"text/event-stream", b"".join(map(as_event, self.stream))


def as_event(event: Event) -> bytes:
    """Write one event; one with a type is named after it, as its provider does. Text is taken as it is."""
    if isinstance(event, str):
        return event.encode() + b"\n\n"
    kind = event.get("type")
    named = f"event: {kind}\n" if isinstance(kind, str) else ""
    return f"{named}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
