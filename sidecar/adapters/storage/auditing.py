"""Auditing: the ledger's checks and the sidecar's own, over the file itself. Blocks; reads only."""

import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ledger import queries
from ledger.audit import AuditReport, Check, audit
from sidecar.adapters.storage.reading import Unreadable, open_read_only

CHECKS: Final = tuple(queries.load(files("sidecar.adapters.storage") / "sql" / "audit.sql").values())
"""What ties payments, calls and cost lines to the books; each statement selects what is wrong."""

SHOWN_MAX: Final = 5
"""How many findings of one check are written out."""


def audit_books(path: Path) -> AuditReport:
    """Run every check over one state of the database at *path*. Takes seconds on a large one."""
    with closing(open_read_only(path)) as connection:
        try:
            return audit(connection, CHECKS)
        except sqlite3.Error as error:
            raise Unreadable(f"{path} could not be audited: {error}") from error


def audit_object(report: AuditReport) -> dict[str, Any]:
    """Return the audit as operators read it: per check how many rows it found, and the first of them."""
    return {"clean": report.clean, "checks": [_check_object(check) for check in report.checks]}


def _check_object(check: Check) -> dict[str, Any]:
    shown = [" ".join(map(_plain, row)) for row in check.rows[:SHOWN_MAX]]
    return {"id": check.id, "rows": len(check.rows), "found": shown}


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
