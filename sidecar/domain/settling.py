"""Settling: who is asked, what came back, and what the chain says later. Units of work, no I/O.

Each unit changes the payment by the table in `payments.py` and books the journal
that belongs to the change, in one transaction.
"""

from typing import Final

from ledger import book
from ledger.book import Rejected
from ledger.transfers import Journal
from ledger.values import value
from pricing.cost import CostLine
from sidecar.domain import entries
from sidecar.domain.outcomes import Failed, NotSent, Outcome, Paid, Unknown
from sidecar.domain.payments import Fact, Proof, State, after, settlement
from sidecar.domain.records import Payment, RecordsTx

_LEFT_TO_EVIDENCE: Final = frozenset(
    {
        State.UNKNOWN, State.CREDITED, State.FAILED, State.SUSPENDED, State.SPENDING, State.DELIVERED,
        State.DOUBTFUL, State.DEFAULTED,
    }
)  # fmt: skip
"""Where a payment may stand once its call was abandoned while somebody was asked: the credit that
evidence made of it may have been spent by the same payload since."""


@value
class Recorded:
    """How a settlement stands on disk. The payment is what is stored now."""

    payment: Payment
    outcome: Outcome


def sending_unit(tx: RecordsTx, claim_key: bytes, facilitator: str, now_us: int) -> Payment:
    """Name whom we are about to ask. From here on only evidence decides."""
    return send(tx, stored(tx, claim_key), facilitator, now_us)


def send(tx: RecordsTx, payment: Payment, facilitator: str, now_us: int, owner: str = "") -> Payment:
    """Note on a payment that *facilitator* is about to be asked for its money, by *owner* if it is given."""
    return tx.change(
        payment,
        state=after(payment.state, Fact.SENT),
        owner=owner or payment.owner,
        facilitator=facilitator,
        changed_us=now_us,
        watched=True,
    )


def renamed_unit(tx: RecordsTx, claim_key: bytes, facilitator: str, now_us: int) -> Payment:
    """Name whom we are about to ask instead: nothing left for the one named before.

    The money stays held. A call that was abandoned meanwhile is left as it is, with its old name.
    """
    payment = stored(tx, claim_key)
    if payment.state in _LEFT_TO_EVIDENCE:
        return payment
    state = after(payment.state, Fact.RENAMED)
    return tx.change(payment, state=state, facilitator=facilitator, changed_us=now_us)


def result_unit(
    tx: RecordsTx,
    claim_key: bytes,
    outcome: Outcome,
    fee: CostLine | None,
    settle_us: int,
    now_us: int,
) -> Recorded:
    """Record how the settlement ended, and the facilitator's *fee* where it settled.

    What was refused before the delivery is given back, and after it it is a debt. A
    transaction that another payment already names settles nothing: this one becomes
    unknown until the chain tells them apart. An answer that comes after its call was
    abandoned changes nothing: unknown is left by evidence alone.
    """
    payment = stored(tx, claim_key)
    if payment.state in _LEFT_TO_EVIDENCE:
        return Recorded(payment, Unknown("abandoned", payment.transaction))
    if isinstance(outcome, Paid) and tx.transaction_taken(payment.network, outcome.transaction, claim_key):
        outcome = Unknown("duplicate_settlement")
    moved = tx.change(payment, changed_us=now_us, **_after_result(payment, outcome))
    if isinstance(outcome, Paid):
        record(tx, entries.settled_by_word(moved, fee.amount if fee else None, now_us))
        add_fee(tx, moved.call, fee)
    elif moved.state is State.DEFAULTED:
        record(tx, entries.defaulted(moved, now_us))
    elif moved.state in {State.FAILED, State.RELEASED}:
        record(tx, entries.release(moved, now_us))
    tx.note_settlement(moved.call, settlement(moved.state, moved.proof), moved.transaction, settle_us)
    return Recorded(moved, outcome)


def release_unit(
    tx: RecordsTx, claim_key: bytes, now_us: int, *, reason: str, final: bool, watch: bool
) -> Payment:
    """Nothing was charged and nobody was asked. *final*: the payload may not enter again.

    *watch*: the payload was seen by others while it was good, so a late transfer counts.
    """
    payment = stored(tx, claim_key)
    fact = Fact.REFUSED if final else Fact.RELEASED
    if payment.on_credit and payment.proof is not Proof.NONE:
        fact = Fact.RETURNED  # its money is ours since an earlier call, and the buyer's credit again
    moved = tx.change(
        payment,
        state=after(payment.state, fact),
        reason=reason,
        changed_us=now_us,
        watched=payment.watched or (watch and payment.proof is Proof.NONE),
    )
    record(tx, entries.release(moved, now_us))
    return moved


def _after_result(payment: Payment, outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Paid(transaction=transaction):
            state = after(payment.state, Fact.CONFIRMED)
            return {"state": state, "transaction": transaction, "proof": Proof.WORD}
        case Failed(reason=reason):
            return {"state": after(payment.state, Fact.REJECTED), "reason": reason}
        case NotSent():
            state = after(payment.state, Fact.NOT_SENT)
            named = "" if state is State.OWED else payment.facilitator  # it waits for whoever can be asked
            return {"state": state, "facilitator": named}
        case Unknown(reason=reason, transaction=transaction):
            state = after(payment.state, Fact.LOST)
            return {"state": state, "reason": reason, "transaction": transaction}


def add_fee(tx: RecordsTx, call: str, fee: CostLine | None) -> None:
    """Add a facilitator's *fee* to what the call cost, an unknown one too."""
    if fee is not None:
        tx.add_evidence(call, (fee,), booked=(True,), retry=False)


def stored(tx: RecordsTx, claim_key: bytes) -> Payment:
    """Return the payment under *claim_key*, which must exist."""
    payment = tx.payment(claim_key)
    assert payment is not None, "a payment that was admitted is stored"
    return payment


def record(tx: RecordsTx, journal: Journal) -> None:
    """Book *journal*; a journal the book refuses is a programmer's error and undoes the unit."""
    booked = book.submit(tx, journal)
    assert not isinstance(booked, Rejected), f"the book refused {journal.id}: {booked}"
