"""Matching: which of our own offers a payment says it accepted. Knows no signature.

What a payer says is not signed, so it only selects: everything is checked against the offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.x402 import reasons
from sidecar.x402.documents import Authorization, ExactPayment, Named, Requirements
from sidecar.x402.evm_text import address_bytes


@dataclass(frozen=True, slots=True)
class Mismatch:
    """No offer of ours was accepted; *reason* is the spec's string."""

    reason: str


def match(payment: ExactPayment, offers: Sequence[Requirements]) -> Requirements | Mismatch:
    """The first of *offers* that the payment accepted, by the rule of its version.

    x402 v2: scheme, network, amount, asset, payTo and maxTimeoutSeconds are equal, and our
    `extra` is a subset of theirs. Addresses are compared without their checksum case, which
    the official servers do not forgive; some wallets rewrite it, and it carries no meaning.
    x402 v1: scheme and network are equal, and so are the signed recipient and value.
    """
    chosen = payment.chosen
    if isinstance(chosen, Requirements):
        for offer in offers:
            if _accepted(chosen, offer):
                return offer
    near = [offer for offer in offers if offer.scheme == chosen.scheme]
    if not near:
        return Mismatch(reasons.UNSUPPORTED_SCHEME)
    near = [offer for offer in near if offer.network == chosen.network]
    if not near:
        return Mismatch(reasons.INVALID_NETWORK)
    if isinstance(chosen, Named):
        return _signed_for(payment.authorization, near)
    return Mismatch(reasons.INVALID_REQUIREMENTS)


def _signed_for(authorization: Authorization, near: Sequence[Requirements]) -> Requirements | Mismatch:
    ours = [offer for offer in near if address_bytes(offer.pay_to) == authorization.to]
    if not ours:
        return Mismatch(reasons.RECIPIENT_MISMATCH)
    return next(
        (offer for offer in ours if offer.amount == authorization.value), Mismatch(reasons.VALUE_MISMATCH)
    )


def _accepted(chosen: Requirements, offer: Requirements) -> bool:
    return (
        chosen.scheme == offer.scheme
        and chosen.network == offer.network
        and chosen.amount == offer.amount
        and (chosen.asset == offer.asset or chosen.asset.lower() == offer.asset.lower())
        and (chosen.pay_to == offer.pay_to or chosen.pay_to.lower() == offer.pay_to.lower())
        and chosen.max_timeout_s == offer.max_timeout_s
        and offer.extra.items() <= chosen.extra.items()
    )
