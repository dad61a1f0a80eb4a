"""Admit: the one unit of work that lets a payment pay for a call.

Claims the payment, binds it to the request, books the authorized money and
holds the price. A refused admit leaves nothing behind.
"""

import hashlib
from typing import Final

from ledger import book
from ledger.book import Rejected
from ledger.money import Amount, nano
from ledger.statuses import Status
from ledger.store import Rollback
from ledger.values import value
from sidecar.domain import chart, days, entries, identifiers
from sidecar.domain.call import Admitted, Flow, Verified
from sidecar.domain.days import UNBOUNDED, DayLimits
from sidecar.domain.payments import Fact, Proof, State, after
from sidecar.domain.records import CallRow, Payment, RecordsTx
from sidecar.domain.refusals import Code, Refusal
from sidecar.domain.resolving import repaid_unit
from sidecar.domain.standing import flow_for, standing
from sidecar.x402 import identifier

RETRY_AFTER_S = 2
"""When to ask again about a call that still runs or is not decided yet, in seconds."""

HERE_BEFORE: Final = frozenset(
    {Code.PAYMENT_REUSED, Code.CALL_IN_PROGRESS, Code.SETTLEMENT_UNKNOWN, Code.SETTLEMENT_FAILED}
)
"""What a payment is told that begins nothing because of what it, or its purchase, was before."""


@value
class Bounds:
    """What bounds an admission: a payer's exposure and day, a payment's re-entries; and whose run this is.

    `watched` are the networks that can be asked what a payer has.
    """

    exposure: Amount
    reentries: int
    owner: str
    days: DayLimits = UNBOUNDED
    watched: frozenset[str] = frozenset()


@value
class Repeated:
    """Its buyer has bought this very request before: the answer is given again, nothing is booked.

    *payment* is the one that bought it; the one that came now is neither claimed nor sent.
    """

    payment: Payment


def admit_unit(
    tx: RecordsTx,
    verified: Verified,
    bounds: Bounds,
    from_block: int,
    now_us: int,
    *,
    closed: Refusal | None = None,
) -> Admitted | Repeated | Refusal:
    """Let the payment pay for this call, or say why not. Durable when the unit returns.

    Of any number of copies of one payment exactly one is admitted. A payer whose
    credit covers the price, once it has paid its debts, pays with it. Another payment
    for the same purchase, by its buyer's name for it, is answered as that one stands.
    *closed* is why nothing may begin now; a payment that was here before is told how
    it stands all the same, and that nobody could settle does not matter to a call on credit.
    """
    stored = tx.payment(verified.evidence.claim_key)
    buyer = verified.evidence.payer
    payer = standing(tx.debts(buyer), tx.credit_units(chart.hexed(buyer)))
    on_credit = payer.credit_nano >= verified.context.endpoint.price.units
    entering = _payment(verified, bounds.owner, from_block, now_us, on_credit=on_credit)
    if stored is not None:
        answer = _again(stored, verified, bounds.reentries, on_credit=entering.on_credit)
        if answer is not None:
            return answer
    named = tx.identified(entering.payer, verified.identifier) if verified.identifier else None
    earlier = identifiers.earlier(tx, entering, named)
    if earlier is not None:
        return earlier if isinstance(earlier, Refusal) else _standing(earlier)
    if closed is not None and not (entering.on_credit and closed.code is Code.FACILITATOR_UNAVAILABLE):
        return closed
    flow = _flow(tx, verified, entering, bounds, owes=payer.owes)
    credit = nano(payer.credit_nano if entering.on_credit else 0)
    upfront = flow is Flow.UPFRONT and not entering.on_credit
    spent = _of_the_day(tx, verified, entering, bounds.days, upfront=upfront, credit=credit)
    if spent is not None:
        return spent
    for debt in payer.repaid:
        repaid_unit(tx, debt, now_us)
    # First of all: a refusal has then written nothing, and costs the units beside it nothing.
    booked = book.submit(tx, entries.admit(entering, bounds.exposure, now_us))
    if isinstance(booked, Rejected):
        assert booked.status is Status.EXCEEDS_LIMIT, f"an admit is refused only by exposure: {booked}"
        raise Rollback(Refusal(Code.EXPOSURE_EXCEEDED, policy="exposure.per_payer", retry_after_s=30))
    entering = _claim(tx, stored, entering)
    if verified.identifier:
        identifiers.bind(tx, entering, verified.identifier, named)
    tx.open_call(_call_row(verified, entering))
    authorized = tx.authorized(entering.network, entering.buyer)
    before = stored or named
    return Admitted(verified, entering, authorized, flow, before.call if before else "")


def known_unit(tx: RecordsTx, claim_key: bytes) -> bool:
    """Tell whether a payment with this claim key was here before. Writes nothing."""
    return tx.payment(claim_key) is not None


def _flow(tx: RecordsTx, verified: Verified, entering: Payment, bounds: Bounds, *, owes: bool) -> Flow:
    sold_under = verified.context.endpoint.flow
    proven = sold_under is Flow.DEFERRED and tx.proven(entering.payer)
    return flow_for(sold_under, owes=owes, proven=proven, watched=entering.network in bounds.watched)


def _of_the_day(
    tx: RecordsTx, verified: Verified, entering: Payment, limits: DayLimits, *, upfront: bool, credit: Amount
) -> Refusal | None:
    """Hold the call against its payer's day, in the transaction that admits: no other sees the same rest."""
    context = verified.context
    day = tx.payer_day(entering.buyer, days.day_of(context.at_us))
    return days.decide(limits, day, entering.price, upfront=upfront, credit=credit, at_us=context.at_us)


