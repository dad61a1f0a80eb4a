"""Auditing: the ledger's checks and the sidecar's own, over the file itself. Blocks; reads only."""

from contextlib import closing
from importlib.resources import files
from typing import Any, Final

from ledger import queries
from ledger.audit import AuditReport, Check, audit
from sidecar.adapters.storage.margin_blocks import blocks_kept
from sidecar.adapters.storage.margins import margins_kept
from sidecar.adapters.storage.reading import Place, Unreadable, name_of, of_database, open_read_only

CHECKS: Final = tuple(queries.load(files("sidecar.adapters.storage") / "sql" / "audit.sql").values())
"""What ties payments, calls and cost lines to the books; each statement selects what is wrong."""

COMPUTED: Final = {"margins_kept": margins_kept, "blocks_kept": blocks_kept}
"""What is checked in steps; each yields what is wrong."""

SHOWN_MAX: Final = 5
"""How many findings of one check are written out."""


def audit_books(place: Place) -> AuditReport:
    """Run every check over one state of the books at *place*. Takes seconds on large ones."""
    with closing(open_read_only(place)) as connection:
        try:
            return audit(connection, CHECKS, COMPUTED)
        except Exception as error:
            if not of_database(error):
                raise
            raise Unreadable(f"{name_of(place)} could not be audited: {error}") from error


def audit_object(report: AuditReport) -> dict[str, Any]:
    """Return the audit as operators read it: per check how many rows it found, and the first of them."""
    return {"clean": report.clean, "checks": [_check_object(check) for check in report.checks]}


def _check_object(check: Check) -> dict[str, Any]:
    shown = [" ".join(map(_plain, row)) for row in check.rows[:SHOWN_MAX]]
    return {"id": check.id, "rows": len(check.rows), "found": shown}


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
