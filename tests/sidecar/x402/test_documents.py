"""The documents are values: equal by content, unchangeable, usable as keys."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tests.sidecar.x402.signing import an_offer


def test_requirements_are_values() -> None:
    """Two equal offers are one key; an offer cannot change under a call that holds it."""
    assert {an_offer(): 1}[an_offer()] == 1
    assert an_offer() != an_offer(extra={"name": "USDC", "version": "1"})
    with pytest.raises(FrozenInstanceError):
        an_offer().amount = 1  # type: ignore[misc]  # the refused assignment is the claim
