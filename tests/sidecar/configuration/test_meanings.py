"""The meanings of the keys in the schema; whether all have one is held in `test_reference`."""

import pytest

from sidecar.configuration.document import Document
from sidecar.configuration.meanings import MEANINGS, explained


def test_every_key_of_the_schema_says_what_it_is_for() -> None:
    """The document's own keys and those of its sections, under the names they have in a file."""
    schema = explained(Document.model_json_schema())

    assert schema["properties"]["upstream"]["description"] == MEANINGS["Document"]["upstream"]
    limits = schema["$defs"]["LimitsSection"]["properties"]
    assert {name: each["description"] for name, each in limits.items()} == MEANINGS["LimitsSection"]


def test_a_key_without_a_meaning_is_not_let_through() -> None:
    """Whoever adds a key is told at the first look at the schema."""
    schema = Document.model_json_schema()
    schema["properties"]["budgets"] = {"type": "object"}

    with pytest.raises(KeyError, match="budgets"):
        explained(schema)
