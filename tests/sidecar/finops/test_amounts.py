"""Amounts: the text that reports carry."""

from sidecar.finops.amounts import usd


def test_nano_usd_is_written_with_nine_places() -> None:
    """To the last of them, also below zero."""
    assert [usd(units) for units in (0, 1, 50_000_000, -1_000_000_001)] == [
        "0.000000000",
        "0.000000001",
        "0.050000000",
        "-1.000000001",
    ]