def _claim(tx: RecordsTx, stored: Payment | None, entering: Payment) -> Payment:
    """Let the payment enter, for the first time or again; where it has moved money, that stays with it."""
    if stored is None:
        claimed = tx.claim(entering)
        assert claimed, "a claim key that was just absent can be claimed in the same transaction"
        return entering
    proven = stored.proof is not Proof.NONE
    again = entering._replace(
        state=after(stored.state, Fact.SPENT if entering.on_credit else Fact.ENTERED),
        entries=stored.entries + 1,
        from_block=stored.from_block or entering.from_block,
        watched=stored.watched or (entering.on_credit and not proven),
        facilitator=stored.facilitator if proven else "",
        transaction=stored.transaction,
        proof=stored.proof,
    )._asdict()
    del again["claim_key"]
    return tx.change(stored, **again)


def _again(
    stored: Payment, verified: Verified, reentries: int, *, on_credit: bool
) -> Repeated | Refusal | None:
    """Answer a payment that was claimed before; None lets it enter again.

    A repeat is bound to the same payload and the same request: anything else
    is a payment that paid for something else.
    """
    same_payload = stored.payment_digest == _payload_digest(verified)
    same_request = stored.request_digest == verified.context.request_digest
    if not (same_payload and same_request):
        return Refusal(Code.PAYMENT_REUSED)
    match stored.state:
        case State.FAILED | State.DEFAULTED:
            return Refusal(Code.SETTLEMENT_FAILED, reason=stored.reason, call=stored.call)
        case State.RELEASED if stored.entries <= reentries:
            return None
        case State.CREDITED if on_credit:  # paid, not delivered: its own credit pays for this try
            return None
        case State.RELEASED | State.CREDITED:
            return Refusal(Code.PAYMENT_REUSED, call=stored.call)
        case _:
            return _standing(stored)


def _standing(payment: Payment) -> Repeated | Refusal:
    """Tell how the purchase of *payment* stands, to whoever asks for it again: it has not come to nothing."""
    match payment.state:
        case State.OPEN | State.SPENDING | State.SENDING | State.SETTLED:
            return Refusal(Code.CALL_IN_PROGRESS, call=payment.call, retry_after_s=RETRY_AFTER_S)
        case State.UNKNOWN | State.SUSPENDED:
            return Refusal(Code.SETTLEMENT_UNKNOWN, call=payment.call, retry_after_s=RETRY_AFTER_S)
        case State.DELIVERED | State.OWED | State.COLLECTING | State.DOUBTFUL:
            return Repeated(payment)
        case State.RELEASED | State.FAILED | State.CREDITED | State.DEFAULTED:
            raise AssertionError(f"a purchase that is {payment.state} may be tried again")


def _payment(verified: Verified, owner: str, from_block: int, now_us: int, *, on_credit: bool) -> Payment:
    """Return the payment as it enters for the first time."""
    offer, evidence = verified.offer, verified.evidence
    authorization = verified.payment.authorization
    context = verified.context
    return Payment(
        claim_key=evidence.claim_key,
        payment_digest=_payload_digest(verified),
        request_digest=context.request_digest,
        call=context.call,
        state=State.SPENDING if on_credit else State.OPEN,
        entries=1,
        chain_id=offer.chain_id,
        network=offer.network,
        asset=offer.asset,
        asset_decimals=offer.asset_decimals,
        payer=evidence.payer,
        pay_to=offer.pay_to,
        amount=authorization.value,
        valid_after=authorization.valid_after,
        valid_before=authorization.valid_before,
        nonce=authorization.nonce,
        signature=verified.payment.signature,
        endpoint=context.endpoint.name,
        price_version=context.endpoint.price_version,
        price_nano=context.endpoint.price.units,
        amount_nano=offer.amount.units,
        owner=owner,
        from_block=from_block,
        admitted_us=now_us,
        changed_us=now_us,
        watched=on_credit,
        on_credit=on_credit,
    )


def _payload_digest(verified: Verified) -> bytes:
    """Tell this payload from all others by what was signed and by the name it gives the purchase.

    Once settled, what was signed stands on the chain for everybody to repeat; the name does not.
    """
    digest, name = verified.evidence.payment_digest, identifier.given(verified.payment.extensions)
    return hashlib.sha256(digest + name.encode("ascii")).digest() if name else digest


def _call_row(verified: Verified, payment: Payment) -> CallRow:
    context = verified.context
    endpoint = context.endpoint
    return CallRow(
        id=context.call,
        at_us=context.at_us,
        endpoint=endpoint.name,
        method=context.method,
        target=context.target,
        buyer=chart.hexed(payment.payer),
        network=payment.network,
        price_nano=payment.price_nano,
        held_nano=payment.amount_nano,
        price_version=payment.price_version,
        owner=payment.owner,
        run=_own_label(payment, context.run),
        session=_own_label(payment, context.session),
        workflow=endpoint.workflow,
        agent=endpoint.agent,
        workspace=endpoint.workspace,
    )


def _own_label(payment: Payment, label: str) -> str:
    """Keep what a buyer calls its runs and sessions apart from what others call theirs."""
    return f"{payment.buyer}/{label}" if label else ""
