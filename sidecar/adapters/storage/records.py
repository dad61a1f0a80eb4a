"""Payments and calls in the ledger's transaction: implements `RecordsTx`. Decides nothing.

One text serves every database. Where several processes write, what a unit decides
over is its own from the reading on: `/* locked */` rows, and names it is `alone` with.
"""

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Final, Protocol

from ledger.money import nano
from sidecar.adapters.storage.costs import CostsOf, insert
from sidecar.adapters.storage.payment_rows import COLUMNS, changed, digest, payment_from, update, values_of
from sidecar.domain import chart
from sidecar.domain.days import DAY_US, PayerDay, day_of
from sidecar.domain.records import Authorized, CallRow, Closing, Money, Payment

_CALL_COLUMNS: Final = tuple(field.name for field in fields(CallRow))
_CALL_VALUES: Final = attrgetter(*_CALL_COLUMNS)


def _among(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})" if values else "FALSE"


# The column lists follow the dataclasses, so a field cannot be forgotten in one of them.
_CLAIM: Final = insert("payments", ("claim_digest", *COLUMNS), " ON CONFLICT (claim_digest) DO NOTHING")
# Word for word as the partial index has it: SQLite uses the index only where it finds its condition again.
_UNFINISHED: Final = (
    "(state = 'open' OR state = 'spending' OR state = 'sending' OR state = 'settled' OR state = 'unknown' "
    "OR state = 'owed' OR state = 'collecting' OR state = 'doubtful')"
)
_RUNNING: Final = "state IN ('open', 'spending', 'sending', 'settled', 'collecting')"
_CLAIMED: Final = "claim_digest = ? /* locked */"
_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM payments"  # noqa: S608
_OPEN_CALL: Final = insert("calls", _CALL_COLUMNS)
_NAMED: Final = "claim_digest = (SELECT claim_digest FROM identifiers WHERE payer = ? AND identifier = ?)"
_IDENTIFY: Final = insert(
    "identifiers",
    ("payer", "identifier", "claim_digest", "bound_us"),
    " ON CONFLICT (payer, identifier) DO UPDATE "
    "SET claim_digest = excluded.claim_digest, bound_us = excluded.bound_us "
    "WHERE identifiers.claim_digest = ?",
)
_FORGET: Final = (
    "DELETE FROM identifiers WHERE (payer, identifier) IN ("
    "SELECT i.payer, i.identifier FROM identifiers AS i "
    "JOIN payments AS p ON p.claim_digest = i.claim_digest "
    "WHERE i.bound_us < ? AND p.state IN ('released', 'failed', 'delivered', 'credited', 'defaulted') "
    "ORDER BY i.bound_us LIMIT ?)"
)
# Told, or seen. A column that is asked for its value is put into substr, too, and no index has that.
_TAKEN: Final = (
    "SELECT network, transaction_hash, claim_key FROM payments "
    "WHERE substr(transaction_hash, 51, 16) = ? AND (proof = 'word' OR proof = 'disproved') "
    "UNION ALL SELECT r.network, r.transaction_hash, p.claim_key FROM receipts AS r "
    "JOIN payments AS p ON p.no = r.payment WHERE substr(r.transaction_hash, 43, 24) = ?"
)
_PROVEN: Final = "SELECT 1 FROM payments WHERE payer = ? AND proof = 'chain' LIMIT 1"
_RECEIPT: Final = (
    "INSERT INTO receipts (payment, network, transaction_hash, log_index, amount) "
    "SELECT no, ?, ?, ?, ? FROM payments WHERE claim_digest = ? ON CONFLICT DO NOTHING"
)
_SETTLEMENT: Final = (
    "UPDATE calls SET settlement = ?, transaction_hash = ?, settle_us = coalesce(?, settle_us) WHERE id = ?"
)
_MONEY: Final = "UPDATE calls SET captured_nano = ?, credited_nano = ? WHERE id = ?"
_CLOSE: Final = (
    "UPDATE calls SET outcome = ?, status = ?, latency_us = ?, closed_us = ? WHERE id = ? AND outcome = ''"
)
_CLOSE_WITH_MONEY: Final = (
    "UPDATE calls SET outcome = ?, status = ?, latency_us = ?, closed_us = ?, "
    "captured_nano = ?, credited_nano = ?, settlement = coalesce(?, settlement) WHERE id = ? AND outcome = ''"
)
_NEWEST_TERMS: Final = (
    "SELECT version, terms FROM price_versions WHERE endpoint = ? ORDER BY version DESC LIMIT 1"
)
_NEW_TERMS: Final = insert("price_versions", ("endpoint", "version", "terms", "since_us"))
_REPLACED_TERMS: Final = (
    "SELECT v.version, v.terms, n.since_us FROM price_versions AS v "
    "JOIN price_versions AS n ON n.endpoint = v.endpoint AND n.version = v.version + 1 "
    "WHERE v.endpoint = ? AND n.since_us > ? ORDER BY v.version DESC LIMIT ?"
)
_ORPHAN_CALLS: Final = (
    "SELECT id, endpoint FROM calls WHERE outcome = '' "  # noqa: S608
    f"AND NOT EXISTS (SELECT 1 FROM payments AS p WHERE p.call_id = calls.id AND p.{_RUNNING})"
)
_DAY: Final = "SELECT spent_nano, uncharged_nano FROM payer_days WHERE payer = ? AND day = ?"
_COUNT: Final = (
    "INSERT INTO payer_days (payer, day, spent_nano, uncharged_nano) VALUES (?, ?, ?, 0) "
    "ON CONFLICT (payer, day) DO UPDATE SET spent_nano = payer_days.spent_nano + excluded.spent_nano"
)
_UNCOUNT: Final = (
    "UPDATE payer_days SET spent_nano = spent_nano - c.price_nano, uncharged_nano = uncharged_nano + ? "  # noqa: S608
    f"FROM calls AS c WHERE c.id = ? AND payer = c.buyer AND day = c.at_us / {DAY_US}"
)
_ADD_UNCHARGED: Final = (
    "UPDATE payer_days SET uncharged_nano = uncharged_nano + ? "  # noqa: S608
    f"FROM calls AS c WHERE c.id = ? AND payer = c.buyer AND day = c.at_us / {DAY_US}"
)


