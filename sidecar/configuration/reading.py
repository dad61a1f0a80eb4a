"""YAML text to a plain tree with the line of every value. Knows no setting and no environment.

The rules are YAML 1.2's core schema, not PyYAML's default of 1.1: `on`, `off`,
`yes` and `no` are text, `1:30` is no sexagesimal number and a date is text.
What a config has no use for is refused: tags, aliases, several documents. A
key that stands twice is a problem with both lines. Numbers stay as written.
"""

import re
from dataclasses import dataclass, field
from typing import Final

import yaml

from sidecar.configuration.problems import Path, Problem, path_text

DEPTH_MAX: Final = 20
TEXT_MAX: Final = 1024 * 1024

_PREFIX: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Number:
    """A number nobody asked to read yet: each setting knows what it may be. `text` is as written."""

    text: str


@dataclass(slots=True)
class Source:
    """A config as written: dict, list, str, Number, bool or None; where values came from; what is wrong."""

    tree: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    variables: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[Path] = field(default_factory=set)

    def refuse(self, path: Path, code: str, sentence: str) -> None:
        """Note a problem at *path*, once, and say where the value was written."""
        problem = Problem(path_text(path), code, sentence + self._where(path))
        self.refused.add(path)
        if problem not in self.problems:
            self.problems.append(problem)

    def _where(self, path: Path) -> str:
        if path in self.variables:
            return f" (from {self.variables[path]})"
        written = next((path[:size] for size in range(len(path), 0, -1) if path[:size] in self.lines), None)
        return f" (line {self.lines[written]})" if written else ""


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's parser with the scalar rules of YAML 1.2; values are built by this module."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's shape


def _rule(tag: str, pattern: str, first: list[str]) -> None:
    _CoreLoader.add_implicit_resolver(_PREFIX + tag, re.compile(rf"(?:{pattern})\Z"), first)


_rule("null", "~|null|Null|NULL|", ["~", "n", "N", ""])
_rule("bool", "true|True|TRUE|false|False|FALSE", list("tTfF"))
_rule("int", "[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789"))
_rule("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789"))


def parse(text: str) -> Source:
    """Read *text*. A syntax error is the only problem then, with its line."""
    source = Source()
    if len(text) > TEXT_MAX:
        source.refuse((), "yaml_too_large", "the file is larger than 1 MiB")
        return source
    try:
        node = None if _too_deep(text, source) else _compose(text)
    except yaml.MarkedYAMLError as error:
        source.refuse((), "yaml_syntax", _syntax(error))
    except yaml.YAMLError:
        source.refuse((), "yaml_syntax", "the file has a character YAML does not allow")
    else:
        if node is not None:
            source.tree = _Walk(source).value(node, ())
    return source


def _too_deep(text: str, source: Source) -> bool:
    """Refuse nesting that goes too far, before anything recurses into it."""
    depth = 0
    for event in yaml.parse(text, Loader=_CoreLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            source.refuse((), "yaml_too_deep", f"nested more than {DEPTH_MAX} levels deep")
            return True
    return False


def _compose(text: str) -> yaml.Node | None:
    loader = _CoreLoader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _syntax(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{error.problem or error.context or 'not YAML'}"


class _Walk:
    """Builds values from nodes and notes what does not belong in a config."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> object:
        """Return the value of *node*; None stands in for what was refused."""
        self._source.lines[path] = node.start_mark.line + 1
        kind = node.tag.removeprefix(_PREFIX)
        if id(node) in self._seen:
            self._source.refuse(path, "yaml_alias", "aliases are not used here")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in {"str", "null", "bool", "int", "float"}:
            return _scalar(node.value, kind)
        self._source.refuse(path, "yaml_tag", "tags are not used here")
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._source.refuse(path, "yaml_key", "a key must be plain text")
                continue
            key = key_node.value
            if key in found:
                line = key_node.start_mark.line + 1
                self._source.refuse((*path, key), "duplicate_key", f"stands again on line {line}")
                continue
            found[key] = self.value(value_node, (*path, key))
        return found


def _scalar(text: str, kind: str) -> object:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    return text if kind == "str" else Number(text)


def refuse_nulls(source: Source) -> None:
    """Refuse every value that is missing: leaving one out by accident must not mean a default."""
    _refuse_nulls(source, source.tree, ())


def _refuse_nulls(source: Source, node: object, path: Path) -> None:
    if node is None and path not in source.refused:
        sentence = "has no value; give it one or remove the key" if path else "the config is empty"
        source.refuse(path, "empty", sentence)
    elif isinstance(node, dict):
        for key, value in node.items():
            _refuse_nulls(source, value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            _refuse_nulls(source, value, (*path, index))
