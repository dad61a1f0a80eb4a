"""Fees: what a settlement and the platform cost us, as cost lines. Pure.

A facilitator whose fee the config does not name has an unknown fee, not a free one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ledger.money import Amount, half_even_of, nano
from pricing.cost import Basis, CostLine, Kind, Source


@dataclass(frozen=True, slots=True)
class Fees:
    """The config's fees: per settlement by facilitator, and the platform's share of revenue."""

    facilitator: Mapping[str, Amount]
    platform: Fraction = Fraction(0)


def of_settlement(fees: Fees, facilitator: str) -> CostLine:
    """Return what the facilitator charges for one settlement."""
    amount = fees.facilitator.get(facilitator)
    basis = Basis.UNKNOWN if amount is None else Basis.MEASURED
    return CostLine(
        Kind.FEE, "facilitator", amount, basis, rate="config fees", source=Source.TARIFF, provider=facilitator
    )


def of_sale(fees: Fees, facilitators: Sequence[str], price: Amount) -> Amount:
    """Return the fees that selling a call will cost: the platform's, and those of who is asked to settle."""
    platform = of_platform(fees, price)
    settling = fees.facilitator.get(facilitators[0]) if facilitators else None
    return sum((fee for fee in (platform and platform.amount, settling) if fee), nano(0))


def of_platform(fees: Fees, revenue: Amount) -> CostLine | None:
    """Return the platform's share of *revenue*, rounded half-even; None when it takes none."""
    if not fees.platform:
        return None
    numerator, denominator = fees.platform.as_integer_ratio()
    share = nano(half_even_of(numerator * revenue.units, denominator))
    return CostLine(Kind.FEE, "platform", share, Basis.MEASURED, rate="config fees", source=Source.TARIFF)
