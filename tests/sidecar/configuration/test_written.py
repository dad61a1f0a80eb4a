"""Field types: a reader and a schema, together."""

import re

import pytest
from pydantic import TypeAdapter, ValidationError

from sidecar.configuration import written
from sidecar.configuration.written import WRONG, as_written, count, duration, size, text_like


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (written.Money, "$0.05", "0,05"),
        (written.Share, "2%", "2"),
        (written.ListenAt, "127.0.0.1:1", "127.0.0.1"),
        (written.Storage, "sqlite:///a.db", "a.db"),
        (written.ChainId, "eip155:8453", "bas"),
        (written.EvmAddress, "0x" + "ab" * 20, "0xab"),
        (written.BaseUrl, "https://a.example", "a.example"),
        (written.Since, "2026-11-01", "1.11.2026"),
        (written.FileName, "keys/us.pem", "a\x00b"),
    ],
)
def test_schema_and_reader_agree(kind: type[object], good: str, bad: str) -> None:
    """What the reader takes, an editor takes; what it refuses is marked, unless a variable stands there."""
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    pattern = adapter.json_schema()["pattern"]

    adapter.validate_python(good)
    assert re.search(pattern, good)
    assert not re.search(pattern, bad)
    assert re.search(pattern, "${NAME}")
    with pytest.raises(ValidationError):
        adapter.validate_python(bad)


def test_a_wrong_value_keeps_its_code_and_sentence() -> None:
    """Our words reach the error, also where they have braces."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(written.Free).validate_python("fre")
    (error,) = caught.value.errors()

    assert error["type"] == WRONG
    assert error["ctx"]["code"] == "route_value"
    assert error["msg"] == error["ctx"]["sentence"]


@pytest.mark.parametrize("reader", [size(0, 1), duration(0, 1), count(0, 1)])
def test_bounded_readers_have_schemas(reader: written.Written) -> None:
    """Every reader tells editors what it reads."""
    assert {"pattern", "anyOf"} & reader.schema.keys()


def test_a_default_is_spelled_like_the_file() -> None:
    """Defaults are read with the same reader."""
    assert as_written("30s").default == "30s"


def test_examples_are_optional() -> None:
    """A pattern alone is a schema."""
    assert "examples" not in text_like("a")
    assert text_like("a", "b")["examples"] == ["b"]
