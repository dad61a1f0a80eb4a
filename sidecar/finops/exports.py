"""Exports: all journals as text that other programs read. Pure; one piece of text after the other.

Nothing a buyer or an agent chooses begins a field of the CSV, so that no
spreadsheet takes it for a formula.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from ledger import accounts
from ledger.money import Amount, text
from ledger.transfers import Booked, Row
from sidecar.finops import beancount, instants

COLUMNS: Final = (
    "seq", "journal", "journal_kind", "happened_at", "recorded_at", "subject", "note",
    "id", "kind", "debit", "credit", "asset", "amount", "resolves",
)  # fmt: skip
"""The columns of the CSV: one line for each entry, with its journal's fields in front."""


def csv_text(journals: Iterable[Booked]) -> Iterator[str]:
    """Yield the header and then each journal's lines (RFC 4180)."""
    yield _csv_lines([COLUMNS])
    for journal in journals:
        head = (
            str(journal.seq),
            journal.id,
            journal.kind,
            instants.text(journal.happened_us),
            instants.text(journal.recorded_us),
            journal.subject,
            journal.note,
        )
        yield _csv_lines((*head, *_cells(row)) for row in journal.rows)


def json_text(journals: Iterable[Booked]) -> Iterator[str]:
    """Yield one JSON object a line for each journal, as the journals of the API are."""
    for journal in journals:
        yield json.dumps(_journal_object(journal)) + "\n"


FORMATS: Final[Mapping[str, Callable[[Iterable[Booked]], Iterator[str]]]] = MappingProxyType(
    {"csv": csv_text, "jsonl": json_text, "beancount": beancount.journal_text}
)
"""The formats by name."""

MEDIA_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "beancount": "text/plain; charset=utf-8",
}
"""What each format is called on the wire."""


def _csv_lines(rows: Iterable[Iterable[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.id,
        row.kind.value,
        accounts.text(row.debit.id),
        accounts.text(row.credit.id),
        row.debit.asset.code,
        text(Amount(row.units, row.debit.asset)),
        row.pending_id or "",
    )


def _journal_object(journal: Booked) -> dict[str, Any]:
    names = COLUMNS[-7:]
    return {
        "seq": journal.seq,
        "id": journal.id,
        "kind": journal.kind,
        "happened_at": instants.text(journal.happened_us),
        "recorded_at": instants.text(journal.recorded_us),
        "subject": journal.subject or None,
        "note": journal.note or None,
        "entries": [
            dict(zip(names, _cells(row), strict=True)) | {"resolves": row.pending_id} for row in journal.rows
        ],
    }
