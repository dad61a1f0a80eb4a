"""Schemas: a body is judged by the seller's document alone, and no body can make the judge stall."""

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.configuration.problems import WrongValue
from sidecar.configuration.schemas import SCHEMA_BYTES_MAX, judge
from sidecar.domain.requests import Wrong

SCHEMA = {
    "type": "object",
    "required": ["query"],
    "additionalProperties": False,
    "properties": {
        "query": {"type": "string", "minLength": 1},
        "a/b~": {"type": "integer", "maximum": 5},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "n": {"type": "number"},
        "never": False,
        "either": {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
    },
    "$defs": {"tag": {"enum": ["x", "y"]}},
}
HERE = Path(__file__).parent


def refused(written: object, folder: Path = HERE) -> str:
    with pytest.raises(WrongValue) as wrong:
        judge(written, folder)
    return wrong.value.code


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"query": "q"}, None),
        ({"query": "q", "n": 0.5, "tags": ["x", "y"], "a/b~": 5, "either": None}, None),
        ({"query": "q", "n": 10**30}, None),
        ([], Wrong("", "type")),
        (None, Wrong("", "type")),
        ({}, Wrong("/query", "required")),
        ({"query": "q", "more": 1}, Wrong("/more", "additionalProperties")),
        ({"query": ""}, Wrong("/query", "minLength")),
        ({"query": "q", "a/b~": 6}, Wrong("/a~1b~0", "maximum")),
        ({"query": "q", "a/b~": 1.5}, Wrong("/a~1b~0", "type")),
        ({"query": "q", "tags": ["x", "z"]}, Wrong("/tags/1", "enum")),
        ({"query": "q", "never": 1}, Wrong("/never", "falseSchema")),
        ({"query": "q", "either": 1}, Wrong("/either", "anyOf")),
    ],
)
def test_the_place_and_the_keyword_are_named(body: object, wrong: Wrong | None) -> None:
    """By JSON pointer; of a member that is missing or too many, the member itself."""
    assert judge(SCHEMA, HERE)(body) == wrong


def test_a_schema_may_be_in_a_file(tmp_path: Path) -> None:
    """Beside the config; it may then hold what a config cannot, such as null."""
    (tmp_path / "research.json").write_text(json.dumps({"const": None}))

    judged = judge(Path("research.json"), tmp_path)

    assert (judged(None), judged(1)) == (None, Wrong("", "constant"))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", "schema_file"),
        (b"\xff", "schema_file"),
        (b"[" * 100_000, "schema_file"),
        (b" " * (SCHEMA_BYTES_MAX + 1), "schema_file"),
        (b'{"type":"object","type":"array"}', "schema_file"),
        (b"[]", "schema_invalid"),
        (b"true", "schema_invalid"),
    ],
)
def test_a_file_that_is_no_schema_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "schema.json").write_bytes(content)

    assert refused(Path("schema.json"), tmp_path) == code


@pytest.mark.parametrize(
    "reference",
    [
        "https://example.com/a.json",
        "a.json",
        "file:///etc/passwd",
        "//example.com/a",
        "../a.json#/b",
        "#anchor",
        "#/$defs/none",
        "https://json-schema.org/draft/2020-12/schema",
    ],
)
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
def test_nothing_is_fetched(reference: str, keyword: str) -> None:
    """A reference leads nowhere but to a place in the same document, also where an $id would move it."""
    assert refused({"properties": {"a": {keyword: reference}}}) == "schema_reference"
    assert refused({"allOf": [{keyword: reference}]}) == "schema_reference"
    moved = {"$id": "https://example.com/a", "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {}}}
    assert refused({"$defs": {"a": moved}, "properties": {}}) == "schema_reference"
    assert judge(moved, HERE)({"a": 1}) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#"}}},
        {"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}},
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}},
        },
        {"$ref": "#/$defs/a%2Fb", "$defs": {"a/b": {"items": {"$ref": "#/$defs/a~1b"}}}},
        {"items": {"$recursiveRef": "#"}},
    ],
)
def test_a_schema_that_contains_itself_is_refused(schema: dict[str, Any]) -> None:
    """Two ways at each level of a body are twice the work with each: forty levels would never end."""
    assert refused(schema) == "schema_recursive"


def test_a_part_may_be_used_in_several_places() -> None:
    """That is no recursion."""
    tag = {"$ref": "#/$defs/tag"}
    judged = judge({"prefixItems": [tag, tag], "items": tag, "$defs": {"tag": {"enum": ["x"]}}}, HERE)

    assert (judged(["x", "x", "x"]), judged(["x", "y"])) == (None, Wrong("/1", "enum"))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "thing"},
        {"minLength": "one"},
        {"$schema": "https://example.com/my-own"},
        {"pattern": "("},
        {"pattern": "(a)\\1"},
        {"pattern": "a(?=b)"},
        {"pattern": "(" * 500 + "a" + "){1000}" * 500},
    ],
)
def test_what_cannot_be_used_is_refused_at_start(schema: dict[str, Any]) -> None:
    """Also a pattern that would need more than linear time, or too much memory."""
    assert refused(schema) == "schema_invalid"


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y"])
def test_no_body_makes_a_pattern_explode(pattern: str) -> None:
    """Each of these takes for ever in an engine that backtracks; this answer comes, and is right."""
    judged = judge({"pattern": pattern}, HERE)

    assert judged("a" * 50_000 + "!") == Wrong("", "pattern")
