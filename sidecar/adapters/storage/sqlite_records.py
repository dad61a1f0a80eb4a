"""The sidecar's tables in a file that one process writes, which need not ask for what it has written."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from ledger.stores.sqlite import SqliteTx
from ledger.stores.unwritten import Value
from pricing.cost import CostLine
from sidecar.adapters.storage.payment_rows import digest
from sidecar.adapters.storage.records import RecordsOf
from sidecar.domain.costs import Report
from sidecar.domain.days import PayerDay, day_of
from sidecar.domain.payments import State
from sidecar.domain.records import CallRow, Payment

_PAYMENTS_MAX: Final = 8_192
_CALLS_MAX: Final = 8_192
_PAYERS_MAX: Final = 16_384
"""How many of each are remembered; when there are more, all go."""


_DEFAULTED: Final = State.DEFAULTED
_UNKNOWN: Final = State.UNKNOWN
_CLAIMED: Final = "SELECT 1 FROM payments WHERE claim_digest = ?"
_DOUBTS: Final = "SELECT 1 FROM payments WHERE state = 'unknown' AND payer = ? LIMIT 1"


class RecordsSqliteTx(SqliteTx, RecordsOf):
    """The ledger's transaction in SQLite, with the sidecar's own tables. Units run one after the other.

    What is remembered beside the file only saves the question. Rows of costs are kept back with the ledger's.
    """

    def __init__(self, connection: sqlite3.Connection, now_us: Callable[[], int]) -> None:
        super().__init__(connection, now_us)
        add = self.memories.add
        self._payments: dict[bytes, Payment] = add({}, _PAYMENTS_MAX)
        # Of calls that have no reports, how many lines of evidence they have.
        self._lines: dict[str, int] = add({}, _CALLS_MAX)
        self._days: dict[tuple[str, int], PayerDay] = add({}, _PAYERS_MAX)
        self._debts: dict[bytes, bool] = add({}, _PAYERS_MAX)  # whether a payer has any
        self._doubts: dict[bytes, bool] = add({}, _PAYERS_MAX)  # whether a settlement of a payer is unknown
        self._proven: dict[bytes, bool] = add({}, _PAYERS_MAX)

    @property
    def tables(self) -> sqlite3.Connection:
        """See `CostsOf`; journals that are not written yet are none of these statements' business."""
        return self._connection

    def add_rows(self, insert: str, values: list[Value], rows: int) -> None:  # noqa: ARG002 it counts them
        """See `CostsOf`; they are written with those of the ledger."""
        self._unwritten.add(insert, values)

    def alone(self, *names: str) -> bool:  # noqa: ARG002 who is alone anyway needs no names
        """See `RecordsOf`; nobody else decides meanwhile."""
        return False

    def living(self, owner: str) -> Sequence[str]:
        """See `RecordsOf`; one process writes."""
        return (owner,)

    def payment(self, claim_key: bytes) -> Payment | None:
        """Return the payment claimed under *claim_key*."""
        known = self._payments.get(claim_key)
        if known is None:
            # Most are new, and a row of so many columns is described before it is found missing.
            if self.tables.execute(_CLAIMED, (digest(claim_key),)).fetchone() is None:
                return None
            known = super().payment(claim_key)
            if known is not None:
                self.memories.keep(self._payments, claim_key, known)
        return known

    def claim(self, payment: Payment) -> bool:
        """Store a new payment; False if its claim key was used before."""
        claimed = super().claim(payment)
        if claimed:
            self.memories.keep(self._payments, payment.claim_key, payment)
        return claimed

    def change(self, payment: Payment, **changes: object) -> Payment:
        """Store *changes* to fields of *payment*, and only those."""
        assert self._payments.get(payment.claim_key, payment) == payment, "what changes was just read"
        changed = super().change(payment, **changes)
        self.memories.keep(self._payments, changed.claim_key, changed)
        if payment.state is _DEFAULTED or changed.state is _DEFAULTED:
            self._debts.pop(payment.payer, None)
        if payment.state is _UNKNOWN or changed.state is _UNKNOWN:
            self._doubts.pop(payment.payer, None)
        return changed

    def unresolved(self, payer: bytes, request_digest: bytes) -> Payment | None:
        """Return a payment of this payer for the same request whose settlement is unknown."""
        doubts = self._doubts.get(payer)
        if doubts is None:
            doubts = self.tables.execute(_DOUBTS, (payer,)).fetchone() is not None
            self.memories.keep(self._doubts, payer, doubts)
        return super().unresolved(payer, request_digest) if doubts else None

    def debts(self, payer: bytes) -> list[Payment]:
        """Return what was delivered to this payer and not paid."""
        if self._debts.get(payer) is False:
            return []
        found = super().debts(payer)
        self.memories.keep(self._debts, payer, bool(found))
        return found

    def proven(self, payer: bytes) -> bool:
        """Tell whether a payment of this payer is final on chain; once it is, it stays so."""
        return payer in self._proven or (
            super().proven(payer) and self.memories.keep(self._proven, payer, True)
        )

    def payer_day(self, buyer: str, day: int) -> PayerDay:
        """Return the sums over the buyer's calls of a day."""
        known = self._days.get((buyer, day))
        return known or self.memories.keep(self._days, (buyer, day), super().payer_day(buyer, day))

    def open_call(self, call: CallRow) -> None:
        """Store a call that has been admitted; its price counts as spent on its buyer's day."""
        super().open_call(call)
        self.memories.keep(self._lines, call.id, 0)
        known = self._days.pop(day := (call.buyer, day_of(call.at_us)), None)
        if known is not None:
            spent = PayerDay(known.spent_nano + call.price_nano, known.uncharged_nano)
            self.memories.keep(self._days, day, spent)

    def uncount_call(self, call: str, uncharged_nano: int) -> None:
        """Take the call's price off its buyer's day and put its cost there."""
        self._days.clear()
        super().uncount_call(call, uncharged_nano)

    def add_uncharged(self, call: str, cost_nano: int) -> None:
        """Add to what the buyer's day cost us, or take from it."""
        self._days.clear()
        super().add_uncharged(call, cost_nano)

    def add_evidence(
        self, call: str, lines: Sequence[CostLine], *, booked: Sequence[bool], retry: bool
    ) -> int:
        """Append *lines* and return the number of the first."""
        first = super().add_evidence(call, lines, booked=booked, retry=retry)
        if call in self._lines:
            self.memories.keep(self._lines, call, first + len(lines))
        return first

    def lines_of(self, call: str) -> int:
        """Return how many lines of evidence the call has."""
        known = self._lines.get(call)
        return super().lines_of(call) if known is None else known

    def add_report(self, call: str, report: Report, now_us: int) -> None:
        """Store a report."""
        self._lines.pop(call, None)
        super().add_report(call, report, now_us)

    def pending_lines(self, call: str) -> list[CostLine]:
        """Return the lines of the call's reports in the order they came."""
        return [] if call in self._lines else super().pending_lines(call)
