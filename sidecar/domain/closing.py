"""Closing: the last commit of a call. Posts or credits the money and books every cost line. No I/O."""

from dataclasses import replace
from enum import Enum

from pricing.cost import CostLine, Kind
from sidecar.domain import entries
from sidecar.domain.payments import Fact, after
from sidecar.domain.records import Closing, Payment, RecordsTx
from sidecar.domain.settling import record, stored


class Ending(Enum):
    """How the money of a call ends with it."""

    DELIVERED = Fact.DELIVERED
    UNDELIVERED = Fact.UNDELIVERED
    AS_IT_IS = None  # released, failed or unknown: an earlier commit said so


def close_unit(
    tx: RecordsTx,
    claim_key: bytes,
    ending: Ending,
    closing: Closing,
    platform_fee: CostLine | None,
    now_us: int,
) -> Payment:
    """Close the call of this payment. Closing it again changes nothing."""
    payment = stored(tx, claim_key)
    if not tx.close_call(payment.call, closing):
        return payment
    lines = closing.lines
    if ending is Ending.DELIVERED:
        payment = _deliver(tx, payment, platform_fee, now_us)
        lines = (*lines, platform_fee) if platform_fee else lines
    elif ending is Ending.UNDELIVERED:
        payment = give_credit(tx, payment, Fact.UNDELIVERED, now_us)
    if ending is not Ending.DELIVERED:
        lines = as_retry(lines)
    book_costs(tx, payment.call, payment.endpoint, lines, now_us)
    return payment


def book_costs(
    tx: RecordsTx, call: str, endpoint: str, lines: tuple[CostLine, ...], now_us: int
) -> None:
    """Append the lines and book those with an amount. Fee lines are booked where they arise."""
    tx.add_cost_lines(call, lines)
    journal = entries.costs(call, endpoint, [line for line in lines if line.kind is not Kind.FEE], now_us)
    if journal is not None:
        record(tx, journal)


def as_retry(lines: tuple[CostLine, ...]) -> tuple[CostLine, ...]:
    """Work whose output was not delivered is the cost of a retry, whatever kind of work it was."""
    return tuple(line if line.kind is Kind.FEE else replace(line, kind=Kind.RETRY) for line in lines)


def give_credit(tx: RecordsTx, payment: Payment, fact: Fact, now_us: int) -> Payment:
    """Turn what was paid and not delivered into the buyer's credit."""
    moved = replace(payment, state=after(payment.state, fact), changed_us=now_us)
    tx.change(moved)
    record(tx, entries.undelivered(moved, now_us))
    tx.note_money(moved.call, captured_nano=0, credited_nano=moved.amount_nano)
    return moved


def _deliver(tx: RecordsTx, payment: Payment, platform_fee: CostLine | None, now_us: int) -> Payment:
    moved = replace(payment, state=after(payment.state, Fact.DELIVERED), changed_us=now_us)
    tx.change(moved)
    fee = platform_fee.amount if platform_fee else None
    record(tx, entries.delivered(moved, fee, now_us))
    tx.note_money(moved.call, captured_nano=moved.price_nano, credited_nano=0)
    return moved
