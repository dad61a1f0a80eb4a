"""Routes: the first match wins, whatever the spelling."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.routes import (
    BadRoutes,
    Matched,
    RouteProblem,
    Routes,
    UnknownRoute,
    WrongMethod,
    compile_routes,
)
from sidecar.domain.target import Target, canonical, normal_spelling
from tests.sidecar.domain.path_variants import readings, variants

KEYS = ["POST /research", "GET /models/{name}", "GET /docs/*", "GET /v1/models:list", "PUT /models/{name}"]


def routes(*keys: str) -> Routes:
    compiled = compile_routes(keys)
    assert isinstance(compiled, Routes), compiled
    return compiled


def target(path: str | bytes) -> Target:
    canonised = canonical(path if isinstance(path, bytes) else path.encode(), b"")
    assert isinstance(canonised, Target), canonised
    return canonised


def problems(*keys: str) -> tuple[RouteProblem, ...]:
    compiled = compile_routes(keys)
    assert isinstance(compiled, BadRoutes)
    return compiled.problems


@pytest.mark.parametrize(
    ("request_line", "match"),
    [
        ("POST /research", Matched(0, "POST /research")),
        ("GET /research", WrongMethod(("POST",))),
        ("post /research", WrongMethod(("POST",))),
        ("POST /research/", UnknownRoute()),
        ("POST /Research", UnknownRoute()),
        ("POST /researc", UnknownRoute()),
        ("POST /research/deep", UnknownRoute()),
        ("GET /models/gpt-4o", Matched(1, "GET /models/{name}")),
        ("HEAD /models/gpt-4o", Matched(1, "GET /models/{name}")),
        ("PUT /models/gpt-4o", Matched(4, "PUT /models/{name}")),
        ("GET /models/{name}".replace("{name}", "%7Bname%7D"), Matched(1, "GET /models/{name}")),
        ("GET /models/caf%C3%A9", Matched(1, "GET /models/{name}")),
        ("GET /models/", UnknownRoute()),
        ("GET /models", UnknownRoute()),
        ("GET /models/a/b", UnknownRoute()),
        ("DELETE /models/a", WrongMethod(("GET", "HEAD", "PUT"))),
        ("OPTIONS /models/a", WrongMethod(("GET", "HEAD", "PUT"))),
        ("GET /docs/", Matched(2, "GET /docs/*")),
        ("GET /docs/a/b/", Matched(2, "GET /docs/*")),
        ("GET /docs", UnknownRoute()),
        ("GET /docsx/a", UnknownRoute()),
        ("GET /v1/models:list", Matched(3, "GET /v1/models:list")),
        ("GET /", UnknownRoute()),
    ],
)
def test_a_request_belongs_to_one_entry(request_line: str, match: object) -> None:
    """Case, trailing slashes and methods make another request; parameters are one non-empty segment."""
    method, path = request_line.split(" ")
    assert routes(*KEYS).match(method, target(path)) == match


def test_the_first_entry_wins_also_over_a_literal_path() -> None:
    """The order of the config decides, not how precise an entry is."""
    table = routes("GET /a/{x}", "POST /a/b", "GET /*")

    assert table.match("GET", target("/a/b")) == Matched(0, "GET /a/{x}")
    assert table.match("POST", target("/a/b")) == Matched(1, "POST /a/b")
    assert table.match("GET", target("/a/b/c")) == Matched(2, "GET /*")
    assert table.match("GET", target("/")) == Matched(2, "GET /*")


def test_the_methods_of_a_path_are_listed_for_allow() -> None:
    """In the config's order, with HEAD where GET is; none for a path that is no route."""
    table = routes("POST /a", "GET /{x}", "DELETE /a")

    assert table.allow(target("/a")) == ("POST", "GET", "HEAD", "DELETE")
    assert table.allow(target("/b")) == ("GET", "HEAD")
    assert table.allow(target("/b/c")) == ()


