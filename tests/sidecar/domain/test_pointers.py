"""A pointer is read, written and followed as RFC 6901 says, in one place for rules, prices and schemas."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.pointers import Missing, read, step, written

DOCUMENT = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, "01": {"01": None}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/m~0n", 8),
        ("/01/01", None),
        ("/foo/2", Missing.ABSENT),
        ("/foo/01", Missing.IMPOSSIBLE),
        ("/foo/-", Missing.IMPOSSIBLE),
        ("/foo/bar", Missing.IMPOSSIBLE),
        ("/other", Missing.ABSENT),
        ("/01/02", Missing.ABSENT),
    ],
)
def test_a_pointer_leads_to_a_member_or_tells_why_not(text: str, found: Any) -> None:
    """The standard's own examples, and where there is nothing."""
    names = read(text)
    assert names is not None
    value: object = DOCUMENT
    for name in names:
        value = step(value, name)
    assert value == found


@pytest.mark.parametrize("value", ["text", 1, None, True])
def test_what_has_no_members_has_none(value: object) -> None:
    """Not even by number."""
    assert step(value, "0") is Missing.IMPOSSIBLE


@pytest.mark.parametrize("text", ["", "error", "#/error", "/a~2b", "/a~", "$.error", "a/b"])
def test_what_is_no_pointer_is_told(text: str) -> None:
    """A path in another language would never lead anywhere."""
    assert read(text) is None


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5))
def test_what_is_written_is_read(names: list[str]) -> None:
    """Whatever the names hold."""
    assert read(written(names)) == tuple(names)
