"""JSON from strangers is read one way or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.x402.bounded_json import (
    DEPTH_MAX,
    INTEGER_MAX,
    read_document,
    read_loose_object,
    read_object,
    read_objects,
    read_value,
)


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"[]",
        b"5",
        b"null",
        b'"text"',
        b"{",
        b"{}{}",
        b"{} x",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":+1}',
        b"\xff{}",
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\n"}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        nested(DEPTH_MAX + 1),
        b'{"a":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}",
        b"[" * 100_000,
        b'{"a":' * 10_000,
        b'{"a":' + b'"\\' * 6_000 + b"[" * 20,
    ],
)
def test_what_programs_read_differently_is_not_read(raw: bytes) -> None:
    """Repeated keys, odd numbers, broken text and depth are refused by both readers."""
    assert read_object(raw) is None
    assert read_loose_object(raw) is None


@pytest.mark.parametrize(
    "number",
    [b"1.0", b"1e3", b"-0.5", str(INTEGER_MAX + 1).encode(), str(-INTEGER_MAX - 1).encode(), b"9" * 500],
)
def test_only_whole_bounded_numbers_are_exact(number: bytes) -> None:
    """A fraction or a huge number is refused, or kept as text where nobody reads it."""
    raw = b'{"a":%b}' % number
    assert read_object(raw) is None
    assert read_loose_object(raw) == {"a": number.decode()}


@pytest.mark.parametrize(
    ("raw", "document"),
    [
        (b"{}", {}),
        (b' {"a" : [1, -2, true, null, "b"]}\n', {"a": [1, -2, True, None, "b"]}),
        (b'{"a":%d,"b":-%d}' % (INTEGER_MAX, INTEGER_MAX), {"a": INTEGER_MAX, "b": -INTEGER_MAX}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ('{"a":"\U0001f600é"}'.encode(), {"a": "\U0001f600é"}),
        (b'{"a":"[[[[[[[[[[[[[[[[[[[[\\"{{{{{{"}', {"a": '[[[[[[[[[[[[[[[[[[[["{{{{{{'}),
        (b'{"a":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}', {"a": [[] for _ in range(18)]}),
        (nested(DEPTH_MAX), json.loads(nested(DEPTH_MAX))),
    ],
)
def test_an_ordinary_object_is_read(raw: bytes, document: object) -> None:
    """Depth and size of numbers are read up to their limits; brackets in strings do not count."""
    assert read_object(raw) == document


@pytest.mark.parametrize(
    ("raw", "objects"),
    [
        (b"[]", []),
        (b'{"a":1}', [{"a": 1}]),
        (b' [{"a":1}, {} ] ', [{"a": 1}, {}]),
        (b"[" + nested(DEPTH_MAX - 1) + b"]", [json.loads(nested(DEPTH_MAX - 1))]),
    ],
)
def test_one_object_or_a_list_of_them_is_read(raw: bytes, objects: list[object]) -> None:
    """A list is one level of depth."""
    assert read_objects(raw) == objects


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"1",
        b"null",
        b"[1]",
        b"[{},null]",
        b"[[{}]]",
        b'[{"a":1,"a":1}]',
        b'[{"a":1.5}]',
        b"[{}",
        b"[{}][]",
        b"[" + nested(DEPTH_MAX) + b"]",
    ],
)
def test_what_lists_anything_else_is_not_read(raw: bytes) -> None:
    """One item that is no object, or cannot be read, and none is."""
    assert read_objects(raw) is None


@pytest.mark.parametrize("depth", [1, DEPTH_MAX, DEPTH_MAX + 5])
def test_any_value_is_read_as_deep_as_is_asked(depth: int) -> None:
    """The caller knows how deep its documents go; fractions are fractions, whole numbers any size."""
    assert read_value(nested(depth), depth) == json.loads(nested(depth))
    assert read_value(nested(depth + 1), depth) is None or depth == 0

    assert read_value(b'[1.5, 18446744073709551616, "a", null, true]', 1) == [1.5, 2**64, "a", None, True]
    for raw in (
        b"",
        b"nul",
        b'{"a":1,"a":2}',
        b"[1e999]",
        b"[-1e999]",
        b"[NaN]",
        b'"\\ud800"',
        b"\xff",
        b"null",
    ):
        assert read_value(raw, 5) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | st.text(max_size=10),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4)
    ),
    max_leaves=30,
)


@given(document=st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_every_object_within_the_limits_is_read_as_it_was(document: dict[str, object]) -> None:
    """Nothing is lost or changed on the way."""
    raw = json.dumps(document).encode()
    read = read_object(raw)
    assert read == document or depth(document) > DEPTH_MAX


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(
    raw=st.binary(max_size=200) | st.text(alphabet='{}[]",:\\u0d8a1.eE-+ ntf', max_size=60).map(str.encode)
)
def test_no_bytes_raise(raw: bytes) -> None:
    """The answer is an object or None."""
    assert isinstance(read_object(raw), dict | None)
    assert isinstance(read_loose_object(raw), dict | None)
    assert isinstance(read_objects(raw), list | None)
    assert isinstance(read_value(raw, 3), dict | list | str | int | float | None)


def test_a_document_may_be_a_list_and_as_deep_as_the_caller_allows() -> None:
    """An agent's answer is not ours to shape; what is a scalar or too deep is no document all the same."""
    assert read_document(b'[{"a": 1.5}]', 2) == [{"a": "1.5"}]
    assert read_document(nested(64), 64) is not None
    assert read_document(nested(65), 64) is None
    assert read_document(b'"text"', 64) is None
