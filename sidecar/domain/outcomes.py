"""What a facilitator's answer proves. Pure: an answer and an intent in, one of few outcomes out.

Settled: the answer agrees with the intent. Failed: it proves that nothing was
sent. Everything else is unknown, and unknown is never answered with a new 402.
"""

from ledger.values import value
from sidecar.domain.payments import SERVED_FIRST
from sidecar.domain.records import Payment
from sidecar.x402.documents import SettleReply, VerifyReply
from sidecar.x402.reasons import NONCE_USED, SETTLE_REFUSED, UNEXPECTED_VERIFY


@value
class Paid:
    """The money moved, by the facilitator's word, in this transaction."""

    transaction: str


@value
class Failed:
    """Refused before anything could be sent; `reason` is one of the spec's strings."""

    reason: str


@value
class NotSent:
    """We could not even ask: nothing left this process."""


@value
class Unknown:
    """Asked, and nothing proves how it ended. `transaction` is kept as a hint when one was named."""

    reason: str
    transaction: str = ""


Outcome = Paid | Failed | NotSent | Unknown


def judge(payment: Payment, reply: SettleReply) -> Outcome:
    """Return what *reply* proves about *payment*.

    x402 specification, settlement response: a success names the transaction,
    the network and the payer; an amount, where given, is the one that was signed.
    """
    if not reply.success:
        if reply.transaction == "" and reply.reason in SETTLE_REFUSED:
            return Failed(reply.reason)
        return Unknown("facilitator_did_not_settle", reply.transaction)
    disagreement = _disagreement(payment, reply)
    return Unknown(disagreement, reply.transaction) if disagreement else Paid(reply.transaction)


def receipt(payment: Payment) -> SettleReply | None:
    """Return what proves to the buyer that its call is paid for; from its credit, nothing moved.

    None for a call that was delivered and is not paid yet.
    """
    if payment.state in SERVED_FIRST:
        return None
    if payment.on_credit or payment.repaid_nano:
        return SettleReply(True, "", payment.network, payment.payer, 0)
    return SettleReply(True, payment.transaction, payment.network, payment.payer, payment.amount)


def not_paid(payment: Payment, reason: str) -> SettleReply:
    """Return what tells the buyer that its payment was refused, and nothing moved."""
    return SettleReply(False, "", payment.network, payment.payer, None, reason)


def _disagreement(payment: Payment, reply: SettleReply) -> str:
    """Name the first member of a successful answer that does not agree with the intent."""
    if not reply.transaction:
        return "transaction_missing"
    if reply.network != payment.network:
        return "network_differs"
    if reply.payer not in {None, payment.payer}:
        return "payer_differs"
    if reply.amount not in {None, payment.amount}:
        return "amount_differs"
    return ""


def tells(reply: VerifyReply | SettleReply) -> bool:
    """Tell whether *reply* is about the payment, and not only of trouble on its sender's side."""
    if isinstance(reply, VerifyReply):
        return reply.reason != UNEXPECTED_VERIFY
    return reply.success or reply.reason == NONCE_USED or reply.reason in SETTLE_REFUSED
