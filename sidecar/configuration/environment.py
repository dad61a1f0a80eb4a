"""What the environment adds to a config: `${NAME}` in values and `SIDECAR__SECTION__KEY` overrides.

Works on the tree, before any setting is read, and remembers which values came
from a variable: those are never shown in a message. Knows no setting.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from sidecar.configuration.problems import Path
from sidecar.configuration.reading import DEPTH_MAX, Source

PREFIX: Final = "SIDECAR__"

_REFERENCE: Final = re.compile(r"\$\{(?P<body>[^}]*)\}?")
_BODY: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


def apply(source: Source, environ: Mapping[str, str]) -> None:
    """Put the overrides into the tree, then the variables into the values of the file.

    An override is taken as it stands: text, with no references inside. The
    setting it names decides what the text means.
    """
    for name in sorted(environ):
        if name.startswith(PREFIX):
            _override(source, name, environ[name])
    source.tree = _expanded(source, source.tree, (), environ)


def _override(source: Source, name: str, value: str) -> None:
    keys = name.removeprefix(PREFIX).split("__")
    if not all(keys) or len(keys) > DEPTH_MAX:
        source.refuse((), "env_override", f"{name} does not name a setting")
        return
    if not value:
        source.refuse((), "env_empty", f"{name} is set and empty; unset it or give it a value")
        return
    if source.tree is None:
        source.tree = {}
    if _put(source, source.tree, (), keys, name, value):
        return
    source.refuse((), "env_override", f"{name} reaches into something that is not a section")


def _put(source: Source, node: object, path: Path, keys: list[str], name: str, value: str) -> bool:
    """Set the value below *node*; False if the way there is blocked by a plain value."""
    if isinstance(node, dict):
        return _put_at(source, node, path, _spelled(node, keys[0]), keys, name, value)
    if isinstance(node, list) and keys[0] in map(str, range(len(node) + 1)):
        index = int(keys[0])
        if index == len(node):
            node.append(None)
        return _put_at(source, node, path, index, keys, name, value)
    return False


def _put_at(
    source: Source, node: Any, path: Path, key: str | int, keys: list[str], name: str, value: str
) -> bool:
    if len(keys) == 1:
        node[key] = value
        source.variables[(*path, key)] = name
        return True
    below = node.get(key) if isinstance(node, dict) else node[key]
    if below is None:
        below = node[key] = {}
    return _put(source, below, (*path, key), keys[1:], name, value)


def _spelled(node: Mapping[str, object], key: str) -> str:
    """Return the key as the file has it: a variable's name has no case of its own and no hyphens."""
    plain = key.lower()
    for known in node:
        if re.sub(r"[^a-z0-9]", "_", known.lower()) == plain:
            return known
    return plain


def _expanded(source: Source, node: object, path: Path, environ: Mapping[str, str]) -> object:
    if isinstance(node, dict):
        return _expanded_section(source, node, path, environ)
    if isinstance(node, list):
        return [_expanded(source, value, (*path, index), environ) for index, value in enumerate(node)]
    if isinstance(node, str) and "${" in node and path not in source.variables:
        return _filled(source, node, path, environ)
    return node


def _expanded_section(
    source: Source, node: Mapping[str, object], path: Path, environ: Mapping[str, str]
) -> dict[str, object]:
    """Expand values, and keys too: a facilitator's fee goes by its URL, which may be a variable."""
    expanded: dict[str, object] = {}
    for written, value in node.items():
        key = _filled(source, written, (*path, written), environ) if "${" in written else written
        if key is None:
            continue
        if key in expanded:
            source.refuse((*path, written), "duplicate_key", f"{key} stands here twice")
        expanded[key] = _expanded(source, value, (*path, key), environ)
    return expanded


def _filled(source: Source, text: str, path: Path, environ: Mapping[str, str]) -> str | None:
    """Return *text* with its references replaced; None stands in for what could not be."""
    missing = False

    def value(reference: re.Match[str]) -> str:
        nonlocal missing
        body = _BODY.fullmatch(reference["body"])
        if body is None or not reference[0].endswith("}"):
            missing = True
            source.refuse(path, "env_syntax", "a reference is written ${NAME} or ${NAME:-default}")
            return ""
        found = environ.get(body["name"]) or body["default"]
        if not found:
            missing = True
            state = "is empty" if body["name"] in environ else "is not set"
            source.refuse(path, "env_missing", f"the environment variable {body['name']} {state}")
            return ""
        source.variables[path] = body["name"]
        return found

    filled = _REFERENCE.sub(value, text)
    return None if missing else filled
