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
        case CannotListenError():
            return f"change listen.{reason.name}, or stop what listens there"
        case StoreLocked():
            return "stop that process, or name another file in `storage`"
        case StoreNotOurs():
            return "name another file in `storage`"
        case StoreTooNew() | StoreUnfit():
            return ""
        case StoreNotReached():
            return "see that it runs, and that `storage` names its address and who may use it"
        case StoreRefused():
            return "`storage` names a file in a folder that is there and that this user can write to"
        case SecretsUnusable() if isinstance(reason.__cause__, OSError):
            return "it stands beside the file of `storage`, and this user must be able to read it"
        case _:
            return ""


def _by_the_disk(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & _PRIMARY in _SQLITE_DISK
    return isinstance(cause, OSError) and cause.errno in _DISK
