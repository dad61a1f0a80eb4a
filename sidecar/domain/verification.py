"""Local checks of a payment: everything that needs no network and no storage. Pure.

A bad payment ends here; a good one becomes evidence that the later steps ask for.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

from ledger.values import value
from sidecar.domain import policies
from sidecar.domain.call import Endpoint, Offer
from sidecar.domain.refusals import Code, Refusal
from sidecar.x402 import codec, identifier, matching, reasons
from sidecar.x402.documents import ExactPayment, Malformed, Requirements, TooLarge
from sidecar.x402.exact import Invalid, LocallyValid, Window
from sidecar.x402.identifier import Demand, Unechoed
from sidecar.x402.matching import Mismatch
from sidecar.x402.schemes import SCHEMES

SETTLE_DEADLINE_S: Final = 60
SKEW_S: Final = 60
MAX_TIMEOUT_MIN_S: Final = 120


@value
class Checked:
    """A payment whose every signed field, window and signature is right for *offer* of *endpoint*.

    *identifier* is the buyer's own name for the purchase, "" if it gave none.
    *closed* is None, or why it buys nothing: then it can only be the repeat of one that did.
    """

    endpoint: Endpoint
    offer: Offer
    payment: ExactPayment
    evidence: LocallyValid
    identifier: str = ""
    closed: Refusal | None = None


def max_timeout_s(route_timeout_s: int) -> int:
    """Return `maxTimeoutSeconds`: the work, the settlement and the clocks' skew must fit in it."""
    return max(MAX_TIMEOUT_MIN_S, route_timeout_s + SETTLE_DEADLINE_S + SKEW_S)


@cache
def window(route_timeout_s: int) -> Window:
    """Return how long an authorization must and may still be good when it arrives."""
    return Window(route_timeout_s + SETTLE_DEADLINE_S, 2 * max_timeout_s(route_timeout_s))


def decode(header: bytes, header_bytes_max: int) -> ExactPayment | Refusal:
    """Read the payment in *header*. Forms only: nothing of it is verified."""
    payment = codec.decode_payment(header, header_bytes_max)
    if isinstance(payment, TooLarge):
        return Refusal(Code.PAYMENT_TOO_LARGE)
    if isinstance(payment, Malformed):
        return Refusal(Code.PAYMENT_MALFORMED, reason=payment.reason)
    return payment


def check(payment: ExactPayment, open_to: Sequence[Endpoint], now_s: int) -> Checked | Refusal:
    """Match and check *payment*, then let policy look at the payer.

    *open_to* are the route at every price its payer may have signed, the first match wins.
    """
    found = matching.match(payment, [offer.requirements for endpoint in open_to for offer in endpoint.offers])
    if isinstance(found, Mismatch):
        return Refusal(Code.PAYMENT_INVALID, reason=found.reason)
    endpoint, offer = _ours(found, open_to)
    named = _identifier(payment, endpoint)
    if isinstance(named, Refusal):
        return named
    check_all = SCHEMES[found.scheme].check
    evidence = check_all(payment, found, offer.chain_id, now_s, window(endpoint.timeout_s))
    if isinstance(evidence, Invalid):
        return Refusal(Code.PAYMENT_INVALID, reason=evidence.reason)
    return policies.decide(endpoint, evidence.payer) or Checked(endpoint, offer, payment, evidence, named)


def _ours(matched: Requirements, open_to: Sequence[Endpoint]) -> tuple[Endpoint, Offer]:
    for endpoint in open_to:
        for offer in endpoint.offers:
            if offer.requirements is matched:
                return endpoint, offer
    raise AssertionError("what was matched is one of the offers")


def recognize(
    payment: ExactPayment, endpoint: Endpoint, offers: Sequence[Offer], closed: Refusal
) -> Checked | None:
    """Return *payment*, refused as *closed*, if its payer signed it for a token that *offers* take.

    What is late, early, or signed for other terms buys nothing; but it may have bought something before,
    and a repeat is told how that stands: told to pay anew, an honest buyer would pay twice.
    """
    for offer in offers:
        identify = SCHEMES[offer.requirements.scheme].identify
        evidence = identify(payment, offer.requirements, offer.chain_id)
        if isinstance(evidence, LocallyValid):
            return Checked(endpoint, offer, payment, evidence, closed=closed)
    return None


def _identifier(payment: ExactPayment, endpoint: Endpoint) -> str | Refusal:
    """Read the buyer's name for the purchase. Version 1 has none, and is let in where none is required."""
    named = identifier.read(payment.extensions, endpoint.identifier)
    if isinstance(named, Unechoed):
        return Refusal(Code.PAYMENT_INVALID, reason=reasons.EXTENSION_ECHO_MISMATCH)
    if isinstance(named, Malformed):
        return Refusal(Code.PAYMENT_MALFORMED, reason=named.reason)
    if not named and endpoint.identifier is Demand.REQUIRED:
        return Refusal(Code.PAYMENT_IDENTIFIER_REQUIRED)
    return named
