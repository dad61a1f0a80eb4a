"""What an agent tells of its costs, with good defaults."""

import hashlib
from dataclasses import replace
from typing import Final

from ledger.money import nano
from pricing.cost import Basis, CostLine, Kind, Source
from sidecar.domain.costs import Report
from sidecar.domain.reporting import Bounds

BOUNDS: Final = Bounds(reports_max=100, window_us=900_000_000)


def told(
    units: int | None = 12_000_000,
    source: Source = Source.REPORT,
    *,
    kind: Kind = Kind.MODEL,
    name: str = "gpt-4o",
    response_id: str = "",
    provider: str = "",
    step: str = "",
    attempt: int = 1,
) -> CostLine:
    """Build what *source* tells of one cost, in nano-USD; None is unknown."""
    return CostLine(
        kind=kind,
        name=name,
        amount=None if units is None else nano(units),
        basis=Basis.UNKNOWN if units is None else Basis.REPORTED,
        rate="",
        source=source,
        provider=provider,
        response_id=response_id,
        step=step,
        attempt=attempt,
    )


def report(report_id: str = "r1", line: CostLine | None = None) -> Report:
    """Build a report of *line*, whatever source it names."""
    said = replace(line or told(), source=Source.REPORT)
    return Report(report_id, hashlib.sha256(repr(said).encode()).digest(), said)
