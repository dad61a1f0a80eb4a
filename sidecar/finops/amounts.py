"""Amounts: stored nano-USD as the text that reports carry. Knows no report."""

from ledger.money import nano, text


def usd(units: int) -> str:
    """Write nano-USD as a decimal with 9 places."""
    return text(nano(units))
