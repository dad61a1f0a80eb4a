"""Requests: what a request says in the places that a price or a rule reads. Pure, and strict.

The agent behind us reads the same bytes with a parser of its own. What two parsers could
read differently (a name that stands twice or in another case, a number with a sign, a body
that does not say it is JSON) is refused: otherwise one number would be paid for and
another one served.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote_to_bytes

from ledger.values import value
from pricing.price import Misfit
from sidecar.domain import pointers
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.target import Target
from sidecar.x402 import bounded_json

DEPTH_MAX: Final = 64
"""How deep a body may be nested that is read here."""
PLACE_CHARS_MAX: Final = 200
MODEL_PLACE: Final = "body /model"
"""Where a request names its model."""

_NUMBER: Final = re.compile(rb"0|[1-9][0-9]*")
_DIGITS_MAX: Final = 18
_KIND: Final = re.compile(rb'(?i)application/(?:[a-z0-9.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?')


class Part(StrEnum):
    """A part of a request. A place is a part and what in it: `query pages`, `path size`, `body /model`."""

    QUERY = "query"
    PATH = "path"
    BODY = "body"
    HEADERS = "headers"


@value
class Request:
    """What is asked for. `document` is the JSON body; None: it was not read, or there is none."""

    target: Target
    document: object = None


@dataclass(frozen=True, slots=True)
class Wrong:
    """A place of a body does not fit: its JSON pointer, and the rule by a machine word."""

    pointer: str
    rule: str


Judge = Callable[[object], Wrong | None]
"""Says what of a body does not fit."""


def invalid(place: str, reason: str) -> Refusal:
    """Return the refusal of a request for what it says in *place*; *reason* is a machine word."""
    part, _, name = place.partition(" ")
    return Refusal(Code.REQUEST_INVALID, reason=reason, part=part, place=name[:PLACE_CHARS_MAX])


def document(raw: bytes, kinds: Sequence[bytes], codings: Sequence[bytes]) -> object | Refusal:
    """Return the JSON body that *raw* is. *kinds* and *codings* are its Content-Type and -Encoding fields."""
    if any(coding.strip().lower() != b"identity" for coding in codings):
        return invalid(f"{Part.HEADERS} content-encoding", "encoded")
    if len(kinds) > 1 or not all(_KIND.fullmatch(kind.strip()) for kind in kinds):
        return invalid(f"{Part.HEADERS} content-type", "not_json")
    found = bounded_json.read_value(raw, DEPTH_MAX)
    return invalid(f"{Part.BODY} ", "not_json" if raw else "missing") if found is None else found


def reads_body(places: Collection[str]) -> bool:
    """Tell whether one of *places* is in the body."""
    return any(place.startswith(f"{Part.BODY} ") for place in places)


def parameters_of(key: str) -> Mapping[str, int]:
    """Return where in the path of a route's *key* its parameters stand."""
    segments = key.partition(" ")[2][1:].split("/")
    return {text[1:-1]: index for index, text in enumerate(segments) if text.startswith("{")}


def said(
    request: Request, places: Sequence[str], parameters: Mapping[str, int]
) -> dict[str, object] | Refusal:
    """Return what *request* says in each of *places*, as far as it says something.

    A number is a whole one, a model's name is text; anything else there is refused.
    *parameters* are those of the route's path.
    """
    found: dict[str, object] = {}
    for place in places:
        part, _, name = place.partition(" ")
        if part == Part.QUERY:
            value: object = _in_query(request.target.query, name, place)
        elif part == Part.PATH:
            value = _number(request.target.segments[parameters[name]], place)
        else:
            value = _in_body(request.document, place)
        if isinstance(value, Refusal):
            return value
        if value is not None:
            found[place] = value
    return found


def _number(text: bytes, place: str) -> int | Refusal:
    if not _NUMBER.fullmatch(text):
        return invalid(place, "not_integer")
    return int(text) if len(text) <= _DIGITS_MAX else invalid(place, Misfit.TOO_LARGE.value)


def _in_query(query: bytes, name: str, place: str) -> int | Refusal | None:
    found: list[tuple[bytes, bytes]] = []
    for pair in re.split(rb"[&;]", query):
        spelled, _, value = pair.partition(b"=")
        plain = unquote_to_bytes(spelled.replace(b"+", b" ")).decode("utf-8", "replace")
        if _lax(name) in {_lax(plain), _lax(plain.partition("[")[0])}:
            found.append((spelled, value))
    if not found:
        return None
    if len(found) > 1 or found[0][0] != name.encode() or b";" in query:
        return invalid(place, "ambiguous")
    return _number(found[0][1], place)


def _lax(name: str) -> str:
    """Return *name* as the laxest parser reads it: in any case, no space around, `_` for what PHP bars."""
    return re.sub(r"[ .\[]", "_", name.strip().casefold())


def _in_body(body: object, place: str) -> object:
    value = member(body, place)
    if isinstance(value, Refusal) or value is None:
        return value
    if place == MODEL_PLACE:
        return value if isinstance(value, str) else invalid(place, "not_text")
    return value if type(value) is int else invalid(place, "not_integer")


def member(body: object, place: str) -> object:
    """Return the member of *body* at *place*, a JSON pointer (RFC 6901); None if there is none."""
    names = pointers.read(place.partition(" ")[2])
    assert names is not None, "a place in a body is a pointer, or its config was refused"
    value = body
    for name in names:
        # Some parsers compare names without case, also by Unicode's folding, and take the last one.
        if isinstance(value, dict) and any(
            other != name and other.casefold() == name.casefold() for other in value
        ):
            return invalid(place, "ambiguous")
        value = pointers.step(value, name)
        if value is pointers.Missing.ABSENT:
            return None
        if value is pointers.Missing.IMPOSSIBLE:
            return invalid(place, "no_such_member")
    return invalid(place, "null") if value is None else value
