"""The stores a ledger can live in."""
