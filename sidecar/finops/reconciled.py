"""A reconciliation as operators read it. Pure. Amounts are decimal strings in the token's own units."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from ledger.money import Amount, Asset, text
from pricing.margin import ratio_text
from sidecar.domain import chart
from sidecar.finops import instants
from sidecar.finops.reconciliation import Finding, Kind, Reconciled

LISTED_MAX: Final = 1_000
"""How many findings of one till are written out; the counts tell of the others."""

BlockTimes = Mapping[tuple[str, int], int]
"""When a block was made, in seconds since the epoch, by network and number."""

_PLACE: Final = Fraction(1, 10_000)

NAMES: Final = {
    Kind.MATCHED: "matched",
    Kind.REPORTED: "reported",
    Kind.OWNER_MOVEMENT: "owner_movements",
    Kind.UNAPPLIED: "unapplied",
    Kind.SUSPENDED: "suspended",
    Kind.DEFAULTED: "defaulted",
    Kind.OWED: "owed",
    Kind.MISSING: "missing",
    Kind.DIFFERENT: "different",
}


def listed(reconciled: Reconciled) -> tuple[Finding, ...]:
    """Return the findings that are written out: all that are not a match, the worst first."""
    return tuple(each for each in reconciled.findings if each.kind is not Kind.MATCHED)[:LISTED_MAX]


def reconciled_object(all_tills: Iterable[Reconciled], times_s: BlockTimes, now_us: int) -> dict[str, Any]:
    """Return what `sidecar reconcile` tells; *times_s* has the block of every Transfer that is listed."""
    items = [_item(each, times_s, now_us) for each in all_tills]
    return {"items": items, "next_cursor": None, "explained": all(item["explained"] for item in items)}


def _item(reconciled: Reconciled, times_s: BlockTimes, now_us: int) -> dict[str, Any]:
    till, seen = reconciled.till, reconciled.seen
    asset = Asset(chart.hexed(till.asset), till.decimals)
    found = {name: reconciled.of(kind) for kind, name in NAMES.items()}
    # Rounded down: the last unexplained one of very many must be seen.
    ratio = ratio_text(reconciled.ratio // _PLACE * _PLACE)

    def amount(units: int) -> str:
        return text(Amount(units, asset))

    return {
        "network": till.network,
        "asset": asset.code,
        "pay_to": chart.hexed(till.pay_to),
        "from_block": seen.from_block,
        "to_block": seen.to_block,
        "at": instants.text(seen.timestamp_s * 1_000_000),
        "balance_chain": amount(seen.balance),
        "balance_books": amount(till.booked),
        "opening": amount(reconciled.opening),
        **{name: len(findings) for name, findings in found.items()},
        "amounts": {name: amount(sum(each.units for each in findings)) for name, findings in found.items()},
        "unexplained": amount(reconciled.unexplained),
        "explained_ratio": ratio,
        "explained": reconciled.explained,
        "unmatched": [
            _finding(each, times_s, till.network, now_us) | {"amount": amount(each.units)}
            for each in listed(reconciled)
        ],
    }


def _finding(finding: Finding, times_s: BlockTimes, network: str, now_us: int) -> dict[str, Any]:
    """A payment is as old as its call, and what belongs to none as old as its block."""
    claim, transfer = finding.claim, finding.transfer
    call = payer = transaction = None
    since_us = 0
    if transfer is not None:
        payer, transaction = transfer.payer, transfer.transaction
        since_us = times_s[network, transfer.block] * 1_000_000
    if claim is not None:
        call, payer, transaction = claim.call, payer or claim.payer, transaction or claim.transaction
        since_us = claim.admitted_us
    return {
        "kind": finding.kind.value,
        "call": call,
        "payer": chart.hexed(payer or b""),
        "pay_to": chart.hexed(transfer.pay_to) if transfer else None,
        "transaction": transaction or None,
        "block": transfer.block if transfer else None,
        "since": instants.text(since_us),
        "age_s": max(0, (now_us - since_us) // 1_000_000),
    }
