"""The sidecar's own tables, beside the ledger's in one file or database."""

from importlib.resources import files
from typing import Final

_SQL: Final = files("sidecar.adapters.storage") / "sql"
_BLOCKS: Final = _SQL.joinpath("margin_blocks.sql").read_text(encoding="utf-8")
_TABLES: Final = _SQL.joinpath("schema.sql").read_text(encoding="utf-8")

SCHEMA: Final = (_TABLES, _SQL.joinpath("margins.sql").read_text(encoding="utf-8"), _BLOCKS)
"""The sidecar's own migrations, oldest first; a script is only ever appended."""

SHARED_SCHEMA: Final = (
    _TABLES,
    _SQL.joinpath("postgres", "margins.sql").read_text(encoding="utf-8"),
    _BLOCKS,
)
"""The same for PostgreSQL, where a script needs more than other words."""
