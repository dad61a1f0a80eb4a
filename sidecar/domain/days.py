"""Days: what one payer may spend, and may cost us uncharged, in a day. Pure.

A day is a UTC day, and a call belongs to the day it was asked for on, however long it runs.
"""

from dataclasses import dataclass
from typing import Final

from ledger.money import Amount
from sidecar.domain.refusals import Code, Refusal

DAY_US: Final = 86_400_000_000
_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class PayerDay:
    """One payer's day in nano-USD.

    `spent_nano` are the prices of its calls that run or were delivered;
    `uncharged_nano` is what the others cost us.
    """

    spent_nano: int = 0
    uncharged_nano: int = 0


@dataclass(frozen=True, slots=True)
class DayLimits:
    """What a payer may do in a day: spend, and cost us for calls that nobody paid for. None: no limit."""

    spend: Amount | None = None
    uncharged: Amount | None = None


UNBOUNDED: Final = DayLimits()


def day_of(at_us: int) -> int:
    """Return the day of *at_us*, in days since the epoch."""
    return at_us // DAY_US


def rest_s(at_us: int) -> int:
    """Return the seconds until the day of *at_us* is over, rounded up."""
    return -(-((day_of(at_us) + 1) * DAY_US - at_us) // _US_PER_S)


def decide(
    limits: DayLimits, day: PayerDay, price: Amount, *, upfront: bool, credit: Amount, at_us: int
) -> Refusal | None:
    """Say why a call at *at_us* for *price* does not fit into its payer's *day*, or None.

    Past the uncharged cost only what is paid first is served: *upfront*, or from the *credit* that
    pays for it (zero: it does not). What fails gives credit back, so that covers no more than itself.
    """
    if limits.spend is not None and day.spent_nano + price.units > limits.spend.units:
        return Refusal(Code.BUDGET_SPENT, policy="exposure.per_day", retry_after_s=rest_s(at_us))
    if upfront or limits.uncharged is None:
        return None
    if day.uncharged_nano > limits.uncharged.units + credit.units:
        return Refusal(Code.UNCHARGED_LIMIT, policy="limits.uncharged_cost", retry_after_s=rest_s(at_us))
    return None
