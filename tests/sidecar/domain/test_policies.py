"""Policies: who may call."""

import pytest

from sidecar.domain.policies import decide
from sidecar.domain.refusals import Code, Refusal
from tests.sidecar.builders import an_endpoint

A, B = bytes([0xA]) * 20, bytes([0xB]) * 20
NOBODY: frozenset[bytes] = frozenset()


@pytest.mark.parametrize(
    ("allow", "deny", "policy"),
    [
        (None, NOBODY, ""),
        (None, frozenset({B}), ""),
        (None, frozenset({A, B}), "routes.deny"),
        (frozenset({A}), NOBODY, ""),
        (frozenset({B}), NOBODY, "routes.allow"),
        (NOBODY, NOBODY, "routes.allow"),
        (frozenset({A}), frozenset({A}), "routes.deny"),
        (frozenset({B}), frozenset({A}), "routes.deny"),
    ],
)
def test_a_denial_wins_over_an_allowance(
    allow: frozenset[bytes] | None, deny: frozenset[bytes], policy: str
) -> None:
    """No list lets everybody in, an empty one nobody; the refusal names the policy for the operator."""
    refusal = decide(an_endpoint(allow=allow, deny=deny), A)

    assert refusal == (Refusal(Code.BUYER_DENIED, policy=policy) if policy else None)
