"""A double-entry book: accounts, transfers, journals. Knows no x402, HTTP, prices or chart."""
