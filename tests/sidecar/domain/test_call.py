"""Calls: what an offer is in the asset's own units."""

from dataclasses import replace

import pytest

from ledger.money import nano
from tests.sidecar.builders import USDC, an_offer


@pytest.mark.parametrize(
    ("units", "decimals", "atomic"),
    [
        (50_000_000, 6, 50_000),
        (50_000_001, 6, 50_001),
        (999, 6, 1),
        (0, 6, 0),
        (7, 9, 7),
        (1_000_000_001, 0, 2),
    ],
)
def test_funds_must_cover_all_of_an_amount(units: int, decimals: int, atomic: int) -> None:
    """Nano-USD become atomic units rounded up: part of a unit is a unit that must be there."""
    assert an_offer(method=replace(USDC, decimals=decimals)).atomic(nano(units)) == atomic
