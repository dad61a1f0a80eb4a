"""What the sidecar is held against: each a server of its own, started as its users would."""
