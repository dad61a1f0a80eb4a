"""The member scanner: the same members at every splitting, whatever else passes, within its bounds."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.extract.members import KEPT_DEPTH_MAX, PIECE_BYTES_MAX, UNREAD, Found, MemberScanner

WANTED = {
    "id": 9000,
    "usage": 9000,
    "choices": 0,
    "response/usage": 9000,
    "response/model": 9000,
    "candidates/0/x": 9000,
    "candidates/0/id/0": 9000,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["id", "usage", "choices", "response", "candidates", "model", "x", "0", 'a"b\\', "usäge"]
)
INNER = st.dictionaries(KEYS, JSON, max_size=3)
OBJECTS = st.dictionaries(KEYS, INNER | st.lists(INNER | JSON, max_size=3) | JSON, max_size=6)


def scan(pieces: Iterable[bytes], wanted: Mapping[str, int] = WANTED) -> Found:
    scanner = MemberScanner(wanted)
    for piece in pieces:
        scanner.feed(piece)
    return scanner.finish()


def expected(value: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    response = value.get("response")
    inner = response if isinstance(response, dict) else {}
    yield from ((key, value[key]) for key in ("id", "usage") if key in value)
    yield from ((f"response/{key}", inner[key]) for key in ("model", "usage") if key in inner)
    if "choices" in value:
        yield "choices", UNREAD
    for first in firsts(value.get("candidates")):
        if isinstance(first, dict) and "x" in first:
            yield "candidates/0/x", first["x"]
        if isinstance(first, dict):
            yield from (("candidates/0/id/0", inmost) for inmost in firsts(first.get("id")))


def firsts(value: object) -> Iterator[object]:
    if isinstance(value, dict) and "0" in value:
        yield value["0"]
    elif isinstance(value, list) and value:
        yield value[0]


def split(text: bytes, cuts: Iterable[int]) -> list[bytes]:
    return [
        text[start:end]
        for start, end in pairwise([0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)])
    ]


@given(OBJECTS, st.sampled_from([None, 1]), st.booleans(), st.lists(st.integers(0, 10**6), max_size=5))
def test_members_are_found_wherever_they_stand(
    value: dict[str, object], indent: int | None, ascii_only: bool, cuts: list[int]
) -> None:
    """Any object, written in any way and cut anywhere, gives its wanted members and nothing else."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()

    found = scan(split(text, cuts))

    assert found == Found(dict(expected(value)), whole=True, begun=True)


@given(
    st.binary(max_size=80) | st.text(alphabet='{}[]",:\\ uid1e', max_size=80).map(str.encode),
    st.integers(0, 80),
)
def test_junk_is_survived_and_splitting_changes_nothing(text: bytes, cut: int) -> None:
    """Bytes that are no JSON raise nothing, in one piece, in two, or one at a time."""
    whole = scan([text])

    assert scan(split(text, [cut])) == whole
    assert scan(bytes([byte]) for byte in text) == whole


@given(OBJECTS, st.integers(0, 200))
def test_a_text_that_breaks_off_gives_what_was_complete(value: dict[str, object], length: int) -> None:
    """A cut-off object is not whole, and holds no member that the whole one does not hold."""
    text = json.dumps(value).encode()

    found = scan([text[:length]])

    assert found.whole is (length >= len(text))
    assert found.values.items() <= dict(expected(value)).items()


@pytest.mark.parametrize(
    "text",
    [
        b'{"usage": %b}' % (b"[" * (KEPT_DEPTH_MAX + 1) + b"]" * (KEPT_DEPTH_MAX + 1)),
        b'{"usage": "%b"}' % (b"x" * 500),
        b'{"usage": 1%b}' % (b"0" * 500),
        b'{"usage": nonsense}',
        b'{"usage": "\xff"}',
        b'{"usage": {"a" 1}}',
    ],
)
def test_what_is_too_long_too_deep_or_no_json_is_there_and_unread(text: bytes) -> None:
    """A wanted member over its bounds is told as present without a value."""
    assert scan([text], {"usage": 200}).values == {"usage": UNREAD}


def test_numbers_that_are_not_whole_are_text() -> None:
    """No inexact number is ever made of what passes."""
    assert scan([b'{"usage": [1, 1.0, 1e3, NaN]}']).values == {"usage": [1, "1.0", "1e3", "NaN"]}


def test_a_repeated_member_counts_as_it_was_said_last() -> None:
    """As the standard parser has it."""
    assert scan([b'{"id": 1, "id": 2}']).values == {"id": 2}


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        (b"", {}),
        (b" ", {}),
        (b'{"x": 1}', {"candidates/0/x": 1}),
        (b'{"x": 1}, {"x": 2}, [{"x": 3}], 4', {"candidates/0/x": 1}),
        (b'4, {"x": 2}', {}),
        (b'[{"x": 3}], {"x": 2}', {}),
        (b'{"id": [5, 6], "x": [7]}', {"candidates/0/id/0": 5, "candidates/0/x": [7]}),
    ],
)
def test_of_an_array_the_first_element_is_entered(elements: bytes, found: dict[str, object]) -> None:
    """A path with `0` leads into the first element, and what comes behind the array is found again."""
    text = b'{"candidates": [%b], "id": 9}' % elements

    assert scan([text]) == Found({**found, "id": 9}, whole=True, begun=True)


@pytest.mark.parametrize("text", [b'{"candidates": [}', b'{"candidates": [{"x": 1]', b'{"candidates": {]'])
def test_a_bracket_closes_only_its_own_kind(text: bytes) -> None:
    """An array does not end with a brace, nor an object with a bracket."""
    assert not scan([text + b', "id": 1}']).whole


def test_a_scanner_can_begin_anew() -> None:
    """Of several objects in a row each is read by itself, and each tells where it ended."""
    scanner = MemberScanner(WANTED)
    text = b'{"id": 1, "usage": 2} {"id": 3}'

    end = scanner.take(text, 0)
    first = scanner.finish()
    scanner.restart()
    scanner.take(text, end)

    assert text[end:] == b' {"id": 3}'
    assert (first.values, scanner.finish().values) == ({"id": 1, "usage": 2}, {"id": 3})


def test_a_long_text_is_looked_at_in_pieces() -> None:
    """A chunk longer than a piece reads as its pieces do."""
    text = b'{"x": "' + b"y" * PIECE_BYTES_MAX + b'", "id": 1}'

    assert scan([text]).values == {"id": 1}


@pytest.mark.parametrize("text", [b"[1, 2]", b'"id"', b"", b"  ", b"<html>", b"]"])
def test_what_is_no_object_has_no_members(text: bytes) -> None:
    """Anything but an object is not even begun."""
    assert scan([text]) == Found({}, whole=False, begun=False)


def test_a_byte_order_mark_is_passed_over() -> None:
    """Some servers write one, although JSON has none."""
    assert scan([b"\xef\xbb", b'\xbf {"id": 1}\n']).values == {"id": 1}


def test_state_is_bounded_whatever_passes() -> None:
    """Eight megabytes of long strings, long keys and deep nesting leave less than a kilobyte behind."""
    scanner = MemberScanner(WANTED)
    scanner.feed(b'{"usage": {"a": "')
    for _ in range(32):
        scanner.feed(b"x" * 65_536)
    scanner.feed(b'"}, "' + b"k" * 1_000_000 + b'": ')
    for _ in range(32):
        scanner.feed(b'["\\"",{"k":' * 6000)

    kept = [value for value in vars(scanner).values() if isinstance(value, bytes | bytearray)]

    assert sum(map(len, kept)) < 1024
    assert scanner.finish().values == {"usage": UNREAD}
