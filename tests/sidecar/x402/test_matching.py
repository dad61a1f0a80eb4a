"""A payment selects one of our own offers, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.x402.documents import ExactPayment, Named, Requirements
from sidecar.x402.matching import Mismatch, match
from tests.sidecar.x402.signing import OFFER, a_payment, an_offer


def chosen(**changes: Any) -> ExactPayment:
    payment = a_payment()
    assert isinstance(payment.chosen, Requirements)
    return replace(payment, chosen=replace(payment.chosen, **changes))


def test_the_offer_that_was_accepted_is_returned() -> None:
    """Ours and not theirs: later steps read only our own terms."""
    offers = [an_offer(amount=1), an_offer(network="eip155:8453"), an_offer(), an_offer(max_timeout_s=999)]
    assert match(a_payment(), offers) is offers[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"asset": OFFER.asset.lower()},
        {"pay_to": OFFER.pay_to.lower()},
        {"pay_to": "0x" + OFFER.pay_to[2:].upper()},
        {"extra": {**OFFER.extra, "paymentFlow": "authorization"}},
    ],
)
def test_a_wallet_may_rewrite_case_and_add_to_extra(changes: dict[str, Any]) -> None:
    """Letter case of an address means nothing, and extra members are the payer's own."""
    assert match(chosen(**changes), [OFFER]) is OFFER


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"scheme": "upto"}, "unsupported_scheme"),
        ({"network": "eip155:8453"}, "invalid_network"),
        ({"network": "EIP155:84532"}, "invalid_network"),
        ({"amount": 49_999}, "invalid_payment_requirements"),
        ({"amount": 50_001}, "invalid_payment_requirements"),
        ({"asset": OFFER.pay_to}, "invalid_payment_requirements"),
        ({"pay_to": OFFER.asset}, "invalid_payment_requirements"),
        ({"max_timeout_s": 181}, "invalid_payment_requirements"),
        ({"extra": {}}, "invalid_payment_requirements"),
        ({"extra": {"name": "USDC", "version": "1"}}, "invalid_payment_requirements"),
        ({"extra": {"name": "USDC"}}, "invalid_payment_requirements"),
    ],
)
def test_other_terms_select_nothing(changes: dict[str, Any], reason: str) -> None:
    """The reason names the first thing that no offer of ours has."""
    assert match(chosen(**changes), [OFFER]) == Mismatch(reason)


def named(scheme: str = "exact", network: str | None = OFFER.network, **signed: Any) -> ExactPayment:
    """A version 1 payment: terms by name only, and something signed."""
    payment = a_payment()
    return replace(
        payment,
        version=1,
        chosen=Named(scheme, network),
        authorization=replace(payment.authorization, **signed),
    )


def test_a_version_1_payment_selects_by_what_it_signed() -> None:
    """Scheme and network are named; of the offers left, recipient and value decide."""
    offers = [
        an_offer(network="eip155:8453"),
        an_offer(amount=1),
        an_offer(pay_to="0x" + "22" * 20),
        an_offer(pay_to=OFFER.pay_to.lower(), max_timeout_s=999, extra={}),
        an_offer(),
    ]
    assert match(named(), offers) is offers[3]
    assert match(named(value=1), offers) is offers[1]
    assert match(named(to=b"\x22" * 20), offers) is offers[2]


@pytest.mark.parametrize(
    ("payment", "reason"),
    [
        (named(scheme="upto", network=None), "unsupported_scheme"),
        (named(network="eip155:8453"), "invalid_network"),
        (named(network=None), "invalid_network"),
        (named(to=bytes(20), value=1), "invalid_exact_evm_payload_recipient_mismatch"),
        (named(value=49_999), "invalid_exact_evm_payload_authorization_value_mismatch"),
        (named(value=50_001), "invalid_exact_evm_payload_authorization_value_mismatch"),
    ],
)
def test_a_version_1_payment_for_other_terms_selects_nothing(payment: ExactPayment, reason: str) -> None:
    """The reason names the first thing that no offer of ours has, as far as version 1 says it."""
    assert match(payment, [an_offer(pay_to="0x" + "22" * 20, amount=7), OFFER]) == Mismatch(reason)


def test_without_offers_nothing_matches() -> None:
    """A route that nobody can pay for takes no payment."""
    assert match(a_payment(), []) == Mismatch("unsupported_scheme")
