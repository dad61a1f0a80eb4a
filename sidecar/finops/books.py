"""Books: accounts, journals and the trial balance as operators read them. Pure.

Amounts are decimal strings in the account's own asset, with all its decimals:
most accounts count dollars, some a token's units.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from ledger.accounts import Side
from ledger.balances import Balance
from ledger.money import INT64_MAX, Amount, Asset, text
from sidecar.finops import instants

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1000
"""How many accounts or journals one page may have."""

Row = Mapping[str, Any]


class TrialLine(Protocol):
    """One account of the trial balance: posted sums, and what they leave on its normal side."""

    @property
    def account(self) -> str:
        """Return its name."""
        ...

    @property
    def asset(self) -> Asset:
        """Return what it counts."""
        ...

    @property
    def debits(self) -> int:
        """Return the units posted on its debit side."""
        ...

    @property
    def credits(self) -> int:
        """Return the units posted on its credit side."""
        ...

    @property
    def balance(self) -> int:
        """Return the units on its normal side."""
        ...


def trial_object(lines: Iterable[TrialLine]) -> dict[str, Any]:
    """Return the trial balance: its lines, and per asset the two sums that must be one."""
    items: list[dict[str, Any]] = []
    sums: dict[Asset, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for line in lines:
        debits, credits_ = sums[line.asset]
        sums[line.asset] = debits + line.debits, credits_ + line.credits
        items.append(
            {
                "account": line.account,
                "asset": line.asset.code,
                "debits": _text(line.debits, line.asset),
                "credits": _text(line.credits, line.asset),
                "balance": _text(line.balance, line.asset),
            }
        )
    totals = [
        {"asset": asset.code, "debits": _text(debits, asset), "credits": _text(credits_, asset)}
        for asset, (debits, credits_) in sums.items()
    ]
    balanced = all(debits == credits_ for debits, credits_ in sums.values())
    return {"balanced": balanced, "totals": totals, "items": items, "next_cursor": None}


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
        "debits": _text(balance.debits_posted, asset),
        "credits": _text(balance.credits_posted, asset),
        "debits_held": _text(balance.debits_pending, asset),
        "credits_held": _text(balance.credits_pending, asset),
        "balance": _text(balance.net(side), asset),
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
        "amount": _text(entry["amount"], Asset(entry["asset"], entry["decimals"])),
        "resolves": entry["pending_id"],
    }


def _text(units: int, asset: Asset) -> str:
    return text(Amount(units, asset))
