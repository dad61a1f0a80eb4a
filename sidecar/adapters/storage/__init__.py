"""The sidecar's durable state, in the ledger's own database."""
