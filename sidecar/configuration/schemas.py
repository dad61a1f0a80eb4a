"""A body's JSON Schema becomes its judge. Knows no setting.

The validator works without a network: a reference outside the document is refused, and
patterns are matched by an engine that takes linear time in the text, so that no body can
make one stall. What such an engine cannot do (look-around, back references) is refused, and
so is a schema that contains itself.
"""

from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sidecar.configuration.problems import WrongValue
from sidecar.domain import pointers
from sidecar.domain.requests import DEPTH_MAX, Judge, Wrong
from sidecar.x402 import bounded_json

SCHEMA_BYTES_MAX: Final = 256 * 1024
PATTERN_BYTES_MAX: Final = 1024 * 1024
"""How large a compiled pattern may become."""
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})


def judge(written: object, folder: Path) -> Judge:
    """Return the judge of a schema that is written out, or of the file it is in, found from *folder*."""
    schema = _in_file(folder / written) if isinstance(written, Path) else written
    if not isinstance(schema, dict):
        raise WrongValue("schema_invalid", "a JSON Schema is an object")
    _References(schema).follow(schema)
    return _compiled(schema)


def _in_file(path: Path) -> object:
    try:
        with path.open("rb") as file:
            raw = file.read(SCHEMA_BYTES_MAX + 1)
    except OSError as error:
        raise WrongValue("schema_file", f"the file cannot be read: {error.strerror}") from None
    if len(raw) > SCHEMA_BYTES_MAX:
        raise WrongValue("schema_file", "the file is larger than 256 KiB")
    schema = bounded_json.read_value(raw, DEPTH_MAX)
    if schema is None:
        raise WrongValue("schema_file", "the file is not JSON, or a key stands twice in it")
    return schema


class _References:
    """Follows every reference of a schema, to refuse those that leave the document or come back to a start.

    A schema that contains itself is judged anew at every level of a body, and with two ways
    at each level that doubles with each of them: a small body could take for ever.
    """

    def __init__(self, root: dict[str, object]) -> None:
        self._root = root
        self._open: set[int] = set()
        self._done: set[int] = set()

    def follow(self, node: object) -> None:
        """Visit *node* and all that it contains or refers to."""
        if not isinstance(node, dict | list) or id(node) in self._done:
            return
        if id(node) in self._open:
            raise WrongValue(
                "schema_recursive", "a schema may not contain itself: a body could take for ever"
            )
        self._open.add(id(node))
        for each in node.values() if isinstance(node, dict) else node:
            self.follow(each)
        if isinstance(node, dict):
            self._follow_names(node)
        self._open.remove(id(node))
        self._done.add(id(node))

    def _follow_names(self, node: dict[str, object]) -> None:
        if node is not self._root and isinstance(node.get("$id"), str):
            raise WrongValue("schema_reference", "only the whole schema may have an $id")
        for keyword in _REFERENCES & node.keys():
            if isinstance(reference := node[keyword], str):
                self.follow(self._target(reference))

    def _target(self, reference: str) -> object:
        place, _, pointer = reference.partition("#")
        if place or (pointer and not pointer.startswith("/")):
            raise WrongValue("schema_reference", "a $ref may only point into the same document: #/...")
        names = pointers.read(unquote(pointer)) if pointer else ()
        found: object = None if names is None else self._root
        for name in names or ():
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            raise WrongValue("schema_reference", "a $ref points to nothing in the document")
        return found


def _compiled(schema: dict[str, object]) -> Judge:
    import jsonschema_rs  # noqa: PLC0415 - 15 MB, and only where a route has a schema

    patterns = jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES_MAX)
    try:
        validator = jsonschema_rs.validator_for(schema, pattern_options=patterns, offline=True)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        place = "/".join(str(part) for part in getattr(error, "instance_path", ()))
        where = f" at /{place}" if place else ""
        raise WrongValue("schema_invalid", f"is not a JSON Schema that can be used{where}") from None

    def judged(document: object) -> Wrong | None:
        try:
            validator.validate(document)
        except jsonschema_rs.ValidationError as error:
            return _wrong(error.instance_path, error.kind)
        return None

    return judged


def _wrong(path: list[str | int], kind: object) -> Wrong:
    """Name the place and the keyword; of a member that is missing or too many, the member itself."""
    word = type(kind).__name__
    members = [getattr(kind, "property", None)] if word == "Required" else getattr(kind, "unexpected", [])
    tokens = [*path, *(str(member) for member in list(members)[:1])]
    return Wrong(pointers.written(map(str, tokens)), word[:1].lower() + word[1:])
