"""Where rate cards come from."""
