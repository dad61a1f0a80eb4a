"""Versions of SQLite: which of them may damage a file, so that the operator is told."""

import sqlite3
from typing import Final

Release = tuple[int, int, int]

WAL_RESET: Final[Release] = (3, 7, 0)
"""The first release with the WAL-reset bug: a file that two connections write at once may be damaged."""
WAL_RESET_FIXED: Final[Release] = (3, 51, 3)
_ALSO_FIXED: Final[tuple[Release, ...]] = ((3, 44, 6), (3, 50, 7))
"""Releases of older series that have the fix too, with those that follow in the series."""


def warning(release: Release = sqlite3.sqlite_version_info) -> str | None:
    """Return a sentence about *release*, by default the one in use; None if there is nothing to say."""
    if not WAL_RESET <= release < WAL_RESET_FIXED:
        return None
    if any(release[:2] == fixed[:2] and release >= fixed for fixed in _ALSO_FIXED):
        return None
    number = ".".join(map(str, release))
    return (
        f"SQLite {number} may damage a database that two processes write at once (fixed in 3.51.3): "
        "only the sidecar may have it open for writing, no replication tool and no shell"
    )
