"""What is stored of a call's costs, and what a transaction must offer to keep it. Values and a port; no SQL.

All that anybody said of what a call cost is evidence. Some of it is booked, and
those lines are the call's cost lines; the rest says the same again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pricing.cost import CostLine


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line as stored: number *n* of its call, as it was told, and whether it is booked now."""

    n: int
    line: CostLine
    booked: bool


@dataclass(frozen=True, slots=True)
class Report:
    """One cost as the agent reported it. `digest` is of what it said, before rates were applied."""

    id: str
    digest: bytes
    line: CostLine


@dataclass(frozen=True, slots=True)
class ReportedCall:
    """What reports need to know of their call; `closed_us` is None while it runs."""

    id: str
    endpoint: str
    outcome: str
    closed_us: int | None

    @property
    def retry(self) -> bool:
        """Tell whether its work was not delivered, so that all of it is the cost of a retry."""
        return self.closed_us is not None and self.outcome != "served"


class CostsTx(Protocol):
    """A transaction that keeps evidence and reports. What is stored of them is never changed or removed."""

    def add_evidence(
        self, call: str, lines: Sequence[CostLine], *, booked: Sequence[bool], retry: bool
    ) -> int:
        """Append *lines*, those with an unknown amount too, and return the number of the first.

        *booked* tells of each whether it is. *retry*: booked or not, their work was not delivered.
        """
        ...

    def change_booked(self, call: str, n: int, *, booked: bool, because: int) -> None:
        """Note that line *n* is booked from now on, or is not any more, because of line *because*."""
        ...

    def evidence(self, call: str) -> list[Evidence]:
        """Return all lines of the call in order, each as it was told."""
        ...

    def reported_call(self, call: str) -> ReportedCall | None:
        """Return the call that reports are about; None if there is none."""
        ...

    def report_digests(self, call: str) -> Mapping[str, bytes]:
        """Return the digests of the call's reports by report id."""
        ...

    def add_report(self, call: str, report: Report, now_us: int) -> None:
        """Store a report, whose id is new to the call."""
        ...

    def pending_lines(self, call: str) -> list[CostLine]:
        """Return the lines of the call's reports in the order they came."""
        ...
