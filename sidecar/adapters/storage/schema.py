"""The sidecar's own tables, beside the ledger's in one file or database."""

from importlib.resources import files
from typing import Final

_SQL: Final = files("sidecar.adapters.storage") / "sql"


def _scripts(*names: str) -> tuple[str, ...]:
    return tuple(_SQL.joinpath(*name.split("/")).read_text(encoding="utf-8") for name in names)


SCHEMA: Final = _scripts("schema.sql", "margins.sql")
"""The sidecar's own migrations, oldest first; a script is only ever appended."""

SHARED_SCHEMA: Final = _scripts("schema.sql", "postgres/margins.sql")
"""The same for PostgreSQL, where one needs more than other words."""
