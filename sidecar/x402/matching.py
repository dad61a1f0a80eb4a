"""Matching: which of our own offers a payment says it accepted. Knows no signature.

What a payer says is not signed, so it only selects: everything is checked against the offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.x402 import reasons
from sidecar.x402.documents import ExactPayment, Requirements


@dataclass(frozen=True, slots=True)
class Mismatch:
    """No offer of ours was accepted; *reason* is the spec's string."""

    reason: str


def match(payment: ExactPayment, offers: Sequence[Requirements]) -> Requirements | Mismatch:
    """The first of *offers* that the payment accepted.

    x402 v2: scheme, network, amount, asset, payTo and maxTimeoutSeconds are equal, and our
    `extra` is a subset of theirs. Addresses are compared without their checksum case, which
    the official servers do not forgive; some wallets rewrite it, and it carries no meaning.
    """
    chosen = payment.chosen
    for offer in offers:
        if _accepted(chosen, offer):
            return offer
    near = [offer for offer in offers if offer.scheme == chosen.scheme]
    if not near:
        return Mismatch(reasons.UNSUPPORTED_SCHEME)
    if all(offer.network != chosen.network for offer in near):
        return Mismatch(reasons.INVALID_NETWORK)
    return Mismatch(reasons.INVALID_REQUIREMENTS)


def _accepted(chosen: Requirements, offer: Requirements) -> bool:
    return (
        chosen.scheme == offer.scheme
        and chosen.network == offer.network
        and chosen.amount == offer.amount
        and chosen.asset.lower() == offer.asset.lower()
        and chosen.pay_to.lower() == offer.pay_to.lower()
        and chosen.max_timeout_s == offer.max_timeout_s
        and all(name in chosen.extra and chosen.extra[name] == ours for name, ours in offer.extra.items())
    )
