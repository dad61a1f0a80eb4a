"""Tests of what lies in `examples/`: each is run as its reader would run it, or held against the code."""
