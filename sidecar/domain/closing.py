"""Closing: the last commit of a call. Posts, credits or releases its money and books its costs. No I/O."""

from dataclasses import replace
from enum import Enum

from pricing.cost import CostLine, Kind
from sidecar.domain import entries
from sidecar.domain.cost_entries import kind_booked
from sidecar.domain.payments import Fact, State, after, settlement
from sidecar.domain.records import Closing, Money, Payment, RecordsTx
from sidecar.domain.reporting import Booked, close_costs
from sidecar.domain.settling import record, release_unit, stored


class Ending(Enum):
    """How the money of a call ends with it."""

    DELIVERED = "delivered"
    OWED = "owed"  # delivered before anybody was asked to settle
    UNDELIVERED = "undelivered"
    AS_IT_IS = "as_it_is"  # released, failed or unknown: an earlier commit said so

    @property
    def served(self) -> bool:
        """Tell whether the buyer got what it came for: that is revenue, paid already or not."""
        return self is Ending.DELIVERED or self is Ending.OWED


def lines_of(ending: Ending, lines: tuple[CostLine, ...]) -> tuple[CostLine, ...]:
    """Return the lines as they are booked.

    Work whose output was not delivered is the cost of a retry, whatever kind of
    work it was.
    """
    retry = not ending.served
    kinds = [kind_booked(line, retry=retry) for line in lines]
    return tuple(
        [
            line if line.kind is kind else replace(line, kind=kind)
            for line, kind in zip(lines, kinds, strict=True)
        ]
    )


def close_unit(
    tx: RecordsTx,
    payment: Payment,
    ending: Ending,
    closing: Closing,
    platform_fee: CostLine | None,
    now_us: int,
) -> Booked:
    """Close the call that *payment* paid for; return what it cost. Closing it again changes nothing.

    The call is named by the caller's copy of the payment: once released, the
    same payment may already have entered again for another call.
    """
    if ending.served:
        return _deliver(tx, payment, ending, closing, platform_fee, now_us)
    if not tx.close_call(payment.call, closing, None):
        return Booked()
    current = _of_call(tx, payment) if ending is Ending.UNDELIVERED else None
    if current is not None and current.state is State.SETTLED:
        give_credit(tx, current, Fact.UNDELIVERED, now_us)
    elif current is not None:
        release_unit(tx, payment.claim_key, now_us, reason="undelivered", final=False, watch=True)
    return _book_costs(tx, payment.call, payment.endpoint, ending, closing.lines, now_us)


def release_and_close_unit(
    tx: RecordsTx, payment: Payment, reason: str, closing: Closing, now_us: int, *, final: bool, watch: bool
) -> Booked:
    """Release a payment whose call ends before anybody was asked to settle, and close the call."""
    release_unit(tx, payment.claim_key, now_us, reason=reason, final=final, watch=watch)
    return close_unit(tx, payment, Ending.AS_IT_IS, closing, None, now_us)


def abandon_unit(tx: RecordsTx, claim_key: bytes, call: str, closing: Closing, now_us: int) -> Payment:
    """Put to rest a call that nobody runs any more, by what is on disk.

    Not asked: released. Asked: unknown, until there is evidence; doubtful, if it
    was delivered before. Settled: whether the answer arrived cannot be told, so
    the money is the buyer's credit.
    """
    payment = stored(tx, claim_key)
    if payment.call != call:  # released by this call, it pays for another one by now
        close_orphan_unit(tx, call, payment.endpoint, closing, now_us)
        return payment
    if payment.state in {State.OPEN, State.SPENDING}:
        payment = release_unit(tx, claim_key, now_us, reason="abandoned", final=False, watch=True)
    elif payment.state in {State.SENDING, State.COLLECTING}:
        state = after(payment.state, Fact.LOST)
        payment = tx.change(payment, state=state, reason="abandoned", changed_us=now_us)
        tx.note_settlement(call, "unknown", "", None)
    elif payment.state is State.SETTLED:
        payment = give_credit(tx, payment, Fact.UNDELIVERED, now_us)
    close_unit(tx, payment, Ending.AS_IT_IS, closing, None, now_us)
    return payment


def close_orphan_unit(tx: RecordsTx, call: str, endpoint: str, closing: Closing, now_us: int) -> None:
    """Close a call whose money was settled one way or the other before its run ended."""
    if tx.close_call(call, closing, None):
        _book_costs(tx, call, endpoint, Ending.AS_IT_IS, closing.lines, now_us)


def give_credit(tx: RecordsTx, payment: Payment, fact: Fact, now_us: int) -> Payment:
    """Turn what was paid and not delivered into the buyer's credit."""
    moved = tx.change(payment, state=after(payment.state, fact), changed_us=now_us)
    record(tx, entries.undelivered(moved, now_us))
    tx.note_money(moved.call, Money(credited_nano=moved.amount_nano))
    return moved


def _deliver(
    tx: RecordsTx,
    payment: Payment,
    ending: Ending,
    closing: Closing,
    platform_fee: CostLine | None,
    now_us: int,
) -> Booked:
    """Close a call whose answer was delivered: what was held for it is earned, paid already or not."""
    current = stored(tx, payment.claim_key)
    fact = Fact.DELIVERED if ending is Ending.DELIVERED else Fact.DEFERRED
    settled = None
    if current.on_credit:
        settled = "settled"
    elif ending is Ending.OWED:
        settled = settlement(State.OWED, current.proof)
    money = Money(captured_nano=payment.price_nano, settlement=settled)
    if not tx.close_call(payment.call, closing, money):
        return Booked()
    _same_call(current, payment)
    moved = tx.change(current, state=after(current.state, fact), changed_us=now_us)
    fee = platform_fee.amount if platform_fee else None
    record(tx, entries.delivered(moved, fee, now_us))
    fees = (platform_fee,) if platform_fee else ()
    return _book_costs(tx, payment.call, payment.endpoint, ending, closing.lines, now_us, fees)


def _of_call(tx: RecordsTx, payment: Payment) -> Payment:
    current = stored(tx, payment.claim_key)
    _same_call(current, payment)
    return current


def _same_call(current: Payment, payment: Payment) -> None:
    assert current.call == payment.call, "a payment that was asked for stays with its call"


def _book_costs(
    tx: RecordsTx,
    call: str,
    endpoint: str,
    ending: Ending,
    lines: tuple[CostLine, ...],
    now_us: int,
    fees: tuple[CostLine, ...] = (),
) -> Booked:
    """Book what the work cost; *fees* are owed by the sale, which was booked, and are noted beside it."""
    booked = close_costs(tx, call, lines, fees, retry=not ending.served)
    if not ending.served:
        tx.uncount_call(call, _uncharged_nano(booked.lines))
    journal = entries.costs(call, endpoint, booked.lines, now_us, retry=not ending.served)
    if journal is not None:
        record(tx, journal)
    return booked


def _uncharged_nano(lines: tuple[CostLine, ...]) -> int:
    """Return what is known of the work's cost: an unknown amount cannot count against anybody."""
    return sum(line.amount.units for line in lines if line.kind is not Kind.FEE and line.amount)
