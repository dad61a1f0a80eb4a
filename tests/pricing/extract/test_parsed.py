"""The quick way: what the standard parser gives is what scanning gives."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pricing.extract.members import Found, MemberScanner
from pricing.extract.parsed import read_members
from tests.pricing.extract.test_members import OBJECTS, WANTED, scan


@given(OBJECTS)
def test_the_quick_way_reads_the_same(value: dict[str, object]) -> None:
    """Reading a whole text with the standard parser gives what scanning it gives."""
    text = json.dumps(value).encode()

    assert read_members(WANTED, text) == scan([text])


@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:\\ uid1e', max_size=80).map(str.encode))
def test_junk_is_survived(text: bytes) -> None:
    """Bytes that are no JSON raise nothing; of what the parser refuses the scanner keeps what it can."""
    read_members(WANTED, text)


def test_what_breaks_off_is_scanned() -> None:
    """An object without its end gives what was complete, and is not whole."""
    assert read_members(WANTED, b'{"id": 1, "usage": {"a"') == Found({"id": 1}, whole=False, begun=True)


def test_numbers_that_are_not_whole_are_text() -> None:
    """No inexact number is ever made of what passes."""
    text = b'{"usage": [1, 1.0, 1.2e-05, NaN]}'
    scanner = MemberScanner(WANTED)
    scanner.feed(text)

    assert read_members(WANTED, text).values == {"usage": [1, "1.0", "1.2e-05", "NaN"]}
    assert scanner.finish() == read_members(WANTED, text)
