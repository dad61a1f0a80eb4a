"""Resolving: what later evidence does to a payment. Units of work, no I/O. Each may run twice.

Every unit looks at the stored state first: evidence that comes again, or too
late, changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pricing.cost import CostLine
from sidecar.domain import entries
from sidecar.domain.closing import give_credit
from sidecar.domain.evidence import Arrived, Dead, Undecidable
from sidecar.domain.payments import SERVED_FIRST, Fact, Proof, State, after, settlement
from sidecar.domain.records import Money, Payment, RecordsTx
from sidecar.domain.settling import add_fee, record, stored
from sidecar.domain.transfers import TransferLog

_BUSY: Final = frozenset({State.OPEN, State.SPENDING, State.SENDING, State.COLLECTING})


@dataclass(frozen=True, slots=True)
class Proven:
    """What evidence says of a payment; *fee* is owed to whoever was asked to settle it, if it arrived."""

    claim_key: bytes
    verdict: Arrived | Dead | Undecidable
    fee: CostLine | None


def proven_unit(tx: RecordsTx, proven: Sequence[Proven], now_us: int) -> list[Payment | None]:
    """Do to each what evidence says of it; None stands for one whose Transfer has paid for another one."""
    return [_proven(tx, each, now_us) for each in proven]


def _proven(tx: RecordsTx, proven: Proven, now_us: int) -> Payment | None:
    match proven.verdict:
        case Arrived(log=log):
            arrived = arrived_unit(tx, proven.claim_key, log, proven.fee, now_us)
            return stored(tx, proven.claim_key) if arrived else None
        case Dead():
            return dead_unit(tx, proven.claim_key, now_us)
        case Undecidable():
            return undecidable_unit(tx, proven.claim_key, now_us)


def arrived_unit(
    tx: RecordsTx, claim_key: bytes, log: TransferLog, fee: CostLine | None, now_us: int
) -> bool:
    """The exact Transfer of this payment is final. False if that Transfer has paid for another one.

    Settled by word: seen. Delivered before: it pays for that. Unknown, or not
    charged: nothing was delivered for it, so it is the buyer's credit. Entered
    again, or asked for, since the chain was asked: that goes first, and the
    evidence is there when it has ended.
    """
    payment = stored(tx, claim_key)
    if payment.proof is Proof.CHAIN or payment.state in _BUSY:
        return True
    if not tx.add_receipt(payment.network, log.transaction, log.log_index, claim_key, payment.amount):
        return False
    if payment.facilitator == "" or payment.state is State.RELEASED:
        fee = None  # nothing was sent to anybody, so nobody is owed for it
    late = payment.state in {State.RELEASED, State.FAILED, State.DELIVERED}
    confirmed = payment.proof is not Proof.WORD and (
        payment.state in SERVED_FIRST or (late and payment.proof is Proof.NONE)
    )
    # As it was told, mostly: written again it would dirty a page of its index again.
    moved = {} if log.transaction == payment.transaction else {"transaction": log.transaction}
    proven = tx.change(
        payment,
        state=after(payment.state, Fact.CONFIRMED) if confirmed else payment.state,
        proof=Proof.CHAIN,
        watched=False,
        changed_us=now_us,
        **moved,
    )
    if payment.proof is Proof.WORD:
        record(tx, entries.seen(proven, now_us))
    elif payment.state is State.UNKNOWN:
        record(tx, entries.settled_by_chain(proven, fee.amount if fee else None, now_us))
        add_fee(tx, proven.call, fee)
        give_credit(tx, proven, Fact.CONFIRMED, now_us)
    elif payment.state in SERVED_FIRST:
        booking = entries.debt_arrived if payment.state is State.DEFAULTED else entries.settled_by_chain
        record(tx, booking(proven, fee.amount if fee else None, now_us))
        add_fee(tx, proven.call, fee)
    elif confirmed:
        record(tx, entries.late(proven, fee.amount if fee else None, now_us))
        add_fee(tx, proven.call, fee)
        captured_nano = proven.price_nano if payment.state is State.DELIVERED else 0
        tx.note_money(proven.call, Money(captured_nano, proven.amount_nano))
    else:
        raise AssertionError(f"a payment that is {payment.state} has no late evidence")
    # A word has been noted; and on credit, its money has paid for an earlier call.
    noted = payment.proof is Proof.WORD and (payment.on_credit or payment.transaction == log.transaction)
    if not noted:
        tx.note_settlement(proven.call, "settled", log.transaction, None)
    return True


def confirmed_by_word_unit(
    tx: RecordsTx, claim_key: bytes, transaction: str, fee: CostLine | None, now_us: int
) -> bool:
    """The same facilitator, asked again, says clearly that it settled: paid, or the buyer's credit.

    False, and nothing changed, if it was decided before, or if that transaction
    has settled another payment.
    """
    payment = stored(tx, claim_key)
    if payment.state not in {State.UNKNOWN, State.DOUBTFUL}:
        return False
    if tx.transaction_taken(payment.network, transaction, claim_key):
        return False
    unknown = payment.state is State.UNKNOWN
    state = payment.state if unknown else after(payment.state, Fact.CONFIRMED)
    proven = tx.change(payment, state=state, proof=Proof.WORD, transaction=transaction, changed_us=now_us)
    record(tx, entries.settled_by_word(proven, fee.amount if fee else None, now_us))
    add_fee(tx, proven.call, fee)
    if unknown:
        give_credit(tx, proven, Fact.CONFIRMED, now_us)
    tx.note_settlement(proven.call, "settled", transaction, None)
    return True


def dead_unit(tx: RecordsTx, claim_key: bytes, now_us: int) -> Payment:
    """The authorization was never used and is dead: nothing was taken and nothing can come."""
    payment = stored(tx, claim_key)
    if payment.state is State.COLLECTING:
        return payment  # whoever is asked has the first word
    if payment.state in {State.OWED, State.DOUBTFUL}:
        return _lose(tx, payment, Fact.EXPIRED, "authorization_expired", now_us)
    if payment.state is State.UNKNOWN:
        state = after(payment.state, Fact.EXPIRED)
        dead = tx.change(
            payment, state=state, reason="authorization_expired", watched=False, changed_us=now_us
        )
        record(tx, entries.release(dead, now_us))
        tx.note_settlement(dead.call, "failed", "", None)
        return dead
    if payment.proof is Proof.WORD:
        dead = tx.change(payment, proof=Proof.DISPROVED, watched=False, changed_us=now_us)
        record(tx, entries.disproved(dead, now_us))
        if dead.state is not State.CREDITED and not dead.on_credit:  # what was sold for it earned nothing yet
            tx.note_settlement(dead.call, "unknown", dead.transaction, None)
        return dead
    return tx.change(payment, watched=False, changed_us=now_us)


def undecidable_unit(tx: RecordsTx, claim_key: bytes, now_us: int) -> Payment:
    """No evidence can be had any more: what is unknown goes to suspense, and what was delivered is a debt.

    The rest is no longer watched.
    """
    payment = stored(tx, claim_key)
    if payment.state in {State.OWED, State.DOUBTFUL}:
        return _lose(tx, payment, Fact.UNDECIDABLE, "settlement_undecidable", now_us)
    if payment.state is State.UNKNOWN:
        state = after(payment.state, Fact.UNDECIDABLE)
        moved = tx.change(payment, state=state, watched=False, changed_us=now_us)
        record(tx, entries.undecidable(moved, now_us))
        return moved
    return dead_unit(tx, claim_key, now_us)


def undecided_unit(tx: RecordsTx, claim_key: bytes, now_us: int) -> bool:
    """Nobody can be asked what became of a payment: as `undecidable_unit`.

    False, and nothing changed, if that was decided meanwhile, be it by somebody's word.
    """
    if stored(tx, claim_key).state not in {State.OWED, State.DOUBTFUL, State.UNKNOWN}:
        return False
    undecidable_unit(tx, claim_key, now_us)
    return True


def repaid_unit(tx: RecordsTx, debt: Payment, now_us: int) -> None:
    """The payer's credit covers this debt, and pays it."""
    state = after(debt.state, Fact.REPAID)
    moved = tx.change(debt, state=state, repaid_nano=debt.amount_nano, changed_us=now_us)
    record(tx, entries.repaid(moved, now_us))
    tx.note_settlement(moved.call, "settled", "", None)


def _lose(tx: RecordsTx, payment: Payment, fact: Fact, reason: str, now_us: int) -> Payment:
    """Book what was delivered and will not be paid as a debt of its payer."""
    state = after(payment.state, fact)
    moved = tx.change(payment, state=state, reason=reason, watched=False, changed_us=now_us)
    record(tx, entries.defaulted(moved, now_us))
    tx.note_settlement(moved.call, settlement(moved.state, moved.proof), "", None)
    return moved
