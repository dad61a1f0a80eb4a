"""Identifiers: which purchase a payment is for, so that none is paid twice. Units of work, no I/O.

A buyer that lost its answer may sign anew: the claim, which is on one signature, then knows nothing
of the purchase. It is found by the name the buyer gave it, or else by the request itself.
"""

from typing import Final

from sidecar.domain.payments import State
from sidecar.domain.records import Payment, RecordsTx
from sidecar.domain.refusals import Code, Refusal

BINDS_US: Final = 30 * 86_400 * 1_000_000
"""How long a name stands for its purchase at least: longer than any answer is kept or authorization lives."""

FORGOTTEN_AT_ONCE: Final = 2
"""How many old names each new one may remove: more than one, so that they never grow beyond their time."""

_PAID_FOR_NOTHING: Final = frozenset({State.RELEASED, State.FAILED, State.CREDITED, State.DEFAULTED})
"""A purchase that ended so may be tried again by another payment: nothing was paid, or it is credit."""


def earlier(tx: RecordsTx, entering: Payment, named: Payment | None) -> Payment | Refusal | None:
    """Return the payment whose purchase *entering* would pay for again, if there is one.

    *named* is what its buyer's identifier stands for. A request whose settlement is unknown may have
    been paid for, whatever it is called now: taking another payment would charge twice.
    """
    if named is not None and named.request_digest != entering.request_digest:
        return Refusal(Code.PAYMENT_IDENTIFIER_CONFLICT, call=named.call)
    if named is not None and named.state not in _PAID_FOR_NOTHING:
        return named
    return tx.unresolved(entering.payer, entering.request_digest)


def bind(tx: RecordsTx, entering: Payment, identifier: str, named: Payment | None) -> None:
    """Let *identifier* stand for the purchase of *entering* from now on, in place of *named*."""
    bound = tx.identify(entering, identifier, instead=named)
    assert bound, "what an identifier stands for does not change inside a transaction"
    tx.forget_identifiers(entering.admitted_us - BINDS_US, FORGOTTEN_AT_ONCE)