class RecordsOf(CostsOf, Protocol):
    """The sidecar's own tables, over the connection of a ledger's transaction, whatever its database."""

    def alone(self, *names: str) -> bool:
        """Let nobody else decide over what is called *names* until this unit is committed.

        True if others could have, so that what was read before is to be read again.
        """
        ...

    def living(self, owner: str) -> Sequence[str]:
        """Return the runs that may still be working, *owner* among them; all others are over for good."""
        ...

    def write_one(self, sql: str, values: Sequence[object]) -> None:
        """Run a statement that changes one row; AssertionError, by the commit, if it is not there."""
        rows = self.tables.execute(sql, values).rowcount
        assert rows == 1, "what changes is stored"

    def payment(self, claim_key: bytes) -> Payment | None:
        """Return the payment claimed under *claim_key*."""
        found = self._where(_CLAIMED, (digest(claim_key),))
        if not found and self.alone(f"payment {claim_key.hex()}"):
            found = self._where(_CLAIMED, (digest(claim_key),))
        assert not found or found[0].claim_key == claim_key, "no two claims have one digest"
        return found[0] if found else None

    def price_version(self, endpoint: str, terms: str, since_us: int) -> int:
        """Return the number of these terms, making them the newest version if they are not."""
        self.alone(f"prices of {endpoint}")
        newest = self.tables.execute(_NEWEST_TERMS, (endpoint,)).fetchone()
        if newest is not None and newest[1] == terms:
            return int(newest[0])
        version = 1 if newest is None else int(newest[0]) + 1
        self.tables.execute(_NEW_TERMS, (endpoint, version, terms, since_us))
        return version

    def replaced_terms(self, endpoint: str, after_us: int, limit: int) -> list[tuple[int, str, int]]:
        """Return (version, terms, when it was replaced) of terms replaced after *after_us*."""
        return self.tables.execute(_REPLACED_TERMS, (endpoint, after_us, limit)).fetchall()

    def orphans(self, owner: str) -> list[Payment]:
        """Return payments whose call another run left open."""
        living = self.living(owner)
        return self._where(f"{_UNFINISHED} AND {_RUNNING} AND NOT {_among('owner', living)}", living)

    def orphan_calls(self, owner: str) -> list[tuple[str, str]]:
        """Return (call, endpoint) of calls that another run did not close, and whose money is settled."""
        living = self.living(owner)
        return self.tables.execute(f"{_ORPHAN_CALLS} AND NOT {_among('owner', living)}", living).fetchall()

    def unknown(self, limit: int) -> list[Payment]:
        """Return payments whose settlement is unknown."""
        return self._where(
            f"{_UNFINISHED} AND state IN ('unknown', 'doubtful') ORDER BY changed_us LIMIT ?", (limit,)
        )

    def owed(self, limit: int, networks: Sequence[str], after_s: int) -> list[Payment]:
        """Return payments on *networks* to be collected that are good after *after_s*."""
        return self._where(
            f"{_UNFINISHED} AND state = 'owed' AND valid_before > ? AND {_among('network', networks)} "
            "ORDER BY valid_before LIMIT ?",
            (after_s, *networks, limit),
        )

    def doubtful(self, limit: int) -> list[Payment]:
        """Return payments that were delivered and whose settlement is unknown."""
        return self._where(f"{_UNFINISHED} AND state = 'doubtful' ORDER BY changed_us LIMIT ?", (limit,))

    def overdue(self, limit: int, now_s: int) -> list[Payment]:
        """Return payments that were not collected and are not good any more."""
        return self._where(
            f"{_UNFINISHED} AND state = 'owed' AND valid_before <= ? ORDER BY valid_before LIMIT ?",
            (now_s, limit),
        )

    def debts(self, payer: bytes) -> list[Payment]:
        """Return what was delivered to this payer and not paid."""
        order = "ORDER BY admitted_us, claim_key /* locked */"
        return self._where(f"state = 'defaulted' AND payer = ? {order}", (payer,))

    def proven(self, payer: bytes) -> bool:
        """Tell whether a payment of this payer is final on chain."""
        return self.tables.execute(_PROVEN, (payer,)).fetchone() is not None

    def unseen(self, limit: int, networks: Sequence[str]) -> list[Payment]:
        """Return payments settled by word on *networks* and not yet seen on chain."""
        return self._where(
            f"proof = 'word' AND {_among('network', networks)} ORDER BY changed_us LIMIT ?",
            (*networks, limit),
        )

    def watched(self, limit: int, networks: Sequence[str]) -> list[Payment]:
        """Return payments on *networks* that nothing was paid for but might still arrive on chain."""
        return self._where(
            "watched = 1 AND state IN ('released', 'failed', 'delivered', 'defaulted') AND proof = 'none' "
            f"AND {_among('network', networks)} ORDER BY valid_before LIMIT ?",
            (*networks, limit),
        )

    def _where(self, condition: str, parameters: Sequence[object]) -> list[Payment]:
        rows = self.tables.execute(f"{_SELECT} WHERE {condition}", parameters)
        return [payment_from(row) for row in rows]

    def claim(self, payment: Payment) -> bool:
        """Store a new payment; False if its claim key was used before."""
        return self.tables.execute(_CLAIM, values_of(payment)).rowcount == 1

    def change(self, payment: Payment, **changes: object) -> Payment:
        """Store *changes* to fields of *payment*, and only those."""
        self.write_one(*update(payment, changes))
        return changed(payment, changes)

    def unresolved(self, payer: bytes, request_digest: bytes) -> Payment | None:
        """Return a payment of this payer for the same request whose settlement is unknown."""
        found = self._where("state = 'unknown' AND payer = ? AND request_digest = ?", (payer, request_digest))
        return found[0] if found else None

    def identified(self, payer: bytes, identifier: str) -> Payment | None:
        """Return the payment of the purchase that *payer* calls by this name."""
        self.alone(f"name {payer.hex()} {identifier}")
        found = self._where(f"{_NAMED} /* locked */", (payer, identifier))
        return found[0] if found else None

    def identify(self, payment: Payment, identifier: str, *, instead: Payment | None) -> bool:
        """Let the payer's *identifier* stand for the purchase of *payment*; False if it has another."""
        expected = None if instead is None else digest(instead.claim_key)
        row = (payment.payer, identifier, digest(payment.claim_key), payment.admitted_us, expected)
        return self.tables.execute(_IDENTIFY, row).rowcount == 1

    def forget_identifiers(self, before_us: int, limit: int) -> None:
        """Remove the oldest names given before then, of purchases that have ended."""
        self.tables.execute(_FORGET, (before_us, limit))

    def credit_units(self, buyer: str) -> int:
        """Return what the buyer may spend of its credit now, nano-USD."""
        balance = self.balance(chart.buyer(buyer).id)
        return balance.credits_posted - balance.debits_posted - balance.debits_pending

    def transaction_taken(self, network: str, transaction: str, claim_key: bytes) -> bool:
        """Tell whether another settled payment names this transaction as its own."""
        self.alone(f"transaction {network} {transaction}")
        found = self.tables.execute(_TAKEN, (transaction[50:66], transaction[42:66]))
        return any(row[:2] == (network, transaction) and row[2] != claim_key for row in found)

    def add_receipt(
        self, network: str, transaction: str, log_index: int, claim_key: bytes, amount: int
    ) -> bool:
        """Record one Transfer log as this payment's; False if it, or the payment, has another."""
        row = (network, transaction, log_index, amount, digest(claim_key))
        return self.tables.execute(_RECEIPT, row).rowcount == 1

    def open_call(self, call: CallRow) -> None:
        """Store a call that has been admitted; its price counts as spent on its buyer's day."""
        self.tables.execute(_OPEN_CALL, _CALL_VALUES(call))
        self.tables.execute(_COUNT, (call.buyer, day_of(call.at_us), call.price_nano))

    def uncount_call(self, call: str, uncharged_nano: int) -> None:
        """Take the call's price off its buyer's day and put its cost there."""
        self.write_one(_UNCOUNT, (uncharged_nano, call))

    def add_uncharged(self, call: str, cost_nano: int) -> None:
        """Add to what the buyer's day cost us, or take from it."""
        self.write_one(_ADD_UNCHARGED, (cost_nano, call))

    def payer_day(self, buyer: str, day: int) -> PayerDay:
        """Return the sums over the buyer's calls of a day."""
        self.alone(f"day {buyer} {day}")
        row = self.tables.execute(_DAY, (buyer, day)).fetchone()
        return PayerDay() if row is None else PayerDay(*row)

    def note_settlement(self, call: str, settlement: str, transaction: str, settle_us: int | None) -> None:
        """Note on the call how its settlement stands."""
        self.tables.execute(_SETTLEMENT, (settlement, transaction, settle_us, call))

    def note_money(self, call: str, money: Money) -> None:
        """Note on the call what became of its money."""
        self.tables.execute(_MONEY, (money.captured_nano, money.credited_nano, call))

    def close_call(self, call: str, closing: Closing, money: Money | None) -> bool:
        """Close the call; False if it was closed before."""
        row = (closing.outcome, closing.status, closing.latency_us, self.recorded_us)
        if money is None:
            return self.tables.execute(_CLOSE, (*row, call)).rowcount == 1
        earned = (money.captured_nano, money.credited_nano, money.settlement)
        return self.tables.execute(_CLOSE_WITH_MONEY, (*row, *earned, call)).rowcount == 1

    def authorized(self, network: str, payer: str) -> Authorized:
        """Return the payer's authorizations on the network."""
        balance = self.balance(chart.authorized(network, payer).id)
        return Authorized(
            open=nano(balance.debits_posted - balance.credits_posted), ever=nano(balance.debits_posted)
        )
