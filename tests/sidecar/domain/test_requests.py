"""Requests: a number that is paid for is the number that every parser behind us reads."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.requests import (
    DEPTH_MAX,
    MODEL_PLACE,
    PLACE_CHARS_MAX,
    Request,
    document,
    invalid,
    parameters_of,
    reads_body,
    said,
)
from sidecar.domain.target import Target, canonical

PAGES = "query pages"
TOKENS = "body /max_tokens"


def asked(target: bytes = b"/search/7", body: object = None) -> Request:
    path, _, query = target.partition(b"?")
    found = canonical(path, query)
    assert isinstance(found, Target), found
    return Request(found, body)


def read(place: str, target: bytes = b"/search/7", body: object = None) -> object:
    """Return what the place says: a value, None for nothing, or the reason it is refused."""
    found = said(asked(target, body), [place], {"size": 1})
    if isinstance(found, Refusal):
        part, _, name = place.partition(" ")
        assert (found.code, found.part, found.place) == (Code.REQUEST_INVALID, part, name)
        return found.reason
    return found.get(place)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", None),
        (b"?other=5", None),
        (b"?pages=0", 0),
        (b"?a=1&pages=12&b=2", 12),
        (b"?pages=999999999999999999", 999_999_999_999_999_999),
        (b"?pages=1000000000000000000", "too_large"),
        (b"?pages=" + b"9" * 5000, "too_large"),
        (b"?pages=", "not_integer"),
        (b"?pages", "not_integer"),
        (b"?pages=-1", "not_integer"),
        (b"?pages=+1", "not_integer"),
        (b"?pages=1.0", "not_integer"),
        (b"?pages=1e3", "not_integer"),
        (b"?pages=007", "not_integer"),
        (b"?pages=0x10", "not_integer"),
        (b"?pages=%31", "not_integer"),
        (b"?pages=1%00", None),
        (b"?pages=1,100", "not_integer"),
        (b"?pages=1&pages=100", "ambiguous"),
        (b"?pages=1&Pages=100", "ambiguous"),
        (b"?Pages=100", "ambiguous"),
        (b"?%70ages=100", "ambiguous"),
        (b"?pages=1&page%C5%BF=100", "ambiguous"),
        (b"?pages=1&%FFpages=100", 1),
        (b"?pages=1&%70ages=100", "ambiguous"),
        (b"?pages=1&pages[]=100", "ambiguous"),
        (b"?pages%5B%5D=100", "ambiguous"),
        (b"?pages=1&+pages=100", "ambiguous"),
        (b"?a=1;pages=100&pages=1", "ambiguous"),
        (b"?a=1;b=2&pages=1", "ambiguous"),
    ],
)
def test_a_query_says_one_number_or_none(query: bytes, expected: object) -> None:
    """Also to a parser that decodes names, forgives their case, knows arrays or parts at semicolons."""
    if b"%00" in query:
        assert not isinstance(canonical(b"/search/7", query[1:]), Target)
    else:
        assert read(PAGES, b"/search/7" + query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"?max_pages=1", 1),
        (b"?max-pages=100", None),
        (b"?max_pages=1&max.pages=100", "ambiguous"),
        (b"?max_pages=1&max+pages=100", "ambiguous"),
        (b"?max_pages=1&max%5Bpages=100", "ambiguous"),
        (b"?max.pages=100", "ambiguous"),
        (b"?max_pages[a]=100", "ambiguous"),
    ],
)
def test_a_query_says_one_number_to_php_too(query: bytes, expected: object) -> None:
    """Which writes `_` for a dot, a space and an open bracket of a name, and takes the last one."""
    assert read("query max_pages", b"/search/7" + query) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/search/7", 7),
        (b"/search/x", "not_integer"),
        (b"/search/-7", "not_integer"),
        (b"/search/07", "not_integer"),
    ],
)
def test_a_path_says_its_parameter(path: bytes, expected: object) -> None:
    assert read("path size", path) == expected


@pytest.mark.parametrize(
    ("body", "place", "expected"),
    [
        ({"max_tokens": 5}, TOKENS, 5),
        ({"max_tokens": -5}, TOKENS, -5),
        ({"other": 5}, TOKENS, None),
        ({}, TOKENS, None),
        ({"max_tokens": 5.0}, TOKENS, "not_integer"),
        ({"max_tokens": "5"}, TOKENS, "not_integer"),
        ({"max_tokens": True}, TOKENS, "not_integer"),
        ({"max_tokens": [5]}, TOKENS, "not_integer"),
        ({"max_tokens": None}, TOKENS, "null"),
        ({"max_tokens": 5, "Max_Tokens": 9}, TOKENS, "ambiguous"),
        ({"MAX_TOKENS": 9}, TOKENS, "ambiguous"),
        ({"max_tokens": 1, "max_to\u212aens": 9}, TOKENS, "ambiguous"),
        ({"max_tokens": 1, "max_token\u017f": 9}, TOKENS, "ambiguous"),
        ([{"max_tokens": 9}], TOKENS, "no_such_member"),
        ("max_tokens", TOKENS, "no_such_member"),
        (None, TOKENS, "no_such_member"),
        ({"a": [{"n": 3}, {"n": 4}]}, "body /a/1/n", 4),
        ({"a": [{"n": 3}]}, "body /a/1/n", None),
        ({"a": 3}, "body /a/n", "no_such_member"),
        ({"a/b": {"c~d": 3}}, "body /a~1b/c~0d", 3),
        ({"model": "gpt"}, MODEL_PLACE, "gpt"),
        ({"model": 4}, MODEL_PLACE, "not_text"),
        ({"model": "gpt", "Model": "dear"}, MODEL_PLACE, "ambiguous"),
    ],
)
def test_a_body_says_a_member_or_nothing(body: object, place: str, expected: object) -> None:
    """Not where its name is spelled in another case, which some parsers read as the same."""
    assert read(place, body=body) == expected


@pytest.mark.parametrize(
    ("raw", "kinds", "codings", "place", "reason"),
    [
        (b"", [], [], "", "missing"),
        (b"{", [], [], "", "not_json"),
        (b"null", [], [], "", "not_json"),
        (b'{"n":1,"n":2}', [], [], "", "not_json"),
        (b'{"n":NaN}', [], [], "", "not_json"),
        (b'{"n":1e999}', [], [], "", "not_json"),
        (b'{"n":' + b"9" * 5000 + b"}", [], [], "", "not_json"),
        ('{"n":1}'.encode("utf-16"), [], [], "", "not_json"),
        (b"\xef\xbb\xbf{}", [], [], "", "not_json"),
        (b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), [], [], "", "not_json"),
        (b"{}", [b"application/x-www-form-urlencoded"], [], "content-type", "not_json"),
        (b"{}", [b"application/json; charset=utf-16"], [], "content-type", "not_json"),
        (b"{}", [b"application/json", b"text/plain"], [], "content-type", "not_json"),
        (b"{}", [b"application/json"], [b"gzip"], "content-encoding", "encoded"),
    ],
)
def test_a_body_that_can_be_read_otherwise_is_not_read(
    raw: bytes, kinds: Sequence[bytes], codings: Sequence[bytes], place: str, reason: str
) -> None:
    """It has to say that it is JSON, and be it."""
    refusal = document(raw, kinds, codings)

    assert isinstance(refusal, Refusal)
    assert (refusal.place, refusal.reason) == (place, reason)
    assert refusal.part == ("headers" if place else "body")


@pytest.mark.parametrize(
    "kind", [b"application/json", b"application/json; charset=UTF-8", b"Application/Vnd.api+JSON", None]
)
def test_a_json_body_is_read(kind: bytes | None) -> None:
    """Fractions and large numbers are as good as any, as deep as a conversation may go."""
    raw = b'{"temperature":0.5,"seed":18446744073709551615,"deep":' + b"[" * 40 + b"]" * 40 + b"}"

    found = document(raw, [kind] if kind else [], [b"identity"])

    assert found == json.loads(raw)


def test_places_know_whether_the_body_is_needed() -> None:
    assert reads_body([PAGES, TOKENS])
    assert not reads_body([PAGES, "path size"])
    assert parameters_of("GET /search/{size}/of/{what}") == {"size": 1, "what": 3}


def test_a_long_place_is_cut() -> None:
    """What a buyer wrote comes back to it, but not at any length."""
    assert len(invalid("body /" + "x" * 1000, "type").place) == PLACE_CHARS_MAX


@given(st.binary(max_size=40))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    """A number comes out only if the query holds its digits under its name, once."""
    found = canonical(b"/search/7", query)
    if not isinstance(found, Target):
        return
    read_ = said(Request(found), [PAGES], {})
    if isinstance(read_, dict) and PAGES in read_:
        assert f"pages={read_[PAGES]}".encode() in query
