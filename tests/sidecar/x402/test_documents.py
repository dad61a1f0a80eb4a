"""The documents are values: equal by content, usable as keys."""

from __future__ import annotations

from tests.sidecar.x402.signing import an_offer


def test_requirements_are_values() -> None:
    """Two equal offers are one key, whatever `extra` is made of."""
    assert {an_offer(): 1}[an_offer()] == 1
    assert an_offer() != an_offer(extra={"name": "USDC", "version": "1"})
