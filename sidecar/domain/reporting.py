"""Reporting: how cost reports get into the books. Units of work, no I/O.

What is reported while the call runs is stored, and booked by its close. What
comes later is booked at once, by a journal of its own, which also reverses what
it replaces.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from ledger.money import text
from ledger.values import value
from pricing.cost import CostLine, Kind, Source
from pricing.disputes import Dispute
from pricing.tariffs import NONE, Tariffs
from sidecar.domain import cost_entries
from sidecar.domain.costs import CostsTx, Evidence, Report, ReportedCall
from sidecar.domain.events import NeedsAttention
from sidecar.domain.judging import Judged, judge
from sidecar.domain.records import RecordsTx
from sidecar.domain.report_refusals import Code, ReportsRefused
from sidecar.domain.settling import record


class Status(StrEnum):
    """What became of one report."""

    BOOKED = "booked"  # it is a cost of its call, from the call's close on
    EVIDENCE = "evidence"  # the same cost is told by something stronger, which is booked
    EXISTS = "exists"  # it was taken before


@value
class Bounds:
    """How many reports a call may have, and how long after its close."""

    reports_max: int
    window_us: int


@value
class Taken:
    """What became of the reports, in their order, and what it changed in the books.

    `changes` is in nano-USD by kind, and empty while the call runs.
    """

    endpoint: str
    items: tuple[tuple[str, Status], ...]
    changes: tuple[tuple[str, int], ...] = ()
    disputes: tuple[Dispute, ...] = ()


@value
class Booked:
    """What a close booked, each line as it was told, and what its sources do not agree on."""

    lines: tuple[CostLine, ...] = ()
    disputes: tuple[Dispute, ...] = ()


def report_unit(
    tx: RecordsTx,
    call: str,
    reports: Sequence[Report],
    bounds: Bounds,
    now_us: int,
    tariffs: Tariffs = NONE,
) -> Taken | ReportsRefused:
    """Take the *reports* of one request, all or none of them. The same report again changes nothing.

    What has no figure gets the one that the seller agreed on, as it is now.
    """
    about = tx.reported_call(call)
    if about is None:
        return ReportsRefused(Code.CALL_UNKNOWN)
    if about.closed_us is not None and now_us > about.closed_us + bounds.window_us:
        return ReportsRefused(Code.CLOSE_WINDOW_OVER)
    known = dict(tx.report_digests(call))
    items: list[tuple[str, Status]] = []
    fresh: list[Report] = []
    for report in reports:
        if report.id not in known:
            fresh.append(replace(report, line=tariffs.applied(report.line, about.endpoint)))
            known[report.id] = report.digest
            items.append((report.id, Status.BOOKED))
        elif known[report.id] == report.digest:
            items.append((report.id, Status.EXISTS))
        else:
            return ReportsRefused(Code.REPORT_CONFLICT, report=report.id)
    if fresh and len(known) > bounds.reports_max:
        return ReportsRefused(Code.REPORTS_TOO_MANY)
    return _take(tx, about, tuple(items), fresh, now_us)


def pending_lines(tx: CostsTx, call: str) -> list[Evidence]:
    """Return what was reported of a call that is not closed; none of it is booked yet."""
    return [Evidence(n, line, booked=False) for n, line in enumerate(tx.pending_lines(call))]


def close_costs(
    tx: CostsTx, call: str, lines: Sequence[CostLine], fees: Sequence[CostLine] = (), *, retry: bool
) -> Booked:
    """Store all that is known of the cost of a call that closes; return what of it is to be booked.

    *lines* is what was metered, declared and agreed; the reports are on disk. *fees* are
    stored before them, and booked already. *retry*: the work was not delivered.
    """
    pending = pending_lines(tx, call)
    judged = judge(pending, lines)
    known = [(each.line, each in judged.risen) for each in pending]
    every = [*known, *zip(lines, judged.new, strict=True)]
    told = [(fee, True) for fee in fees] + every
    if told:
        booked = [stands for _, stands in told]
        tx.add_evidence(call, [line for line, _ in told], booked=booked, retry=retry)
    return Booked(tuple(line for line, stands in every if stands), judged.disputes)


def notes(call: str, disputes: Sequence[Dispute]) -> list[NeedsAttention]:
    """Return what a person should hear of costs that two sources do not agree on."""
    return [
        NeedsAttention(
            "costs_disagree",
            f"{each.source} says {text(each.told)} USD for {each.kind} {each.name}, "
            f"booked is {text(each.booked)} USD",
            call,
        )
        for each in disputes
    ]


def _take(
    tx: RecordsTx,
    about: ReportedCall,
    items: tuple[tuple[str, Status], ...],
    fresh: Sequence[Report],
    now_us: int,
) -> Taken:
    if not fresh:
        return Taken(about.endpoint, items)
    running = about.closed_us is None
    known = pending_lines(tx, about.id) if running else [e for e in tx.evidence(about.id) if _open(e.line)]
    judged = judge(known, [report.line for report in fresh])
    for report in fresh:
        tx.add_report(about.id, report, now_us)
    weaker = {report.id for report, booked in zip(fresh, judged.new, strict=True) if not booked}
    told = tuple(
        (name, Status.EVIDENCE if status is Status.BOOKED and name in weaker else status)
        for name, status in items
    )
    if running:
        return Taken(about.endpoint, told, disputes=judged.disputes)
    changes = _changes(about, _book(tx, about, fresh, judged, now_us), judged)
    if about.retry:
        tx.add_uncharged(about.id, dict(changes).get(Kind.RETRY.value, 0))
    return Taken(about.endpoint, told, changes, judged.disputes)


def _book(
    tx: RecordsTx, about: ReportedCall, fresh: Sequence[Report], judged: Judged, now_us: int
) -> list[CostLine]:
    """Append what came late and correct what it proves wrong; return the lines that are booked now."""
    told = [report.line for report in fresh]
    first = tx.add_evidence(about.id, told, booked=judged.new, retry=about.retry)
    for each in (*judged.risen, *judged.fallen):
        tx.change_booked(about.id, each.n, booked=not each.booked, because=first)
    lines = [report.line for report, booked in zip(fresh, judged.new, strict=True) if booked]
    lines += [each.line for each in judged.risen]
    journal = cost_entries.late(about, first, lines, judged.fallen, now_us)
    if journal is not None:
        record(tx, journal)
    return lines


def _changes(about: ReportedCall, lines: Sequence[CostLine], judged: Judged) -> tuple[tuple[str, int], ...]:
    sums: Counter[str] = Counter()
    for line in lines:
        sums[_kind(line, about)] += line.amount.units if line.amount else 0
    for each in judged.fallen:
        sums[_kind(each.line, about)] -= each.line.amount.units if each.line.amount else 0
    return tuple((kind, units) for kind, units in sorted(sums.items()) if units)


def _kind(line: CostLine, about: ReportedCall) -> str:
    return cost_entries.kind_booked(line, retry=about.retry).value


def _open(line: CostLine) -> bool:
    """Fees of settling and of the platform are owed by other events; no report tells of them."""
    return not (line.kind is Kind.FEE and line.source is Source.TARIFF)
