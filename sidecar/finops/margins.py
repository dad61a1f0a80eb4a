"""Margins: summed rows become the margin table. Pure; the formula itself is `pricing.margin`.

A row's unit is something every call has one of, so each call is in exactly one
row and the rows add up to the total. For model, tool and provider it is all
those the call used, together: revenue is a call's, and is not divided among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from ledger.money import INT64_MAX, nano, text
from pricing.cost import Kind
from pricing.margin import MarginSums, ratio_text, row_of
from sidecar.finops import instants

UNITS: Final = (
    "endpoint",
    "agent",
    "workflow",
    "run",
    "session",
    "buyer",
    "model",
    "provider",
    "tool",
    "workspace",
    "day",
)
"""What a margin table can be made by; `day` is a day in UTC."""

ROWS_MAX: Final = 10_000
"""The longest table; a longer one is refused, so that no row is left out unseen."""

LAST_CALL: Final = "~"
"""Sorts after the id of every call."""

_COUNTED: Final = frozenset({"calls", "unknown_cost_calls"})
_NOT_STORED: Final = frozenset({"refunds"})  # nothing is refunded yet
SUMS: Final = tuple(field.name for field in fields(MarginSums) if field.name not in _NOT_STORED)
"""What is added up of calls, in the order of the columns that keep it."""
_SUMMED: Final = tuple(name for name in SUMS if name not in _COUNTED)


class TableTooLong(Exception):
    """More rows than a table may have. The message is one sentence for the person who asked."""


def parameters(by: str, from_us: int | None, to_us: int | None) -> dict[str, object]:
    """Return the parameters of the query `margin`: calls from *from_us* on and before *to_us*."""
    assert by in UNITS, "the unit was checked where it was read"
    return {
        "by": by,
        "from_us": 0 if from_us is None else from_us,
        "to_us": INT64_MAX if to_us is None else to_us,
        "after": "",
        "last": LAST_CALL,
        "limit": ROWS_MAX + 1,
    }


def chunk_parameters(after: str, last: str) -> dict[str, object]:
    """Return the parameters of the query `margin` for what is kept of the calls between two ids."""
    whole = {"by": "*", "from_us": 0, "to_us": INT64_MAX, "limit": INT64_MAX}
    return whole | {"after": after, "last": last}


def sums_from(row: Mapping[str, Any]) -> MarginSums:
    """Return the sums of a row of the query `margin`."""
    amounts: dict[str, Any] = {name: nano(row[name]) for name in _SUMMED}
    return MarginSums(calls=row["calls"], unknown_cost_calls=row["unknown_cost_calls"], **amounts)


def margin_object(
    by: str, from_us: int | None, to_us: int | None, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the margin table: a row per unit, and their sum as `total`. Times are echoed, null if open.

    The unit is null for calls that have none, and in the total. TableTooLong says what to do.
    """
    if len(rows) > ROWS_MAX:
        raise TableTooLong(
            f"The table by {by} has more than {ROWS_MAX} rows: ask for a shorter time, or another unit."
        )
    total = {name: sum(row[name] for row in rows) for name in SUMS}
    return {
        "by": by,
        "from": None if from_us is None else instants.text(from_us),
        "to": None if to_us is None else instants.text(to_us),
        "items": [_row_object(by, row["unit"] or None, sums_from(row)) for row in rows],
        "total": _row_object(by, None, sums_from(total)),
    }


def _row_object(by: str, unit: str | None, sums: MarginSums) -> dict[str, Any]:
    row = row_of(sums)
    return {
        by: unit,
        "calls": row.calls,
        "revenue_usd": text(row.revenue),
        "refunds_usd": text(row.refunds),
        "unsettled_usd": text(row.unsettled),
        "cost_usd": {
            kind.value: text(row.cost[kind]) for kind in (Kind.MODEL, Kind.TOOL, Kind.EXTERNAL, Kind.RETRY)
        },
        "fees_usd": text(row.fees),
        "bad_debt_usd": text(row.bad_debt),
        "known_margin_usd": text(row.known_margin),
        "known_margin_ratio": ratio_text(row.known_margin_ratio),
        "estimated_cost_usd": text(row.estimated_cost),
        "unsettled_cost_usd": text(row.unsettled_cost),
        "unknown_cost_calls": row.unknown_cost_calls,
        "unknown_cost_revenue_usd": text(row.unknown_cost_revenue),
        "coverage_ratio": ratio_text(row.coverage_ratio),
    }
