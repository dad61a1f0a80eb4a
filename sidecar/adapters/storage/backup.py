"""Backup: a copy of the database as it is at one moment, also while a sidecar writes to it. Blocks."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sidecar.adapters.storage.reading import Place, Unreadable, open_read_only
from sidecar.ports import Fault


class NotCopied(Fault):
    """There is no backup. The message is one sentence for the operator; nothing is left behind."""


class NotAFile(Fault):
    """The books are in no file. The message is one sentence for the operator, and says what copies them."""


def back_up(place: Place, to: Path) -> dict[str, Any]:
    """Copy the database at *place* to the new file *to*, whole and on disk, or not at all.

    Reads as any reader does, so the writer waits for nothing. The copy is read
    once before it gets its name.
    """
    if not isinstance(place, Path):
        raise NotAFile("books in a PostgreSQL are copied with its own pg_dump, or pg_basebackup")
    path = place
    if to.exists():
        raise NotCopied(f"{to} is there already; name a new file, for a backup overwrites nothing")
    draft = to.with_name(to.name + ".new")
    try:
        draft.unlink(missing_ok=True)
        # It holds buyers' signatures, as the database does.
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_WRONLY, 0o600))
        with closing(open_read_only(path)) as source:
            found = _copied(source, draft)
        _on_disk(draft)
        draft.rename(to)
        _on_disk(to.parent)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else error
        raise NotCopied(
            f"{path} could not be copied to {to}: {why}; name a file in a folder with room"
        ) from error
    except (NotCopied, Unreadable):
        draft.unlink(missing_ok=True)
        raise
    return {"file": str(to), "bytes": to.stat().st_size, **found}


def _copied(source: sqlite3.Connection, draft: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(draft)) as copy:
        source.backup(copy)
        # One file, with no log beside it; whoever opens it for writing turns the log on again.
        copy.execute("PRAGMA journal_mode = DELETE")
        (sound,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if sound != "ok":
            raise NotCopied(f"the database is damaged: {sound}")
        last = copy.execute("SELECT seq, hash FROM journals ORDER BY seq DESC LIMIT 1").fetchone()
    seq, head = last or (0, bytes(32))
    return {"journals": seq, "head": head.hex()}


def _on_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
