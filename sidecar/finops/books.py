"""Books: accounts, journals and the trial balance as operators read them. Pure.

Amounts are decimal strings in the account's own asset, with all its decimals:
most accounts count dollars, some a token's units.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ledger.accounts import Side
from ledger.balances import Balance
from ledger.money import INT64_MAX, Amount, Asset, text
from sidecar.finops import instants

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1000
"""How many accounts or journals one page may have."""

Row = Mapping[str, Any]


def accounts_parameters(limit: int, cursor: str | None) -> dict[str, object]:
    """Return the parameters of the query `accounts` for a page."""
    return {"first": cursor or "", "limit": limit + 1}


def accounts_object(rows: Sequence[Row], limit: int) -> dict[str, Any]:
    """Return a list of accounts; the cursor is the next one's name."""
    return {
        "items": [_account_object(row) for row in rows[:limit]],
        "next_cursor": rows[limit]["id"] if len(rows) > limit else None,
    }


def journals_parameters(limit: int, cursor: int | None, subject: str | None) -> dict[str, object]:
    """Return the parameters of the query `journals` for a page, of one *subject* if it is given."""
    newest = INT64_MAX if cursor is None else cursor
    return {"newest": newest, "subject": subject or "", "limit": limit + 1}


def journals_object(rows: Sequence[Row], limit: int) -> dict[str, Any]:
    """Return a list of journals, newest first; the cursor is the next one's number."""
    return {
        "items": [_journal_object(row) for row in rows[:limit]],
        "next_cursor": str(rows[limit]["seq"]) if len(rows) > limit else None,
    }


def _account_object(row: Row) -> dict[str, Any]:
    asset, side = Asset(row["asset"], row["decimals"]), Side(row["side"])
    counters = {
        f"{entered}_{phase}": (high << 31) + low
        for entered in ("debits", "credits")
        for phase, high, low in json.loads(row[entered])
    }
    balance = Balance(**counters)
    return {
        "account": row["id"],
        "asset": asset.code,
        "class": row["kind"],
        "side": side.value,
        "debits": text(Amount(balance.debits_posted, asset)),
        "credits": text(Amount(balance.credits_posted, asset)),
        "debits_held": text(Amount(balance.debits_pending, asset)),
        "credits_held": text(Amount(balance.credits_pending, asset)),
        "balance": text(Amount(balance.net(side), asset)),
    }


def _journal_object(row: Row) -> dict[str, Any]:
    entries: list[Row] = sorted(json.loads(row["entries"]), key=lambda entry: int(entry["position"]))
    return {
        "seq": row["seq"],
        "id": row["id"],
        "kind": row["kind"],
        "happened_at": instants.text(row["happened_us"]),
        "recorded_at": instants.text(row["recorded_us"]),
        "subject": row["subject"] or None,
        "note": row["note"] or None,
        "entries": [_entry_object(entry) for entry in entries],
    }


def _entry_object(entry: Row) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "kind": entry["kind"],
        "debit": entry["debit"],
        "credit": entry["credit"],
        "asset": entry["asset"],
        "amount": text(Amount(entry["amount"], Asset(entry["asset"], entry["decimals"]))),
        "resolves": entry["pending_id"],
    }
