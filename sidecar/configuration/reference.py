"""The reference page of the config, written from the schema: every key, how it is written, what it is for."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sidecar.configuration import networks, places, units
from sidecar.configuration.addresses import ADDRESS
from sidecar.configuration.checking import SECTIONS
from sidecar.configuration.document import Document
from sidecar.configuration.meanings import explained
from sidecar.configuration.problems import path_text

_TOP: Final = "sidecar.yaml"
_WRITTEN: Final = {
    units.MONEY: "amount",
    units.DURATION: "duration",
    units.SIZE: "size",
    units.SHARE: "share",
    units.RATE: "rate",
    units.DATE: "date",
    ADDRESS: "address",
    places.URL: "URL",
    places.FILE: "file name",
    places.LISTEN: "host:port",
    places.STORAGE: "database",
    units.POINTER: "JSON pointer",
    "|".join((networks.NETWORK, *networks.ALIASES)): "network",
}
"""What people call the spellings that the schema has patterns for."""

_INTRODUCTION: Final = f"""\
# Configuration

Every key of `sidecar.yaml`, written from the schema by `sidecar schema --markdown`. `sidecar init` prints a
file to start from, and `sidecar check` shows all that is wrong with yours.

`${{NAME}}` and `${{NAME:-default}}` come from the environment, and `SIDECAR__SECTION__KEY` overrides a key.
Unknown keys are errors.

| written as | such as |
|---|---|
| amount | `"$0.05"`, in quotes, with at most 9 decimals |
| duration | `30s`, `15m`, `1h`, `7d` |
| size | `512B`, `16KiB`, `10MiB` |
| share | `2%`, `0.5%` |
| rate | `100/minute`: per second, minute, hour or day |
| date | `2026-11-01` |
| address | `"0x..."`, in quotes |
| network | `eip155:8453`, or {", ".join(f"`{alias}`" for alias in networks.ALIASES)} |
| database | `sqlite:///sidecar.db`, `sqlite:////absolute/sidecar.db`, `postgresql://user@host/db` |
"""


def page() -> str:
    """Return the page as Markdown."""
    schema = explained(Document.model_json_schema())
    places_of: dict[str, list[str]] = {}
    for path, section in SECTIONS.items():
        places_of.setdefault(section.__name__, []).append(path_text(path) or _TOP)
    parts = [_INTRODUCTION]
    for name, where in places_of.items():
        found = schema["$defs"].get(name, schema)
        parts.append("\n".join(_section(", ".join(where), found)) + "\n")
    return "\n".join(parts)


def _section(title: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield "## " + title.replace("*", "\\*")
    yield ""
    yield schema["description"]
    yield ""
    yield "| key | written as | default | meaning |"
    yield "|---|---|---|---|"
    required = schema.get("required", ())
    for name, each in schema["properties"].items():
        default = "required" if name in required else _default(each)
        yield f"| `{name}` | {_kind(each)} | {default} | {each['description']} |"


def _default(schema: Mapping[str, Any]) -> str:
    """Say what holds without the key; a section of its own has its defaults in it."""
    value = schema.get("default")
    if "$ref" in schema or (value in (None, 0, {}, []) and value is not False):
        return "-"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _kind(schema: Mapping[str, Any]) -> str:
    """Say how a value is written."""
    for several in ("anyOf", "oneOf"):
        if several in schema:
            kinds = [_kind(each) for each in schema[several] if each.get("type") != "null"]
            return " or ".join(dict.fromkeys(filter(None, kinds)))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const'] if isinstance(schema['const'], str) else json.dumps(schema['const'])}`"
    if schema.get("type") == "array":
        return f"list: {_kind(schema['items'])}"
    if "additionalProperties" in schema:
        return f"by name: {_kind(schema['additionalProperties'])}"
    return "section" if "$ref" in schema else _scalar(schema)


def _scalar(schema: Mapping[str, Any]) -> str:
    match schema["type"]:
        case ["object", "string"]:
            return "section or file name"
        case "integer":
            return f"whole number, {schema['minimum']} to {schema['maximum']}"
        case "boolean":
            return "`true` or `false`"
    pattern = re.fullmatch(r"\^\((?P<ours>.*)\)\$\|\\\$\\\{", schema.get("pattern", ""))
    if pattern is None:
        return "text"
    if pattern["ours"] in {units.COUNT, "true|false"}:  # the same once more, as the environment writes it
        return ""
    kind = _WRITTEN.get(pattern["ours"], "text")
    return f"{kind}, {schema['x-range']}" if "x-range" in schema else kind
