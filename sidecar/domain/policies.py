"""Policies: may this buyer make this call? Pure, on snapshots.

A refusal names the policy for the operator; the buyer sees only the code.
"""

from sidecar.domain.call import Endpoint
from sidecar.domain.refusals import Code, Refusal


def decide(endpoint: Endpoint, payer: bytes) -> Refusal | None:
    """Return why *payer* may not call *endpoint*, or None. A denial wins over an allowance."""
    if payer in endpoint.deny:
        return Refusal(Code.BUYER_DENIED, policy="routes.deny")
    if endpoint.allow is not None and payer not in endpoint.allow:
        return Refusal(Code.BUYER_DENIED, policy="routes.allow")
    return None
