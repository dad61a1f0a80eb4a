"""The SQLite of a process: the newer one for everybody, or the standard library's for everybody."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

from sidecar.sqlite_library import prefer_newer

ROOT = Path(__file__).parents[2]
FIXED = (3, 51, 3)
PROGRAM = """
import sys
from sidecar.sqlite_library import prefer_newer
prefer_newer(sys.modules)
import aiosqlite.core, ledger.stores.sqlite as store
print(store.sqlite3.sqlite_version, aiosqlite.core.sqlite3 is store.sqlite3)
"""


def test_the_command_runs_on_a_sqlite_without_the_wal_bug() -> None:
    """Writer, readers and aiosqlite of a process that begins as the command does share the newer one."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert tuple(map(int, told[0].split("."))) >= FIXED
    assert told[1] == "True"


def test_it_is_too_late_once_somebody_has_one() -> None:
    """Two copies of the library in one process would corrupt the file they both open."""
    modules = {"sqlite3": ModuleType("sqlite3")}

    assert prefer_newer(modules) is False
    assert set(modules) == {"sqlite3"}
