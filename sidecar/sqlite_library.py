"""Which SQLite this process uses: a newer one where it is installed, since a distribution's may be years old.

SQLite before 3.51.3 (3.50.7, 3.44.6) can corrupt a WAL that two connections write at once. Two copies of
the library in one process on one file corrupt it too, so it is all or nothing, before anybody imports it.
"""

from collections.abc import MutableMapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def prefer_newer(modules: MutableMapping[str, ModuleType]) -> bool:
    """Put pysqlite3 in the place of `sqlite3` in *modules*; False if it is not installed, or too late."""
    if "sqlite3" in modules or find_spec("pysqlite3") is None:
        return False
    newer = import_module("pysqlite3")
    modules["sqlite3"], modules["sqlite3.dbapi2"] = newer, import_module("pysqlite3.dbapi2")
    return True
