"""Outcomes: an answer settles only if all of it agrees with the intent, and fails only if it proves so."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.domain.outcomes import Failed, Outcome, Paid, Unknown, judge, receipt, tells
from sidecar.domain.payments import State
from sidecar.domain.records import Payment
from sidecar.x402 import reasons
from sidecar.x402.documents import SettleReply, VerifyReply
from sidecar.x402.reasons import SETTLE_REFUSED
from tests.sidecar.builders import OTHER_WALLET, PAYER, Books, a_transaction
from tests.sidecar.x402.signing import OFFER

TRANSACTION = a_transaction(7)
STRANGER = bytes.fromhex(OTHER_WALLET.address[2:])
SETTLED = SettleReply(True, TRANSACTION, OFFER.network, PAYER, 50_000)
REFUSED = SettleReply(False, "", OFFER.network, PAYER, None, "insufficient_funds")
LIE = "facilitator_did_not_settle"

MAY_HAVE_SENT = [
    reasons.NONCE_USED,
    reasons.SETTLEMENT_PENDING,
    reasons.TRANSACTION_FAILED,
    reasons.INVALID_TRANSACTION_STATE,
    reasons.UNEXPECTED_SETTLE,
    reasons.UNEXPECTED_VERIFY,
    "invalid_exact_evm_transaction_simulation_failed",
    "a_reason_nobody_knows",
    "INSUFFICIENT_FUNDS",
    "",
    None,
]


@pytest.fixture
async def payment(books: Books) -> Payment:
    return await books.sending(await books.admitted())


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Paid(TRANSACTION)),
        ({"payer": None}, Paid(TRANSACTION)),
        ({"amount": None}, Paid(TRANSACTION)),
        ({"payer": None, "amount": None}, Paid(TRANSACTION)),
        ({"reason": "insufficient_funds"}, Paid(TRANSACTION)),
        ({"transaction": ""}, Unknown("transaction_missing")),
        ({"transaction": "", "payer": None, "amount": None}, Unknown("transaction_missing")),
        ({"network": "eip155:8453"}, Unknown("network_differs", TRANSACTION)),
        ({"network": ""}, Unknown("network_differs", TRANSACTION)),
        ({"network": "base-sepolia"}, Unknown("network_differs", TRANSACTION)),
        ({"payer": STRANGER}, Unknown("payer_differs", TRANSACTION)),
        ({"payer": bytes(20)}, Unknown("payer_differs", TRANSACTION)),
        ({"amount": 49_999}, Unknown("amount_differs", TRANSACTION)),
        ({"amount": 50_001}, Unknown("amount_differs", TRANSACTION)),
        ({"amount": 0}, Unknown("amount_differs", TRANSACTION)),
        ({"transaction": "", "payer": STRANGER, "amount": 0}, Unknown("transaction_missing")),
        ({"network": "", "payer": STRANGER}, Unknown("network_differs", TRANSACTION)),
    ],
)
def test_a_success_is_believed_where_all_of_it_agrees(
    payment: Payment, changes: dict[str, Any], outcome: Outcome
) -> None:
    """A lie about payer, amount, network or transaction is neither success nor failure."""
    assert judge(payment, replace(SETTLED, **changes)) == outcome


@pytest.mark.parametrize("reason", sorted(SETTLE_REFUSED))
def test_a_reason_from_the_list_proves_a_failure_only_without_a_transaction(
    payment: Payment, reason: str
) -> None:
    """Refused by the facilitator's own checks: nothing was sent, unless a transaction is named."""
    refused = replace(REFUSED, reason=reason)

    assert judge(payment, refused) == Failed(reason)
    assert judge(payment, replace(refused, network="", payer=None)) == Failed(reason)
    assert judge(payment, replace(refused, transaction=TRANSACTION)) == Unknown(LIE, TRANSACTION)


@pytest.mark.parametrize("reason", MAY_HAVE_SENT)
@pytest.mark.parametrize("transaction", ["", TRANSACTION])
def test_any_other_reason_proves_nothing(payment: Payment, reason: str | None, transaction: str) -> None:
    """A used nonce may be ours, a failed transaction may be mined yet, an unknown reason is unknown."""
    assert reason not in SETTLE_REFUSED
    answer = replace(REFUSED, reason=reason, transaction=transaction)

    assert judge(payment, answer) == Unknown(LIE, transaction)


@pytest.mark.parametrize("state", [State.OWED, State.COLLECTING, State.DOUBTFUL, State.DEFAULTED])
def test_what_is_not_paid_has_no_receipt(payment: Payment, state: State) -> None:
    """Delivered is not paid: a receipt proves to a third party that money moved."""
    assert receipt(payment._replace(state=state)) is None


@pytest.mark.parametrize("paid_by", [{"on_credit": True}, {"repaid_nano": 50_000_000}])
def test_what_credit_paid_for_moved_nothing(payment: Payment, paid_by: dict[str, Any]) -> None:
    """Amount zero and no transaction, whether it was paid before the call or after it."""
    paid = payment._replace(state=State.DELIVERED, transaction=TRANSACTION, **paid_by)

    assert receipt(paid) == SettleReply(True, "", OFFER.network, PAYER, 0)


def test_a_settled_payment_has_the_receipt_of_its_transaction(payment: Payment) -> None:
    """As the facilitator told it."""
    assert receipt(payment._replace(state=State.SETTLED, transaction=TRANSACTION)) == SETTLED


@pytest.mark.parametrize(
    ("reply", "about_the_payment"),
    [
        (VerifyReply(True, PAYER, None), True),
        (VerifyReply(False, PAYER, "insufficient_funds"), True),
        (VerifyReply(False, PAYER, reasons.NONCE_USED), True),
        (VerifyReply(False, None, reasons.UNEXPECTED_VERIFY), False),
        (SETTLED, True),
        (REFUSED, True),
        (replace(REFUSED, reason=reasons.NONCE_USED), True),
        (replace(REFUSED, reason=reasons.UNEXPECTED_SETTLE), False),
        (replace(REFUSED, reason="a_reason_nobody_knows"), False),
    ],
)
def test_trouble_of_its_sender_tells_nothing(
    reply: VerifyReply | SettleReply, about_the_payment: bool
) -> None:
    """Who answers so is asked less, and another one is asked to verify."""
    assert tells(reply) is about_the_payment
