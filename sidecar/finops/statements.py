"""Statements: what a wallet has paid and holds, as its owner reads it. Pure; knows no SQL and no HTTP.

Shows what the buyer itself has seen or may know: no cost, no margin, no name of the seller's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sidecar.domain import chart
from sidecar.finops import instants
from sidecar.finops.amounts import usd
from sidecar.x402.evm_text import checksummed

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
"""How many calls one page may have."""

_LAST: Final = "~"
"""Sorts after every call id."""

Row = Mapping[str, Any]


def credit_parameters(wallet: bytes) -> dict[str, object]:
    """Return the parameters of the query `wallet_credit`."""
    return {"wallet": chart.hexed(wallet)}


def credit_object(wallet: bytes, row: Row) -> dict[str, Any]:
    """Return what a wallet may spend now, and what its running calls hold of its credit beside that."""
    return {
        "wallet": checksummed(wallet),
        "available_usd": usd(row["available_nano"]),
        "held_usd": usd(row["held_nano"]),
    }


def page_parameters(wallet: bytes, limit: int, cursor: str | None) -> dict[str, object]:
    """Return the parameters of the query `wallet_calls` for a page, newest first."""
    return {"wallet": chart.hexed(wallet), "newest": cursor or _LAST, "limit": limit + 1}


def page_object(rows: Sequence[Row], limit: int) -> dict[str, Any]:
    """Return a page of a statement; the cursor names the first call of the next page."""
    return {
        "items": [item(row) for row in rows[:limit]],
        "next_cursor": rows[limit]["id"] if len(rows) > limit else None,
    }


def item(row: Row) -> dict[str, Any]:
    """Return one call of a statement, of a row of `wallet_calls`."""
    return {
        "call": row["id"],
        "at": instants.text(row["at_us"]),
        "endpoint": row["endpoint"],
        "method": row["method"],
        "target": row["target"],
        "price_usd": usd(row["price_nano"]),
        "captured_usd": usd(row["captured_nano"]),
        "credited_usd": usd(row["credited_nano"]),
        "settlement": settlement(row),
        "network": row["network"],
        "transaction": row["transaction_hash"] or None,
        "outcome": row["outcome"] or "running",
        "status": row["status"] or None,
    }


def settlement(row: Row) -> str:
    """Return how the money of a call stands: settled, failed, unknown, none, or pending.

    Pending is what runs, and what was served and is settled behind; none is a call that
    nobody was asked to settle and that ended.
    """
    stands: str = row["settlement"]
    if stands == "none" and row["outcome"] in {"", "served"}:
        return "pending"
    return stands
