"""The reference page: it is the schema, and no key is without its meaning."""

import re
from pathlib import Path

import pytest

from sidecar.configuration.checking import SECTIONS
from sidecar.configuration.meanings import MEANINGS
from sidecar.settings import json_schema
from sidecar.settings import reference as page

PAGE = Path(__file__).resolve().parents[3] / "docs/configuration.md"
LINE_MAX = 90


def test_the_page_is_up_to_date() -> None:
    """If not: `sidecar schema --markdown > docs/configuration.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_key_has_its_meaning_and_no_other_has_one() -> None:
    """A new key comes with one line in `meanings`; a key that went took its line with it."""
    keys = {
        section.__name__: {field.alias or name for name, field in section.model_fields.items()}
        for section in SECTIONS.values()
    }

    assert {name: set(lines) for name, lines in MEANINGS.items()} == keys


@pytest.mark.parametrize(
    ("key", "line"), [(key, line) for lines in MEANINGS.values() for key, line in lines.items()]
)
def test_a_meaning_is_one_line(key: str, line: str) -> None:
    """A sentence of its own that fits its table."""
    assert line.endswith(".")
    assert line[0].isupper() or line.startswith("JSON")
    assert "|" not in line
    assert len(line) <= LINE_MAX, key


def test_editors_get_the_meanings_too() -> None:
    """The schema carries them, also where a key is a section or a list of them."""
    schema = json_schema()
    described = [
        schema["properties"],
        *(each["properties"] for each in schema["$defs"].values() if "properties" in each),
    ]

    assert all("description" in each for properties in described for each in properties.values())


def test_every_section_and_key_is_on_the_page() -> None:
    """Where a section stands is its heading."""
    written = page()
    headings = ", ".join(re.findall(r"^## (.*)$", written, re.MULTILINE)).split(", ")

    assert len(headings) == len(SECTIONS)
    assert r"settlement.facilitators.\*.jwt" in headings
    assert written.count("\n| `") == sum(map(len, MEANINGS.values()))


@pytest.mark.parametrize(
    "row",
    [
        "| `upstream` | URL | required |",
        "| `asset` | text or section | required |",
        "| `timeout` | duration, 1s to 1h | `60s` |",
        "| `paid_body` | size, 1B to 10MiB | `1MiB` |",
        "| `open_calls` | whole number, 1 to 100000 | `1000` |",
        "| `body` | JSON pointer | - |",
        "| `schema` | section or file name | required |",
        "| `allow` | list: address | - |",
        "| `since` | date | - |",
        "| `sandbox` | `true` or `false` | `false` |",
        "| `per_call` | by name: amount | - |",
        "| `platform` | share | `0%` |",
    ],
)
def test_a_row_says_how_a_key_is_written(row: str) -> None:
    """In people's words, with its bounds and what holds without it."""
    assert f"\n{row} " in page()
