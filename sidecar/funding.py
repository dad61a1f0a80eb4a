"""Funds: can the payer pay? Asked of the chain where there is one, else of the facilitator."""

from collections.abc import Callable

from sidecar.domain.call import Admitted, Flow, Funded
from sidecar.domain.events import NeedsAttention
from sidecar.domain.purses import Purses
from sidecar.domain.refusals import Code, Refusal
from sidecar.ports import Chain, Facilitators, Fault
from sidecar.services import Services
from sidecar.x402 import codec, reasons

RETRY_AFTER_S = 5


async def fund(services: Services, admitted: Admitted, asking: Callable[[], bytes]) -> Funded | Refusal:
    """Return the evidence that the payer can pay, or why the call must end.

    What the chain said of its balance is good for a while, for all that it signs meanwhile, where the call
    is settled later; where it is settled now, the chain is asked, since a used nonce needs no work at all.
    *asking* gives the body that a facilitator is asked with.

    FUNDS_UNKNOWN: nobody could be asked, and the same payment may enter again.
    PAYMENT_INVALID carries the spec's reason. FACILITATOR_UNAVAILABLE: it can pay,
    and nobody would settle it now.
    """
    call, facilitators = admitted.payment.call, services.facilitators
    chain = services.chains.get(admitted.payment.network)
    try:
        if chain is not None:
            asked_us = services.clock.monotonic_us()
            source, reason = "chain", await _on_chain(chain, admitted, services.purses, asked_us)
        else:
            source, reason = await _by_word(facilitators, admitted, asking())
    except Fault as fault:
        services.observer.saw(NeedsAttention("funds_unknown", str(fault), call))
        return Refusal(Code.FUNDS_UNKNOWN, call=call, retry_after_s=RETRY_AFTER_S)
    if reason:
        return Refusal(Code.PAYMENT_INVALID, reason=reason, call=call)
    # A call that is settled later tries no facilitator, and must not keep it from who will.
    able = facilitators.admits if admitted.flow is Flow.DEFERRED else facilitators.begins
    if not able(admitted.verified.offer.kind):
        return Refusal(Code.FACILITATOR_UNAVAILABLE, call=call, retry_after_s=RETRY_AFTER_S)
    return Funded(admitted, source)


class Asking:
    """Gives the body of `/verify` and `/settle` for one payment: the same bytes, made when needed."""

    def __init__(self, admitted: Admitted) -> None:
        self._verified = admitted.verified
        self._body = b""

    def __call__(self) -> bytes:
        """Return the body."""
        if not self._body:
            payment, terms = self._verified.payment, self._verified.offer.requirements
            self._body = codec.facilitator_body(
                payment.authorization, payment.signature, terms, payment.resource
            )
        return self._body


async def _on_chain(chain: Chain, admitted: Admitted, purses: Purses, now_us: int) -> str:
    """The balance must cover all that the payer has open, not only this payment (allowance overdraft)."""
    payment, authorized = admitted.payment, admitted.authorized
    purse, atomic = (payment.network, payment.asset, payment.payer), admitted.verified.offer.atomic
    if admitted.flow is Flow.DEFERRED and purses.covers(purse, authorized, atomic, now_us):
        return ""
    funds = await chain.funds(payment.asset, payment.payer, payment.nonce)
    if funds.nonce_used:
        return reasons.NONCE_USED
    purses.saw(purse, funds.balance, authorized, now_us)
    return "" if funds.balance >= atomic(authorized.open) else reasons.INSUFFICIENT_FUNDS


async def _by_word(facilitators: Facilitators, admitted: Admitted, body: bytes) -> tuple[str, str]:
    vouched = await facilitators.verify(body, admitted.verified.offer.kind)
    reply = vouched.reply
    if reply.valid and reply.payer not in {None, admitted.payment.payer}:
        return vouched.by, reasons.UNEXPECTED_VERIFY
    return vouched.by, "" if reply.valid else (reply.reason or reasons.UNEXPECTED_VERIFY)
