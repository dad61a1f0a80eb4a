"""Known margin: one call's booked facts become sums, sums become a row. Knows no units, dates or SQL."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Final

from ledger.money import Amount, half_even_of, nano
from pricing.cost import Basis, CostLine, Kind

KNOWN: Final = frozenset({Basis.REPORTED, Basis.MEASURED})
ZERO: Final = nano(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMoney:
    """What is booked for one call, in nano-USD.

    *final* is true when nothing of the call's money is open any more: settled and final, lost, or never
    charged. *costs* are the booked lines summed by kind and basis. *unknown* is true when there is a cost or
    a fee whose amount nobody knows.
    """

    revenue: Amount = ZERO
    refunds: Amount = ZERO
    bad_debt: Amount = ZERO
    fees: Amount = ZERO
    costs: Mapping[tuple[Kind, Basis], Amount] = field(default_factory=dict)
    unknown: bool = False
    final: bool


def sum_lines(lines: Iterable[CostLine]) -> tuple[Mapping[tuple[Kind, Basis], Amount], bool]:
    """Sum booked lines as `CallMoney` takes them: amounts by kind and basis, and whether one is unknown."""
    sums: dict[tuple[Kind, Basis], Amount] = {}
    unknown = False
    for line in lines:
        if line.amount is None:
            unknown = True
        else:
            key = line.kind, line.basis
            sums[key] = sums.get(key, ZERO) + line.amount
    return sums, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginSums:
    """What can be added up over calls, in any order and any grouping; a store may sum each field itself.

    *Known* amounts are reported or measured. A call is *fully known* when it is final and none of its
    costs and fees is estimated or unknown.
    """

    calls: int = 0
    revenue: Amount = ZERO  # asked and booked, final or not
    refunds: Amount = ZERO  # given back
    unsettled: Amount = ZERO  # revenue of calls that are not final
    cost_model: Amount = ZERO  # known model costs of final calls
    cost_tool: Amount = ZERO  # known tool costs of final calls
    cost_external: Amount = ZERO  # known other costs of final calls
    cost_retry: Amount = ZERO  # known costs of attempts that were not delivered, of final calls
    fees: Amount = ZERO  # known fees of all calls; a fee is owed also when the call failed
    bad_debt: Amount = ZERO  # delivered and never paid
    estimated_cost: Amount = ZERO  # estimated costs and fees of all calls; in no margin
    unsettled_cost: Amount = ZERO  # known costs of calls that are not final; in no margin yet
    unknown_cost_calls: int = 0  # calls with an estimated or unknown cost or fee
    unknown_cost_revenue: Amount = ZERO  # revenue of those calls
    known_revenue: Amount = ZERO  # revenue of fully known calls
    known_calls_margin: Amount = ZERO  # known margin of fully known calls

    def __add__(self, other: "MarginSums") -> "MarginSums":
        """Field by field."""
        return MarginSums(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRow:
    """One line of the margin table, in nano-USD. Ratios are None where there is nothing to divide by.

    known_margin = revenue - refunds - unsettled - every `cost` - fees - bad_debt, always.
    """

    calls: int
    revenue: Amount
    refunds: Amount
    unsettled: Amount
    cost: Mapping[Kind, Amount]  # model, tool, external, retry
    fees: Amount
    bad_debt: Amount
    known_margin: Amount
    known_margin_ratio: Fraction | None  # margin over revenue, both of fully known calls only
    estimated_cost: Amount
    unsettled_cost: Amount
    unknown_cost_calls: int
    unknown_cost_revenue: Amount
    coverage_ratio: Fraction | None  # revenue of fully known calls over all final revenue


def sums_of(call: CallMoney) -> MarginSums:
    """One call as sums. A call that was not charged is final: what it cost counts against the margin."""
    known = {
        kind: sum((a for (k, b), a in call.costs.items() if k is kind and b in KNOWN), ZERO) for kind in Kind
    }
    estimated = sum((a for (_, basis), a in call.costs.items() if basis is Basis.ESTIMATED), ZERO)
    not_known = call.unknown or any(basis not in KNOWN for _, basis in call.costs)
    fees = call.fees + known.pop(Kind.FEE)
    costs = sum(known.values(), ZERO)
    fully_known = call.final and not not_known
    margin = call.revenue - call.refunds - costs - fees - call.bad_debt
    booked = known if call.final else dict.fromkeys(known, ZERO)
    return MarginSums(
        calls=1,
        revenue=call.revenue,
        refunds=call.refunds,
        unsettled=ZERO if call.final else call.revenue,
        cost_model=booked[Kind.MODEL],
        cost_tool=booked[Kind.TOOL],
        cost_external=booked[Kind.EXTERNAL],
        cost_retry=booked[Kind.RETRY],
        fees=fees,
        bad_debt=call.bad_debt,
        estimated_cost=estimated,
        unsettled_cost=ZERO if call.final else costs,
        unknown_cost_calls=int(not_known),
        unknown_cost_revenue=call.revenue if not_known else ZERO,
        known_revenue=call.revenue if fully_known else ZERO,
        known_calls_margin=margin if fully_known else ZERO,
    )


def row_of(sums: MarginSums) -> MarginRow:
    """Derive the row; the total of a table is the row of the sum of its sums."""
    cost = {
        Kind.MODEL: sums.cost_model,
        Kind.TOOL: sums.cost_tool,
        Kind.EXTERNAL: sums.cost_external,
        Kind.RETRY: sums.cost_retry,
    }
    # In units: a table has thousands of rows.
    final_units = sums.revenue.units - sums.unsettled.units
    spent_units = sum(amount.units for amount in cost.values()) + sums.fees.units + sums.bad_debt.units
    return MarginRow(
        calls=sums.calls,
        revenue=sums.revenue,
        refunds=sums.refunds,
        unsettled=sums.unsettled,
        cost=cost,
        fees=sums.fees,
        bad_debt=sums.bad_debt,
        known_margin=nano(final_units - sums.refunds.units - spent_units),
        known_margin_ratio=_ratio(sums.known_calls_margin, sums.known_revenue),
        estimated_cost=sums.estimated_cost,
        unsettled_cost=sums.unsettled_cost,
        unknown_cost_calls=sums.unknown_cost_calls,
        unknown_cost_revenue=sums.unknown_cost_revenue,
        coverage_ratio=_ratio(sums.known_revenue, nano(final_units)),
    )


def ratio_text(ratio: Fraction | None) -> str | None:
    """Write a ratio with 4 places, half-even; None stays None."""
    if ratio is None:
        return None
    units = half_even_of(ratio.numerator * 10_000, ratio.denominator)
    whole, rest = divmod(abs(units), 10_000)
    return f"{'-' if units < 0 else ''}{whole}.{rest:04d}"


def _ratio(part: Amount, whole: Amount) -> Fraction | None:
    return None if whole.units == 0 else Fraction(part.units, whole.units)
