"""The operator is told of releases of SQLite that may damage a file."""

import sqlite3

import pytest

from ledger.stores.versions import Release, warning


@pytest.mark.parametrize(
    ("release", "told"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_releases_with_the_wal_reset_bug_are_told(release: Release, told: bool) -> None:
    """From 3.7.0 to 3.51.2, but for the series that have the fix too."""
    sentence = warning(release)

    assert (sentence is not None) == told
    if sentence is not None:
        assert sentence.startswith(f"SQLite {'.'.join(map(str, release))} may damage")


def test_the_release_in_use_is_looked_at() -> None:
    """Unless another one is named."""
    assert warning() == warning(sqlite3.sqlite_version_info)
