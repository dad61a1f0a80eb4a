"""Calls: a stored row becomes the call that operators read. Pure; knows no SQL and no HTTP.

A call's known margin is its part of the margin table: while its money is not
final, that is nothing but the fees already owed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ledger.money import Amount, nano, text
from pricing.cost import Basis, Kind
from pricing.margin import KNOWN, ZERO, CallMoney, row_of, sums_of
from sidecar.finops import instants
from sidecar.finops.amounts import usd

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 1000
"""How many calls one page may have."""

Line = Mapping[str, Any]

_FIRST: Final = ""
_LAST: Final = "~"
"""These sort before and after every call id."""


def page_parameters(limit: int, cursor: str | None) -> dict[str, object]:
    """Return the parameters of the query `calls` for a page, newest first."""
    return {"oldest": _FIRST, "newest": cursor or _LAST, "limit": limit + 1}


def one_parameters(call: str) -> dict[str, object]:
    """Return the parameters of the query `calls` for one call."""
    return {"oldest": call, "newest": call, "limit": 1}


def page_object(rows: Sequence[Mapping[str, Any]], limit: int) -> dict[str, Any]:
    """Return a list of call objects; the cursor names the first call of the next page."""
    return {
        "items": [call_object(row) for row in rows[:limit]],
        "next_cursor": rows[limit]["id"] if len(rows) > limit else None,
    }


def call_object(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call object of a row of the query `calls`.

    `cost_usd` and `fees_usd` sum what is reported or measured; an estimate
    stands in `estimated_cost_usd`, and what nobody knows in `unknown_costs`. A
    call is in the books only once every policy let it in, which `policy` says.
    `status` is null while the call runs, as is everything it does not have.
    """
    lines = _lines(row)
    costs = [line for line in lines if line["kind"] != Kind.FEE]
    fees = [line for line in lines if line["kind"] == Kind.FEE]
    running = row["outcome"] == ""
    margin = row_of(sums_of(money_of(row)))
    return {
        "id": row["id"],
        "at": instants.text(row["at_us"]),
        "endpoint": row["endpoint"],
        "buyer": row["buyer"],
        "status": row["status"] or None,
        "policy": "allowed",
        "outcome": "running" if running else row["outcome"],
        "settlement": "pending" if running and row["settlement"] == "none" else row["settlement"],
        "network": row["network"],
        "transaction": row["transaction_hash"] or None,
        "price_usd": usd(row["price_nano"]),
        "held_usd": usd(row["held_nano"]),
        "captured_usd": usd(row["captured_nano"]),
        "credited_usd": usd(row["credited_nano"]),
        "costs": [_line_object(line) for line in costs],
        "fees": [_line_object(line) for line in fees],
        "cost_usd": text(_known(costs)),
        "fees_usd": text(_known(fees)),
        "estimated_cost_usd": text(margin.estimated_cost),
        "unknown_costs": sum(line["amount_nano"] is None for line in lines),
        "known_margin_usd": text(margin.known_margin),
        "run": row["run"] or None,
        "session": row["session"] or None,
        "workflow": row["workflow"] or None,
        "agent": row["agent"] or None,
        "workspace": row["workspace"] or None,
        "latency_ms": row["latency_us"] // 1000,
        "settle_ms": row["settle_us"] // 1000,
    }


def _lines(row: Mapping[str, Any]) -> list[Line]:
    return sorted(json.loads(row["lines"]), key=lambda line: int(line["n"]))


def _line_object(line: Line) -> dict[str, Any]:
    amount = line["amount_nano"]
    return {
        "kind": line["kind"],
        "name": line["name"],
        "amount_usd": None if amount is None else usd(amount),
        "basis": line["basis"],
        "rate": line["rate"] or None,
        "provider": line["provider"] or None,
        "step": line["step"] or None,
        "attempt": line["attempt"],
        "source": line["source"],
    }


def money_of(row: Mapping[str, Any]) -> CallMoney:
    """Return what is booked for a call: its capture, its lines as JSON, and whether its money is final."""
    lines = _lines(row)
    costs: dict[tuple[Kind, Basis], Amount] = {}
    for line in lines:
        if line["amount_nano"] is not None:
            key = Kind(line["kind"]), Basis(line["basis"])
            costs[key] = costs.get(key, ZERO) + nano(line["amount_nano"])
    return CallMoney(
        revenue=nano(row["captured_nano"]),
        bad_debt=nano(row["bad_debt_nano"]),
        costs=costs,
        unknown=any(line["amount_nano"] is None for line in lines),
        final=bool(row["final"]),
    )


def _known(lines: Sequence[Line]) -> Amount:
    known = (nano(line["amount_nano"]) for line in lines if Basis(line["basis"]) in KNOWN)
    return sum(known, ZERO)
