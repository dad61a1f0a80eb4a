"""Settings: the one door to the configuration. Read once at start; nothing reads the environment later."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidecar.configuration.checking import check
from sidecar.configuration.document import Document
from sidecar.configuration.environment import apply
from sidecar.configuration.meanings import explained
from sidecar.configuration.model import (
    TIMEOUT_MAX_S,
    Accept,
    Address,
    Asset402,
    Bearer,
    CostOverride,
    Costs,
    Exposure,
    Facilitator402,
    Fees,
    Jwt,
    Limits,
    Listen,
    Network,
    Operator,
    Route,
    Settings,
    Settlement,
)
from sidecar.configuration.problems import Problem, Problems
from sidecar.configuration.reading import parse, refuse_nulls
from sidecar.configuration.resolving import resolve

__all__ = [
    "TIMEOUT_MAX_S",
    "Accept",
    "Address",
    "Asset402",
    "Bearer",
    "CostOverride",
    "Costs",
    "Exposure",
    "Facilitator402",
    "Fees",
    "Jwt",
    "Limits",
    "Listen",
    "Network",
    "Operator",
    "Problem",
    "Problems",
    "Route",
    "Settings",
    "Settlement",
    "json_schema",
    "load",
    "read",
    "reference",
]


def load(path: Path, environ: Mapping[str, str]) -> Settings | Problems:
    """Read the config file at *path*; a file that cannot be read is a problem like any other."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return Problems((Problem("", "config_not_utf8", f"{path} is not UTF-8 text"),))
    except FileNotFoundError:
        sentence = f"there is no {path}; `sidecar init --output {path}` writes one to start from"
        return Problems((Problem("", "config_unreadable", sentence),))
    except OSError as error:
        return Problems((Problem("", "config_unreadable", f"{path} cannot be read: {error.strerror}"),))
    return read(text, environ, path.resolve().parent)


def read(text: str, environ: Mapping[str, str], folder: Path) -> Settings | Problems:
    """Read a config's text; relative paths in it start at *folder*."""
    source = parse(text)
    if not source.problems or source.tree is not None:
        apply(source, environ)
        refuse_nulls(source)
        settings = resolve(check(source), folder)
        if settings is not None:
            return settings
    return Problems(tuple(source.problems))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the config file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **explained(Document.model_json_schema()),
    }


def reference() -> str:
    """Return the reference page of the config file, as Markdown."""
    from sidecar.configuration import reference as written  # noqa: PLC0415 - nobody else needs it

    return written.page()
