"""Advice: what to do about a start that was refused. Names the key of the config; knows no command."""

import errno
import sqlite3
from typing import Final

from ledger.store import (
    StoreLocked,
    StoreNotOurs,
    StoreNotReached,
    StoreRefused,
    StoreTooNew,
    StoreUnfit,
)
from sidecar.adapters.secrets import SecretsUnusable
from sidecar.http.servers import CannotListenError

_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
_SQLITE_DISK: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_SQLITE_HELD: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY: Final = 0xFF
"""The part of an extended SQLite error code that is the plain one."""


def advised(reason: Exception) -> str:
    """Return the sentence of *reason* with the next step behind it."""
    step = _step(reason)
    return f"{str(reason).rstrip('.')}; {step}" if step else str(reason)


def _step(reason: Exception) -> str:
    """Return the next step; empty where the sentence itself has it, or nobody has to do anything."""
    match reason:
        case _ if _by_the_disk(reason.__cause__):
            return "see that the disk `storage` is on has room and is sound"
        case _ if _code(reason.__cause__) in _SQLITE_HELD:
            return "stop the process that holds it, or name another file in `storage`"
        case CannotListenError():
            taken = getattr(reason.__cause__, "errno", None) == errno.EADDRINUSE
            return f"change listen.{reason.name}{', or stop what listens there' if taken else ''}"
        case StoreLocked():
            return "stop that process, or name another file in `storage`"
        case StoreNotOurs():
            return "name another file in `storage`"
        case StoreTooNew() | StoreUnfit():
            return ""
        case StoreNotReached():
            return "see that it runs, and that `storage` names its address and who may use it"
        case StoreRefused():
            return "name a file in `storage` whose folder is there and may be written to by this user"
        case SecretsUnusable() if isinstance(reason.__cause__, OSError):
            return "it stands beside the file of `storage`, and this user must be able to read it"
        case _:
            return ""


def _by_the_disk(cause: BaseException | None) -> bool:
    return _code(cause) in _SQLITE_DISK or (isinstance(cause, OSError) and cause.errno in _DISK)


def _code(cause: BaseException | None) -> int | None:
    """Return the plain SQLite code of *cause*, if it has one."""
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY
