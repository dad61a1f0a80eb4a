"""The sidecar's own tables, beside the ledger's in one file."""

from importlib.resources import files
from typing import Final

SCHEMA: Final = (files("sidecar.adapters.storage").joinpath("sql", "schema.sql").read_text(encoding="utf-8"),)
"""The sidecar's own migrations, oldest first; a script is only ever appended."""
