"""The `payment-identifier` extension: a buyer's own name for a purchase, declared and read. Knows no store.

The name is not signed, so it proves nothing: it only says which purchase a signed payment is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sidecar.x402 import reasons
from sidecar.x402.documents import Malformed

KEY: Final = "payment-identifier"
CHARS_MIN: Final = 16
CHARS_MAX: Final = 128

_FORM: Final = re.compile(rf"[A-Za-z0-9_-]{{{CHARS_MIN},{CHARS_MAX}}}")
_SCHEMA: Final[Mapping[str, object]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "required": {"type": "boolean"},
        "id": {
            "type": "string",
            "minLength": CHARS_MIN,
            "maxLength": CHARS_MAX,
            "pattern": "^[a-zA-Z0-9_-]+$",
        },
    },
    "required": ["required"],
}


class Demand(StrEnum):
    """Whether buyers are asked to name their purchases. The values are the config's words."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Unechoed:
    """The payer's copy of what we declared says something else."""


def declared(demand: Demand) -> dict[str, object]:
    """The `extensions` of a 402, as JSON members; nothing where nothing is asked."""
    if demand is Demand.OFF:
        return {}
    return {KEY: {"info": {"required": demand is Demand.REQUIRED}, "schema": _SCHEMA}}


def read(extensions: Mapping[str, object], demand: Demand) -> str | Malformed | Unechoed:
    """The name in a payment's *extensions*, or "" where there is none.

    As the official server does it, a payment may leave an extension out, but one that it carries
    repeats what we declared in `info`, and may add to it; without that envelope it is the info itself.
    A name that is null is none.
    """
    if demand is Demand.OFF or KEY not in extensions:
        return ""
    info = _info(extensions)
    if info is None or info.get("required") is not (demand is Demand.REQUIRED):
        return Unechoed()
    name = info.get("id")
    if name is None:
        return ""
    if not isinstance(name, str) or not _FORM.fullmatch(name):
        return Malformed(reasons.INVALID_IDENTIFIER, "extensions.payment-identifier.info.id")
    return name


def given(extensions: Mapping[str, object]) -> str:
    """The name that a payment's *extensions* carry, whatever was declared; "" where none has the form."""
    name = (_info(extensions) or {}).get("id")
    return name if isinstance(name, str) and _FORM.fullmatch(name) else ""


def _info(extensions: Mapping[str, object]) -> Mapping[str, object] | None:
    extension = extensions.get(KEY)
    info = extension.get("info", extension) if isinstance(extension, dict) else None
    return info if isinstance(info, dict) else None