def test_a_table_without_routes_knows_none() -> None:
    """What is not listed is refused, also when nothing is."""
    assert routes().match("GET", target("/")) == UnknownRoute()


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("/research", "route_shape"),
        ("POST", "route_shape"),
        ("post /research", "route_shape"),
        ("POST  /research", "route_shape"),
        ("POST research", "route_shape"),
        ("POST http://agent/research", "route_shape"),
        ("* /research", "route_shape"),
        ("HEAD /research", "route_method"),
        ("OPTIONS /research", "route_method"),
        ("CONNECT /research", "route_method"),
        ("TRACE /research", "route_method"),
        ("GET /docs*", "route_wildcard"),
        ("GET /*/docs", "route_wildcard"),
        ("GET /docs/**", "route_wildcard"),
        ("GET /models/{}", "route_parameter"),
        ("GET /models/v{name}", "route_parameter"),
        ("GET /models/{na-me}", "route_parameter"),
        ("GET /models/{name", "route_parameter"),
        ("GET /{a}/{a}", "route_parameter"),
        ("GET //docs", "route_path"),
        ("GET //*", "route_path"),
        ("GET /a/../b", "route_path"),
        ("GET /a b", "route_path"),
        ("GET /a?b=c", "route_path"),
        ("GET /café", "route_path"),
        ("GET /\udc80", "route_path"),
        ("GET /%61", "route_path"),
        ("GET /me%40x", "route_path"),
        ("GET /caf%c3%a9", "route_path"),
        ("GET /a;b", "route_path"),
        ("GET /a\n", "route_path"),
    ],
)
def test_an_entry_that_cannot_match_as_written_is_a_problem(key: str, code: str) -> None:
    """A typo in a route is found at start, not when a buyer is not charged."""
    assert [(p.index, p.key, p.code) for p in problems("GET /ok", key)] == [(1, key, code)]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("GET /a", "GET /a"),
        ("GET /{x}", "GET /a"),
        ("GET /{x}", "GET /{y}"),
        ("GET /*", "GET /a/{x}"),
        ("GET /*", "GET /"),
        ("GET /a/*", "GET /a/"),
        ("GET /a/*", "GET /a/b/*"),
        ("GET /{x}/*", "GET /a/b/{c}"),
    ],
)
def test_an_entry_behind_one_that_takes_all_is_a_problem(first: str, later: str) -> None:
    """A priced route hidden behind a free one would be sold for nothing."""
    (problem,) = problems("POST /z", first, later)

    assert (problem.index, problem.code) == (2, "route_unreachable")
    assert first in problem.message


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("POST /a", "GET /a"),
        ("GET /a", "GET /{x}"),
        ("GET /a/*", "GET /a"),
        ("GET /a/{x}", "GET /a/"),
        ("GET /a/{x}", "GET /a/*"),
        ("GET /{x}", "GET /a/b"),
        ("GET /{x}/b", "GET /a/{y}"),
    ],
)
def test_entries_that_overlap_in_part_are_fine(first: str, later: str) -> None:
    """Order is how a seller makes exceptions."""
    assert isinstance(compile_routes([first, later]), Routes)


def test_all_problems_are_listed_in_order() -> None:
    """A config is corrected in one round."""
    found = problems("GET /a;b", "GET /a", "HEAD /a", "GET /a")
    assert [(p.index, p.code) for p in found] == [
        (0, "route_path"),
        (2, "route_method"),
        (3, "route_unreachable"),
    ]


@pytest.mark.parametrize("path", [b"/agent/research", b"/v1/models:list", b"/a/b@c/"])
def test_no_variant_of_a_priced_path_reaches_a_free_route(path: bytes) -> None:
    """What any server could read as the priced path is refused before the free rest (attack X11)."""
    table = routes(f"GET {path.decode()}", "GET /x/{y}/*", "GET /*")
    priced = table.match("GET", target(path))
    assert priced == Matched(0, f"GET {path.decode()}")

    for variant in variants(path):
        spelled = canonical(variant, b"")
        if isinstance(spelled, Target) and path in readings(variant):
            assert table.match("GET", spelled) == UnknownRoute(), variant


PATTERN_SEGMENTS = st.sampled_from(["a", "b", "m:x", "c%20", "{p}", "{q}"])
METHODS = st.sampled_from(["GET", "POST", "PUT"])


@st.composite
def keys(draw: st.DrawFn) -> str:
    segments = draw(st.lists(PATTERN_SEGMENTS, max_size=3, unique=True))
    last = draw(st.sampled_from([[], ["*"], [""]]))
    return f"{draw(METHODS)} /" + "/".join(segments + last)


def wanted(key: str, method: str, path: bytes) -> bool:
    """The rule of the config in the plainest form."""
    its_method, pattern = key.split(" ")
    expression = re.sub(r"\\\{.\\\}", "[^/]+", re.escape(pattern)).replace(r"/\*", "/.*")
    return its_method == method and re.fullmatch(expression.encode(), path) is not None


def scan(entries: list[str], method: str, path: bytes) -> int | None:
    return next((index for index, key in enumerate(entries) if wanted(key, method, path)), None)


def paths() -> st.SearchStrategy[bytes]:
    spelled = st.sampled_from(["a", "b", "m:x", "m%3Ax", "m%3ax", "c%20", "d"])
    return st.tuples(st.lists(spelled, max_size=4), st.booleans()).map(
        lambda drawn: ("/" + "/".join(drawn[0]) + ("/" if drawn[0] and drawn[1] else "")).encode()
    )


@given(entries=st.lists(keys(), max_size=8), requests=st.lists(st.tuples(METHODS, paths()), max_size=20))
def test_the_compiled_table_answers_as_a_scan_of_the_config(
    entries: list[str], requests: list[tuple[str, bytes]]
) -> None:
    """Compiling changes nothing: first match wins, and an entry called unreachable never matched."""
    compiled = compile_routes(entries)
    dropped: set[int] = set()
    if isinstance(compiled, BadRoutes):
        assert {problem.code for problem in compiled.problems} == {"route_unreachable"}
        dropped = {problem.index for problem in compiled.problems}
    reachable = [key for index, key in enumerate(entries) if index not in dropped]
    table = routes(*reachable)

    for method, path in requests:
        assert scan(entries, method, path) not in dropped
        found = {m: scan(reachable, m, path) for m in ("GET", "POST", "PUT")}
        read = {m: scan(reachable, m, normal_spelling(path)) for m in ("GET", "POST", "PUT")}
        match = table.match(method, target(path))
        if found != read or not any(index is not None for index in found.values()):
            assert match == UnknownRoute()
        elif (index := found[method]) is not None:
            assert match == Matched(index, reachable[index])
        else:
            assert isinstance(match, WrongMethod)
            assert set(match.allow) - {"HEAD"} == {m for m, index in found.items() if index is not None}
