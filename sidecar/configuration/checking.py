"""The tree against the document's shape: typed sections, and every problem of shape at once.

A part with a problem is set aside, so that the rest can still be resolved and
its own problems shown in the same run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from sidecar.configuration import document as shape
from sidecar.configuration.document import Document
from sidecar.configuration.problems import Path, Problem, did_you_mean, path_text
from sidecar.configuration.reading import Number, Source
from sidecar.configuration.written import WRONG

SECTIONS: Final[Mapping[Path, type[shape.Section]]] = {
    (): Document,
    ("listen",): shape.ListenSection,
    ("networks", "*"): shape.NetworkSection,
    ("accept", "*"): shape.AcceptSection,
    ("accept", "*", "asset"): shape.TokenSection,
    ("settlement",): shape.SettlementSection,
    ("settlement", "facilitators", "*"): shape.FacilitatorSection,
    ("settlement", "facilitators", "*", "jwt"): shape.JwtSection,
    ("exposure",): shape.ExposureSection,
    ("limits",): shape.LimitsSection,
    ("routes", "*"): shape.RouteSection,
    ("routes", "*", "price"): shape.PriceSection,
    ("routes", "*", "price", "plus", "*"): shape.QuantitySection,
    ("routes", "*", "buyers", "*"): shape.BuyerSection,
    ("routes", "*", "buyers", "*", "price"): shape.PriceSection,
    ("routes", "*", "buyers", "*", "price", "plus", "*"): shape.QuantitySection,
    ("routes", "*", "request"): shape.RequestSection,
    ("routes", "*", "success"): shape.SuccessSection,
    ("costs",): shape.CostsSection,
    ("costs", "overrides", "*"): shape.OverrideSection,
    ("fees",): shape.FeesSection,
    ("operator",): shape.OperatorSection,
}
"""Every section and where it stands; `*` is any key or position."""

UNSUPPORTED: Final[Mapping[Path, str]] = {
    ("settlement", "signer"): "this version settles through facilitators only",
    ("limits", "meter_state"): "the meter's state is fixed at 256KiB in this version",
}
"""Known keys of things not done yet. A policy that is not enforced is not accepted."""

# Values that cannot be a secret and help to find the mistake.
_SHOWN: Final = frozenset(
    {
        "money",
        "duration",
        "size",
        "share",
        "rate",
        "count",
        "switch",
        "date",
        "settle",
        "decimals",
        "out_of_range",
    }
    | {"network_unsupported", "route_value"}
)
_SHAPES: Final = {
    "missing": ("required", "is required"),
    "model_type": ("not_a_section", "must be a section with keys of its own"),
    "dict_type": ("not_a_section", "must be a section with keys of its own"),
    "list_type": ("not_a_list", "must be a list"),
    "too_short": ("empty", "must have at least one entry; remove the key if there is nothing to list"),
}


@dataclass(slots=True)
class Draft:
    """What could be read, for the checks that need more than one section.

    `lost` are the paths set aside; `positions` maps accept entries to the file's list.
    """

    source: Source
    document: Document
    lost: frozenset[Path]
    positions: tuple[int, ...]
    warnings: list[Problem] = field(default_factory=list)

    def has_lost(self, *path: str) -> bool:
        """Tell whether something at or below *path* was set aside: what seems missing may be there."""
        return any(lost[: len(path)] == path for lost in self.lost)

    def refuse(self, path: Path, code: str, sentence: str) -> None:
        """Note a problem."""
        self.source.refuse(path, code, sentence)

    def warn(self, path: Path, code: str, sentence: str) -> None:
        """Note something the operator should know and may want."""
        self.warnings.append(Problem(path_text(path), code, sentence))

    def route_keys(self) -> tuple[str, ...]:
        """Return every route the file names, in its order, also those with problems of their own."""
        tree = self.source.tree
        routes = tree.get("routes") if isinstance(tree, dict) else None
        return tuple(routes) if isinstance(routes, dict) else ()


def check(source: Source) -> Draft:
    """Read the tree into sections; problems go to *source*."""
    tree = source.tree if isinstance(source.tree, dict) else {}
    if source.tree is not None and not isinstance(source.tree, dict):
        source.refuse((), "not_a_section", "the config must be a mapping of sections")
    lost: frozenset[Path] = frozenset()
    try:
        document = Document.model_validate(tree)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            _refuse(source, found["loc"], found["type"], found.get("ctx", {}), found["input"])
        # Depth two is the smallest part that every section can do without.
        lost = frozenset(_real(found["loc"])[:2] for found in error.errors(include_url=False))
        document = Document.model_validate(_without(tree, lost))
    entries = tree.get("accept")
    count = len(entries) if isinstance(entries, list) else 0
    kept = tuple(position for position in range(count) if ("accept", position) not in lost)
    return Draft(source, document, lost, kept if ("accept",) not in lost else ())


def _without(tree: dict[str, Any], lost: frozenset[Path]) -> dict[str, object]:
    """Return the tree without the lost parts; list entries keep their order."""
    kept: dict[str, object] = {}
    for key, value in tree.items():
        if (key,) in lost:
            continue
        if isinstance(value, dict):
            kept[key] = {inner: item for inner, item in value.items() if (key, inner) not in lost}
        elif isinstance(value, list):
            kept[key] = [item for index, item in enumerate(value) if (key, index) not in lost]
        else:
            kept[key] = value
    return kept


def _real(location: tuple[int | str, ...]) -> Path:
    return tuple(part for part in location if part not in shape.TAGS)


def _refuse(source: Source, location: Path, kind: str, context: Mapping[str, Any], value: object) -> None:
    path = _real(location)
    if value is None and path in source.refused:
        return
    if kind == "extra_forbidden":
        _refuse_key(source, path)
        return
    if kind == WRONG:
        code, sentence = str(context["code"]), str(context["sentence"])
    else:
        code, sentence = _SHAPES[kind]
    if code in _SHOWN and path not in source.variables:
        sentence += _quoted(value)
    source.refuse(path, code, sentence)


def _quoted(value: object) -> str:
    text = value.text if isinstance(value, Number) else value
    return f", not {text!r}" if isinstance(text, str | bool) and len(str(text)) <= 40 else ""


def _refuse_key(source: Source, path: Path) -> None:
    general = _general(path)
    if general in UNSUPPORTED:
        source.refuse(path, "unsupported", UNSUPPORTED[general])
        return
    known = [part.alias or name for name, part in SECTIONS[general[:-1]].model_fields.items()]
    source.refuse(path, "unknown_key", f"this version has no such key; {did_you_mean(str(path[-1]), known)}")


def _general(path: Path) -> Path:
    """Return the path with `*` for keys that are the seller's own, and for positions."""
    return tuple(
        "*"
        if isinstance(part, int) or path[:index] in {("networks",), ("routes",)} or _of_buyer(path[:index])
        else part
        for index, part in enumerate(path)
    )


def _of_buyer(path: Path) -> bool:
    return len(path) == 3 and path[0] == "routes" and path[2] == "buyers"
