"""One object, or an array of them: each is told whole, at every splitting, and nothing else is."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.extract.elements import ElementScanner
from pricing.extract.members import Found, MemberScanner
from tests.pricing.extract.test_members import OBJECTS, WANTED, split

ONE = Found({"id": 1}, whole=True, begun=True)
NOTHING = Found({}, whole=False, begun=False)
CLOSED = Found({}, whole=True, begun=True)


def scan(pieces: Iterable[bytes]) -> tuple[list[Found], Found]:
    scanner = ElementScanner(WANTED)
    elements = [element for piece in pieces for element in scanner.feed(piece)]
    return elements, scanner.finish()


def alone(value: object) -> Found:
    scanner = MemberScanner(WANTED)
    scanner.feed(json.dumps(value).encode())
    return scanner.finish()


@given(OBJECTS, st.lists(st.integers(0, 10**6), max_size=5))
def test_an_object_is_read_as_before(value: dict[str, object], cuts: list[int]) -> None:
    """What is no array has no elements, and its members are told at the end."""
    assert scan(split(json.dumps(value).encode(), cuts)) == ([], alone(value))


@given(st.lists(OBJECTS, max_size=4), st.sampled_from([None, 1]), st.lists(st.integers(0, 10**6), max_size=5))
def test_each_element_of_an_array_is_told(
    values: list[dict[str, object]], indent: int | None, cuts: list[int]
) -> None:
    """Cut anywhere, an array of objects gives each of them, as if it stood alone."""
    text = json.dumps(values, indent=indent).encode()

    assert scan(split(text, cuts)) == ([alone(value) for value in values], CLOSED)
    assert scan(bytes([byte]) for byte in text) == ([alone(value) for value in values], CLOSED)


@pytest.mark.parametrize(
    ("text", "elements", "end"),
    [
        (b'\xef\xbb\xbf [{"id": 1}]', [ONE], CLOSED),
        (b'[{"id": 1},\r\n{"id": 1}', [ONE, ONE], NOTHING),
        (b'[{"id": 1}, {"id": 1, "usage": {', [ONE], Found({"id": 1}, whole=False, begun=True)),
        (b'[{"id": 1}] {"id": 2}', [ONE], CLOSED),
        (b'[{"id": 1}, 5, {"id": 2}]', [ONE], NOTHING),
        (b'["{", {"id": 2}]', [], NOTHING),
        (b'[[{"id": 2}]]', [], NOTHING),
        (b"[", [], NOTHING),
        (b"", [], NOTHING),
        (b"<html>{", [], NOTHING),
        (b'{"id": 1} {"id": 2}', [], ONE),
        (b'{"id": 1 ? "usage": 2}', [], Found({"id": 1}, whole=False, begun=True)),
        (b'[{"id" 1}, {"id": 2}]', [], Found({}, whole=False, begun=True)),
    ],
)
def test_what_is_cut_off_or_no_array_of_objects(text: bytes, elements: list[Found], end: Found) -> None:
    """Reading stops at the first thing that is neither; what was complete before is told."""
    assert scan([text]) == (elements, end)
    assert scan(bytes([byte]) for byte in text) == (elements, end)


JUNK = st.binary(max_size=60) | st.text(alphabet='{}[]",: id1', max_size=60).map(str.encode)


@given(JUNK, st.integers(0, 60))
def test_junk_is_survived_and_splitting_changes_nothing(text: bytes, cut: int) -> None:
    """Bytes that are no JSON raise nothing, and read the same in one piece, in two or in many."""
    whole = scan([text])

    assert scan(split(text, [cut])) == whole
    assert scan(bytes([byte]) for byte in text) == whole


def test_an_endless_array_leaves_nothing_behind() -> None:
    """Elements are given out and forgotten."""
    scanner = ElementScanner(WANTED)
    for _ in scanner.feed(b"["):
        pass

    count = sum(1 for _ in range(100) for _ in scanner.feed(b'{"id": 1, "x": "yyyyyyyy"},' * 100))

    assert count == 10_000
    assert scanner.finish() == NOTHING
