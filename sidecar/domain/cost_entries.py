"""Where costs are booked, and the journals of those that come late, with what they correct. Pure.

A correction takes the earlier line back in full and books the better one beside
it: both stay in the book, dated when we learned of them.
"""

from collections.abc import Sequence

from ledger.accounts import Account
from ledger.transfers import Journal, Transfer
from pricing.cost import CostLine, Kind
from sidecar.domain import chart
from sidecar.domain.costs import Evidence, ReportedCall


def kind_booked(line: CostLine, *, retry: bool) -> Kind:
    """Return the kind a line is booked under: work that was not delivered is the cost of a retry."""
    return Kind.RETRY if retry and line.kind is not Kind.FEE else line.kind


def late(
    about: ReportedCall, n: int, lines: Sequence[CostLine], fallen: Sequence[Evidence], at_us: int
) -> Journal | None:
    """Book *lines* that became known after the close, and reverse those that have *fallen*.

    *n* is the number of the first line that came; None if there is no amount to book.
    """
    role = f"{about.id}/late_costs/{n}"
    entries: list[Transfer] = []
    for each in fallen:
        if each.line.amount is not None and each.line.amount.units > 0:
            cost, owed = accounts(each.line, about.endpoint, retry=about.retry)
            name = f"{role}/corrects/{each.n}"
            entries.append(Transfer(name, debit=owed, credit=cost, amount=each.line.amount))
    for place, line in enumerate(lines):
        if line.amount is not None and line.amount.units > 0:
            cost, owed = accounts(line, about.endpoint, retry=about.retry)
            entries.append(Transfer(f"{role}/{place}", debit=cost, credit=owed, amount=line.amount))
    note = f"corrects {', '.join(str(each.n) for each in fallen)}" if fallen else ""
    kind = "correction" if fallen else "late_costs"
    return Journal(role, kind, tuple(entries), at_us, subject=about.id, note=note) if entries else None


def accounts(line: CostLine, endpoint: str, *, retry: bool) -> tuple[Account, Account]:
    """Return the cost and whom it is owed to, which is the same whether or not the work was delivered."""
    kind = kind_booked(line, retry=retry)
    fee = kind is Kind.FEE
    cost = chart.declared_fee(line.name) if fee else chart.cost(kind, endpoint, line.name)
    return cost, chart.payable(line.kind, line.provider or line.name)
