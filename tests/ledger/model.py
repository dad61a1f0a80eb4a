"""A naive book: a list of what was booked, added up anew for every question. Slow, and plain to read."""

from dataclasses import dataclass, field

from ledger.accounts import Account, Constraint, Side
from ledger.balances import Balance
from ledger.money import INT64_MAX
from ledger.transfers import Entry, Expire, Journal, Pending, Post, Transfer, Void

WORDS = {Post: "posted", Void: "voided", Expire: "expired"}


@dataclass
class Naive:
    """Predicts the word the book answers with: created, exists, or the value of a Status."""

    journals: dict[str, Journal] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def submit(self, asked: Journal) -> str:
        """Book *asked* or say why not."""
        before = self.journals.get(asked.id)
        if before is not None:
            return "exists" if before == asked else "conflict"
        count = len(self.entries)
        for entry in asked.entries:
            word = self._why_not(entry)
            self.entries.append(entry)
            word = word or self._broken(entry)
            if word is not None:
                del self.entries[count:]
                return word
        self.journals[asked.id] = asked
        return "created"

    def balance(self, account: Account) -> Balance:
        """Add up everything that ever touched *account*."""
        posted, pending = {Side.DEBIT: 0, Side.CREDIT: 0}, {Side.DEBIT: 0, Side.CREDIT: 0}
        for entry in self.entries:
            move = self._hold(entry.pending_id) if isinstance(entry, Post | Void | Expire) else entry
            assert move is not None
            for side, touched in ((Side.DEBIT, move.debit), (Side.CREDIT, move.credit)):
                if touched.id != account.id:
                    continue
                if isinstance(entry, Transfer | Post):
                    posted[side] += entry.amount.units
                if isinstance(entry, Pending) and self._resolution(entry.id) is None:
                    pending[side] += entry.amount.units
        return Balance(posted[Side.DEBIT], posted[Side.CREDIT], pending[Side.DEBIT], pending[Side.CREDIT])

    def open_holds(self) -> list[str]:
        """Name the holds nobody has resolved."""
        return [e.id for e in self.entries if isinstance(e, Pending) and self._resolution(e.id) is None]

    def _why_not(self, entry: Entry) -> str | None:
        if any(each.id == entry.id for each in self.entries):
            return "entry_id_taken"
        if not isinstance(entry, Void | Expire) and entry.amount.units <= 0:
            return "amount_not_positive"
        if isinstance(entry, Transfer | Pending):
            return "accounts_same" if entry.debit.id == entry.credit.id else None
        hold = self._hold(entry.pending_id)
        if hold is None:
            known = any(each.id == entry.pending_id for each in self.entries)
            return "pending_not_pending" if known else "pending_not_found"
        resolution = self._resolution(hold.id)
        if resolution is not None:
            return f"pending_already_{WORDS[type(resolution)]}"
        too_much = isinstance(entry, Post) and entry.amount.units > hold.amount.units
        return "exceeds_pending" if too_much else None

    def _broken(self, entry: Entry) -> str | None:
        """Say which bound the newest entry broke."""
        if not isinstance(entry, Transfer | Pending):
            return None
        debit, credit = self.balance(entry.debit), self.balance(entry.credit)
        if entry.debit.constraint is Constraint.NO_NEGATIVE and debit.available(entry.debit.side) < 0:
            return "exceeds_credits"
        if entry.credit.constraint is Constraint.NO_NEGATIVE and credit.available(entry.credit.side) < 0:
            return "exceeds_debits"
        for account, side, now in ((entry.debit, Side.DEBIT, debit), (entry.credit, Side.CREDIT, credit)):
            if account.limit is not None and account.side is side and now.exposure(side) > account.limit:
                return "exceeds_limit"
        return "overflow" if entry.amount.units > INT64_MAX else None

    def _hold(self, name: str) -> Pending | None:
        return next((e for e in self.entries if isinstance(e, Pending) and e.id == name), None)

    def _resolution(self, name: str) -> Post | Void | Expire | None:
        found = (e for e in self.entries if isinstance(e, Post | Void | Expire) and e.pending_id == name)
        return next(found, None)
