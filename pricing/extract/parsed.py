"""The quick way to the members of a short JSON text: all of it is there. Knows no wire format."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from pricing.extract.members import UNREAD, Found, MemberScanner

_NOTHING: Final = object()
_DECODER: Final = json.JSONDecoder(parse_float=str, parse_constant=str)


def read_members(wanted: Mapping[str, int], text: bytes) -> Found:
    """Do what scanning *text* does, at the speed of the standard parser; what that refuses is scanned."""
    try:
        value = _DECODER.decode(text.decode())
    except (ValueError, RecursionError):
        scanner = MemberScanner(wanted)
        scanner.feed(text)
        return scanner.finish()
    if not isinstance(value, dict):
        return Found({}, whole=False, begun=False)
    values: dict[str, object] = {}
    for head, names in _by_head(tuple(wanted)).items():
        if head not in value:  # most of what is wanted
            continue
        for name, inner in names:
            found = value[head]
            for key in inner:
                found = _member(found, key)
            if found is not _NOTHING:
                values[name] = found if wanted[name] else UNREAD
    return Found(values, whole=True, begun=True)


@lru_cache(maxsize=16)
def _by_head(wanted: tuple[str, ...]) -> Mapping[str, Sequence[tuple[str, Sequence[str]]]]:
    """Return the names by the member of the object itself that they begin with, and where in it they lead."""
    found: dict[str, list[tuple[str, Sequence[str]]]] = {}
    for name in wanted:
        head, *inner = name.split("/")
        found.setdefault(head, []).append((name, inner))
    return found


def _member(holder: object, key: str) -> object:
    if isinstance(holder, dict):
        return holder.get(key, _NOTHING)
    return holder[0] if key == "0" and isinstance(holder, list) and holder else _NOTHING
