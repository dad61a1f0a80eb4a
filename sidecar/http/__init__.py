"""The three listeners."""
