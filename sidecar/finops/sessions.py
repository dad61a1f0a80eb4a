"""Sessions: what all calls of one session of one buyer have earned. Pure; knows no SQL.

A session is what the buyer calls one: two buyers may use the same word, and are
never added up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.money import text
from pricing.margin import MarginSums, row_of, sums_of
from sidecar.finops.calls import money_of


def parameters(call: Mapping[str, Any]) -> dict[str, object]:
    """Return the parameters of the query `session` for the session of a row of `calls`."""
    return {"session": call["session"], "buyer": call["buyer"]}


def with_session(call: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the call object with what all *calls* of its session have earned."""
    return {**call, "session_so_far": so_far(calls)}


def so_far(calls: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return how many calls the session has and their known margin; None for a call without a session."""
    if not calls:
        return None
    row = row_of(sum((sums_of(money_of(call)) for call in calls), MarginSums()))
    return {"calls": row.calls, "known_margin_usd": text(row.known_margin)}
