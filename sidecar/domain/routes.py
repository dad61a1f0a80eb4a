"""Routes: which configured entry a method and a canonical target belong to.

Patterns are compiled once. The first entry that matches wins; paths are compared byte by
byte, so case and a trailing slash make another path. HEAD is matched as GET. Knows no price
and no HTTP status.

A target may carry escapes of characters that may stand as themselves (`%40` for `@`). If
such a path belongs elsewhere when it is read, it is no route at all: an upstream that reads
it would serve one entry for the price of another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sidecar.domain.target import Ambiguous, Target, canonical, normal_spelling


@dataclass(frozen=True, slots=True)
class Matched:
    """The entry at *index*; *key* is its text in the config and names the endpoint."""

    index: int
    key: str


@dataclass(frozen=True, slots=True)
class UnknownRoute:
    """No entry has this path."""


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The path is ours, the method is not; *allow* lists the methods in the config's order."""

    allow: tuple[str, ...]


Match = Matched | UnknownRoute | WrongMethod


@dataclass(frozen=True, slots=True)
class RouteProblem:
    """What is wrong with one entry, in a sentence that makes sense beside its key."""

    index: int
    key: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class BadRoutes:
    """The table cannot be used; every problem is listed, in the config's order."""

    problems: tuple[RouteProblem, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One parsed entry: its segments, None for a `{name}`, and whether any rest may follow."""

    index: int
    key: str
    method: str
    segments: tuple[bytes | None, ...]
    rest: bool

    @property
    def literal(self) -> bytes | None:
        """The only path this entry has, if it has only one."""
        if self.rest or None in self.segments:
            return None
        return b"".join(b"/%b" % segment for segment in self.segments if segment is not None)

    @property
    def expression(self) -> bytes:
        """A bytes regular expression of the paths of this entry."""
        parts = [b"/[^/]+" if segment is None else re.escape(b"/" + segment) for segment in self.segments]
        return b"".join(parts) + (b"/.*" if self.rest else b"")

    def covers(self, other: Pattern) -> bool:
        """Whether every request of *other* belongs here."""
        size = len(self.segments)
        if self.method != other.method or len(other.segments) < size:
            return False
        tail = other.rest or len(other.segments) > size
        if tail != self.rest:
            return False
        return all(
            mine == theirs if mine is not None else theirs != b""
            for mine, theirs in zip(self.segments, other.segments[:size], strict=True)
        )


class Routes:
    """A compiled table. Asking it costs one dictionary lookup, or one regular expression per method."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        """*patterns* in the config's order, as `compile_routes` made them."""
        methods = tuple(dict.fromkeys(pattern.method for pattern in patterns))
        self._alternatives: Final[Mapping[str, _Alternatives]] = {
            method: _Alternatives([p for p in patterns if p.method == method]) for method in methods
        }
        # The answers for paths that are written out are known now, for every method.
        literals = {p.literal for p in patterns} - {None}
        self._literals: Final = {path: self._search(path) for path in literals if path is not None}

    def match(self, method: str, target: Target) -> Match:
        """The entry for a request; methods are compared as sent, in upper case."""
        answers = self._answers(target.path)
        if not answers:
            return UnknownRoute()
        found = answers.get("GET" if method == "HEAD" else method)
        return found if found is not None else WrongMethod(_with_head(answers))

    def allow(self, target: Target) -> tuple[str, ...]:
        """The methods this path has, in the config's order; empty if it is no route."""
        return _with_head(self._answers(target.path))

    def _answers(self, path: bytes) -> Mapping[str, Matched]:
        answers = self._find(path)
        if b"%" in path and self._find(normal_spelling(path)) != answers:
            return {}
        return answers

    def _find(self, path: bytes) -> Mapping[str, Matched]:
        answers = self._literals.get(path)
        return self._search(path) if answers is None else answers

    def _search(self, path: bytes) -> Mapping[str, Matched]:
        found = ((method, entries.first(path)) for method, entries in self._alternatives.items())
        return {method: matched for method, matched in found if matched is not None}


class _Alternatives:
    """The entries of one method as a single expression; its groups are tried in order."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._matched: Final = tuple(Matched(pattern.index, pattern.key) for pattern in patterns)
        self._expression: Final = re.compile(
            b"|".join(b"(%b)" % pattern.expression for pattern in patterns), re.DOTALL
        )

    def first(self, path: bytes) -> Matched | None:
        hit = self._expression.fullmatch(path)
        if hit is None:
            return None
        assert hit.lastindex is not None, "each entry is a group of its own"
        return self._matched[hit.lastindex - 1]


def _with_head(answers: Mapping[str, Matched]) -> tuple[str, ...]:
    allow: list[str] = []
    for method in answers:
        allow += ("GET", "HEAD") if method == "GET" else (method,)
    return tuple(allow)


def compile_routes(keys: Sequence[str]) -> Routes | BadRoutes:
    """The table of *keys* like `"GET /models/{name}"`, or everything that is wrong with it."""
    parsed = [_parse(index, key) for index, key in enumerate(keys)]
    patterns = [entry for entry in parsed if isinstance(entry, Pattern)]
    problems = [entry for entry in parsed if isinstance(entry, RouteProblem)]
    problems += filter(None, (_unreachable(p, patterns) for p in patterns))
    if problems:
        return BadRoutes(tuple(sorted(problems, key=lambda problem: problem.index)))
    return Routes(patterns)


_KEY: Final = re.compile(r"([A-Z]+) (/.*)", re.DOTALL)
_NAME: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_NOT_FOR_SALE: Final = {
    "HEAD": "HEAD is matched and priced as GET: write GET",
    "OPTIONS": "OPTIONS is answered by the sidecar and cannot be a route",
    "CONNECT": "CONNECT cannot be forwarded",
    "TRACE": "TRACE is not forwarded: it would echo the payment",
}


def _parse(index: int, key: str) -> Pattern | RouteProblem:
    def problem(code: str, message: str) -> RouteProblem:
        return RouteProblem(index, key, code, message)

    parts = _KEY.fullmatch(key)
    if parts is None:
        return problem("route_shape", 'a route is an upper-case method, one space and a path, "GET /docs/*"')
    method, path = parts.groups()
    if method in _NOT_FOR_SALE:
        return problem("route_method", _NOT_FOR_SALE[method])
    texts = path[1:].split("/")
    rest = texts[-1] == "*"
    if rest:
        texts.pop()
    names = [text for text in texts if _NAME.fullmatch(text)]
    literals = [text for text in texts if text not in names]
    if any("*" in text for text in literals):
        return problem("route_wildcard", "'*' stands only for the whole rest, as the last segment")
    if any("{" in text or "}" in text for text in literals):
        return problem(
            "route_parameter", "a parameter is a whole segment: '{name}' of letters, digits and '_'"
        )
    if len(set(names)) != len(names):
        return problem("route_parameter", "two parameters have one name")
    sample = "/" + "/".join("x" if text in names else text for text in (*texts, *([""] if rest else [])))
    target = canonical(sample.encode("utf-8", "surrogatepass"), b"")
    if isinstance(target, Ambiguous):
        return problem("route_path", f"no request can have this path: {target.reason}")
    if normal_spelling(target.path) != target.path:
        return problem("route_path", "escapes are upper-case, and only for characters that need one")
    return Pattern(index, key, method, _segments(texts, names), rest)


def _segments(texts: Sequence[str], names: Sequence[str]) -> tuple[bytes | None, ...]:
    return tuple(None if text in names else text.encode("ascii") for text in texts)


def _unreachable(pattern: Pattern, patterns: Sequence[Pattern]) -> RouteProblem | None:
    """An entry behind one that takes all its requests would be sold at the other's price."""
    for earlier in patterns:
        if earlier.index >= pattern.index:
            return None
        if earlier.covers(pattern):
            message = f'never reached: "{earlier.key}" comes first and takes all its requests'
            return RouteProblem(pattern.index, pattern.key, "route_unreachable", message)
    return None
