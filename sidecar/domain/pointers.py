"""JSON pointers (RFC 6901): read into names, written from them, and followed by one name at a time. Pure."""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Final

_SYNTAX: Final = re.compile(r"(/([^~/]|~[01])*)+")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
POINTERS_KEPT: Final = 1024


class Missing(Enum):
    """Why a value has no such member."""

    ABSENT = "absent"  # it could have one
    IMPOSSIBLE = "impossible"  # it has no members, or none of such a name


@lru_cache(maxsize=POINTERS_KEPT)
def read(text: str) -> tuple[str, ...] | None:
    """Return the names of a pointer to a member, `/status` or `/choices/0/error`; None if it is none."""
    if not _SYNTAX.fullmatch(text):
        return None
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def written(names: Iterable[str]) -> str:
    """Return the pointer of *names*."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def step(value: object, name: str) -> object | Missing:
    """Return the member of *value* of that name, or why there is none."""
    found: object = Missing.IMPOSSIBLE
    if isinstance(value, dict):
        found = value.get(name, Missing.ABSENT)
    elif isinstance(value, list) and _INDEX.fullmatch(name):
        found = value[int(name)] if int(name) < len(value) else Missing.ABSENT
    return found
