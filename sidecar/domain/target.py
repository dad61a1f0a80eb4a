"""The canonical target: the one spelling of a request's path and query that we price and forward.

Matching, claiming, signing and forwarding all use the bytes made here; a target that two
programs could read differently is refused. Knows no route, price or server.

Within the path every character has one accepted spelling as far as routes can tell: what
may stand as itself must (`%61` for `a` is refused), and what separates (`/ \\ ? # ; %`) is
refused in its escaped form, so that an upstream which decodes, decodes twice, resolves dot
segments or cuts parameters still sees the path that was priced. Escapes of other characters
(`%20`, `%40`, `%C3%A9`) are kept as sent; `normal_spelling` tells routes.py what such a path
says when it is read rather than compared.

The query separates nothing for us, so it only has to arrive unchanged: `%2F`, `//`, `;` and
dots are usual there. The one rewriting is `'` to `%27`, as the URL parsers of many programs write it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from ledger.values import value

TARGETS_KEPT: Final = 256
"""How many are kept as they were read, a few MB: a request asks more than once, and many ask the same."""


class Ambiguity(StrEnum):
    """Why a target is refused."""

    NOT_ROOTED = "path does not start with '/'"
    CONTROL = "control byte"
    NON_ASCII = "byte above 0x7f"
    BACKSLASH = "backslash"
    FRAGMENT = "'#'"
    PARAMETER = "';' in the path"
    INVALID_ESCAPE = "'%' without two hex digits"
    EMPTY_SEGMENT = "'//' in the path"
    DOT_SEGMENT = "'.' or '..' segment"
    ESCAPED_CONTROL = "escaped control byte"
    ESCAPED_SEPARATOR = "escaped separator in the path"
    ESCAPED_UNRESERVED = "escaped letter, digit, '-', '.', '_' or '~' in the path"
    ESCAPED_NOT_UTF8 = "escaped bytes in the path that are not UTF-8"
    UNESCAPED = "character that must be escaped"


@value
class Target:
    """A target that everybody reads alike. `target` is what leaves; `segments` are of the path.

    The path always starts with a slash, which opens the first segment; only the last
    segment may be empty, and then the path ends with a slash.
    """

    path: bytes
    query: bytes
    target: bytes
    segments: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The target is refused; the reason carries nothing of it."""

    reason: Ambiguity


# RFC 3986 pchar without ';' and escapes.
_PLAIN: Final = rb"[A-Za-z0-9\-._~!$&'()*+,=:@]"
_MAY_STAND: Final = re.compile(_PLAIN)
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
# Most targets: no escape, no segment that begins with a dot.
_USUAL_PATH: Final = re.compile(rb"(?!.*/\.)/(?:%b+/)*%b*" % (_PLAIN, _PLAIN))
_USUAL_QUERY: Final = re.compile(rb"(?:[A-Za-z0-9\-._~!$&()*+,;=:@/?]|%[2-7][0-9A-F])*")

_BOTH_RULES: Final = (
    (re.compile(rb"[\x00-\x1f\x7f]"), Ambiguity.CONTROL),
    (re.compile(rb"[\x80-\xff]"), Ambiguity.NON_ASCII),
    (re.compile(rb"\\"), Ambiguity.BACKSLASH),
    (re.compile(rb"#"), Ambiguity.FRAGMENT),
    (re.compile(rb"%(?![0-9A-Fa-f]{2})"), Ambiguity.INVALID_ESCAPE),
)
_PATH_RULES: Final = (
    (re.compile(rb"\A(?!/)"), Ambiguity.NOT_ROOTED),
    *_BOTH_RULES,
    (re.compile(rb";"), Ambiguity.PARAMETER),
    (re.compile(rb"//"), Ambiguity.EMPTY_SEGMENT),
    (re.compile(rb"/(?:\.|%2[eE]){1,2}(?:/|\Z)"), Ambiguity.DOT_SEGMENT),
    (re.compile(rb"%(?:[01].|7[fF])"), Ambiguity.ESCAPED_CONTROL),
    (re.compile(rb"%(?:2[fF]|5[cC]|3[bBfF]|2[35])"), Ambiguity.ESCAPED_SEPARATOR),
    (
        re.compile(rb"%(?:2[dDeE]|3\d|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])"),
        Ambiguity.ESCAPED_UNRESERVED,
    ),
    (re.compile(rb"[ \"<>?\[\]^`{|}]"), Ambiguity.UNESCAPED),
)
_QUERY_RULES: Final = (
    *_BOTH_RULES,
    (re.compile(rb"%00"), Ambiguity.ESCAPED_CONTROL),
    (re.compile(rb"[ \"<>]"), Ambiguity.UNESCAPED),
)


@lru_cache(maxsize=TARGETS_KEPT)
def canonical(raw_path: bytes, raw_query: bytes) -> Target | Ambiguous:
    """The target as it will be matched and forwarded, or why it is refused.

    *raw_path* is the undecoded path without the query, *raw_query* what follows the first
    `?`, as an ASGI scope gives them. An empty query and none are the same.
    """
    if not _USUAL_PATH.fullmatch(raw_path):
        problem = _first(_PATH_RULES, raw_path) or _not_utf8(raw_path)
        if problem is not None:
            return Ambiguous(problem)
    segments = tuple(raw_path[1:].split(b"/"))
    if not raw_query:
        return Target(raw_path, b"", raw_path, segments)
    if not _USUAL_QUERY.fullmatch(raw_query):
        problem = _first(_QUERY_RULES, raw_query)
        if problem is not None:
            return Ambiguous(problem)
        raw_query = raw_query.replace(b"'", b"%27")
    return Target(raw_path, raw_query, b"%b?%b" % (raw_path, raw_query), segments)


def normal_spelling(path: bytes) -> bytes:
    """The same path, of a Target, with nothing escaped that may stand as itself, and hex in upper case."""
    return _ESCAPE.sub(_normal_escape, path)


def _normal_escape(escape: re.Match[bytes]) -> bytes:
    byte = bytes.fromhex(escape[1].decode("ascii"))
    return byte if _MAY_STAND.fullmatch(byte) else escape[0].upper()


def _first(rules: tuple[tuple[re.Pattern[bytes], Ambiguity], ...], raw: bytes) -> Ambiguity | None:
    for pattern, ambiguity in rules:
        if pattern.search(raw):
            return ambiguity
    return None


def _not_utf8(path: bytes) -> Ambiguity | None:
    """Overlong and broken sequences: lenient decoders make separators of them."""
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return Ambiguity.ESCAPED_NOT_UTF8
    return None
