"""What a call costs us, and what we ask for it. Sees only ledger.money."""
