"""Statements of accounts: their entries as operators read them, in pages, with a running balance. Pure."""

import re
from collections.abc import Sequence
from typing import Any, Final

from ledger import accounts
from ledger.accounts import Account
from ledger.money import Amount, text
from ledger.reports import START, Line, Place
from sidecar.finops import instants

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1000
"""How many entries one page may have."""

_CURSOR: Final = re.compile(r"(\d{1,18})\.(\d{1,9})\.(-?\d{1,30})", re.ASCII)


class CursorText(ValueError):
    """A text is not a cursor of a statement. The message is one sentence."""


def place(cursor: str | None) -> Place:
    """Return where the page after *cursor* begins, and with which balance; the start without one."""
    if cursor is None:
        return START
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise CursorText("cursor is the next_cursor of the page before")
    return Place(int(match[1]), int(match[2]), int(match[3]))


def statement_object(account: Account, lines: Sequence[Line], limit: int) -> dict[str, Any]:
    """Return a page of *account*; there is another one if *lines* are more than *limit*."""
    shown = lines[:limit]
    last = shown[-1] if len(lines) > limit else None
    return {
        "account": accounts.text(account.id),
        "asset": account.asset.code,
        "class": account.kind.value,
        "side": account.side.value,
        "items": [_line_object(account, line) for line in shown],
        "next_cursor": None if last is None else f"{last.seq}.{last.position}.{last.net}",
    }


def _line_object(account: Account, line: Line) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "journal": line.journal,
        "journal_kind": line.journal_kind,
        "subject": line.subject or None,
        "happened_at": instants.text(line.happened_us),
        "recorded_at": instants.text(line.recorded_us),
        "id": line.id,
        "kind": line.kind.value,
        "side": line.side.value,
        "other": line.other,
        "amount": text(Amount(line.units, account.asset)),
        "balance": text(Amount(line.net, account.asset)),
    }
