"""Buyers: all that the books say of one wallet, as operators read it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sidecar.domain import chart
from sidecar.domain.days import DAY_US, day_of
from sidecar.finops import instants
from sidecar.finops.amounts import usd
from sidecar.finops.statements import item, page_parameters

CALLS_SHOWN: Final = 20
"""How many of its last calls are shown with a buyer."""

Row = Mapping[str, Any]


def parameters(payer: bytes, now_us: int) -> dict[str, object]:
    """Return the parameters of the query `wallet_standing` for the day of *now_us*."""
    return {"wallet": chart.hexed(payer), "day": day_of(now_us)}


def calls_parameters(payer: bytes) -> dict[str, object]:
    """Return the parameters of the query `wallet_calls` for the last calls."""
    return page_parameters(payer, CALLS_SHOWN - 1, None)


def buyer_object(
    payer: bytes, now_us: int, standing: Row, credit: Row, calls: Sequence[Row]
) -> dict[str, Any]:
    """Return a buyer: credit, exposure, today's sums, all its calls' sums, and the last of them.

    `spent_usd` are the prices of today's calls that run or were delivered, `uncharged_usd` what the
    others cost us; the day is UTC.
    """
    return {
        "buyer": chart.hexed(payer),
        "since": instants.text(standing["first_us"]),
        "credits_usd": usd(credit["available_nano"]),
        "held_usd": usd(credit["held_nano"]),
        "exposure_usd": usd(standing["exposure_nano"]),
        "today": {
            "day": instants.text(day_of(now_us) * DAY_US).partition("T")[0],
            "spent_usd": usd(standing["spent_nano"]),
            "uncharged_usd": usd(standing["uncharged_nano"]),
        },
        "total": {
            "calls": standing["calls"],
            "captured_usd": usd(standing["captured_nano"]),
            "credited_usd": usd(standing["credited_nano"]),
        },
        "calls": [item(row) for row in calls],
    }
