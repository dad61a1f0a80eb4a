"""Benchmarks: ratios of things measured in one run, on this machine. No test asserts a time."""
