"""Costs in the ledger's transaction: evidence, reports and what is booked of them. Decides nothing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ledger.money import nano
from ledger.queries import Reads, several
from ledger.store import Tx
from ledger.stores.unwritten import Value
from pricing.cost import Basis, CostLine, Kind, Source
from sidecar.domain.costs import Evidence, Report, ReportedCall


def insert(table: str, columns: Sequence[str], clause: str = "") -> str:
    """Write an INSERT of one row into a table of ours."""
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}){clause}"  # noqa: S608 own names only


_LINE: Final = (
    "kind", "name", "amount_nano", "basis", "rate", "source", "provider", "response_id", "step", "attempt",
)  # fmt: skip
_LINES: Final = ", ".join(_LINE)
_COUNT: Final = "SELECT count(*) FROM cost_evidence WHERE call_id = ?"
_ADD: Final = insert("cost_evidence", ("call_id", "n", *_LINE, "booked", "retry"))
_CHANGE: Final = (
    "INSERT INTO cost_changes (call_id, n, number, booked, because) "
    "SELECT :call, :n, count(*), :booked, :because FROM cost_changes WHERE call_id = :call AND n = :n"
)
_EVIDENCE: Final = (
    f"SELECT n, stands, {_LINES} "  # noqa: S608 own names only
    "FROM cost_standings WHERE call_id = ? ORDER BY n"
)
_CALL: Final = "SELECT endpoint, outcome, closed_us FROM calls WHERE id = ? /* locked */"
_DIGESTS: Final = "SELECT report_id, digest FROM cost_reports WHERE call_id = ?"
_REPORTS: Final = "SELECT count(*) FROM cost_reports WHERE call_id = ?"
_ADD_REPORT: Final = insert("cost_reports", ("call_id", "n", "report_id", "digest", "arrived_us", *_LINE))
_REPORTED: Final = f"SELECT {_LINES} FROM cost_reports WHERE call_id = ? ORDER BY n"  # noqa: S608 own names only


class CostsOf(Tx, Protocol):
    """What calls cost, over the connection of a ledger's transaction, whatever its database."""

    if TYPE_CHECKING:

        @property
        def connection(self) -> Reads:
            """The transaction's connection."""
            ...

    @property
    def tables(self) -> Reads:
        """The connection, for statements that look at no table but the sidecar's own."""
        return self.connection

    def add_evidence(
        self, call: str, lines: Sequence[CostLine], *, booked: Sequence[bool], retry: bool
    ) -> int:
        """Append *lines* and return the number of the first."""
        first = self.lines_of(call)
        values: list[Value] = []
        for n, (line, stands) in enumerate(zip(lines, booked, strict=True), first):
            values += (call, n, *_values(line), int(stands), int(retry))
        self.add_rows(_ADD, values, len(lines))
        return first

    def add_rows(self, insert: str, values: list[Value], rows: int) -> None:
        """Add *rows* that nothing else in the unit's statements looks for but by `connection`."""
        self.tables.execute(several(insert, rows), values)

    def lines_of(self, call: str) -> int:
        """Return how many lines of evidence the call has."""
        n: int = self.connection.execute(_COUNT, (call,)).fetchone()[0]
        return n

    def change_booked(self, call: str, n: int, *, booked: bool, because: int) -> None:
        """Note that a line is booked from now on, or is not any more."""
        values = {"call": call, "n": n, "booked": int(booked), "because": because}
        self.connection.execute(_CHANGE, values)

    def evidence(self, call: str) -> list[Evidence]:
        """Return all lines of the call in order."""
        rows = self.connection.execute(_EVIDENCE, (call,))
        return [Evidence(n, _line(values), booked=bool(stands)) for n, stands, *values in rows]

    def reported_call(self, call: str) -> ReportedCall | None:
        """Return the call that reports are about."""
        row = self.tables.execute(_CALL, (call,)).fetchone()
        if row is None:
            return None
        endpoint, outcome, closed_us = row
        return ReportedCall(call, endpoint, outcome, closed_us if outcome else None)

    def report_digests(self, call: str) -> Mapping[str, bytes]:
        """Return the digests of the call's reports by report id."""
        return dict(self.tables.execute(_DIGESTS, (call,)).fetchall())

    def add_report(self, call: str, report: Report, now_us: int) -> None:
        """Store a report."""
        n = self.tables.execute(_REPORTS, (call,)).fetchone()[0]
        row = (call, n, report.id, report.digest, now_us, *_values(report.line))
        self.tables.execute(_ADD_REPORT, row)

    def pending_lines(self, call: str) -> list[CostLine]:
        """Return the lines of the call's reports in the order they came."""
        return [_line(row) for row in self.tables.execute(_REPORTED, (call,))]


def _values(line: CostLine) -> tuple[Value, ...]:
    return (
        str(line.kind),
        line.name,
        None if line.amount is None else line.amount.units,
        str(line.basis),
        line.rate,
        str(line.source),
        line.provider,
        line.response_id,
        line.step,
        line.attempt,
    )


def _line(row: Sequence[object]) -> CostLine:
    values = dict(zip(_LINE, row, strict=True))
    units = values.pop("amount_nano")
    values["amount"] = nano(units) if isinstance(units, int) else None
    for name, words in (("kind", Kind), ("basis", Basis), ("source", Source)):
        values[name] = words(str(values[name]))
    return CostLine(**values)  # type: ignore[arg-type]  # STRICT columns hold the types the schema names
