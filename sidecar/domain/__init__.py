"""Decisions: pure functions and values, no I/O."""
