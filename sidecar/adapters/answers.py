"""Kept answers: what a paid call was answered, for the buyer who asks again. Off the ledger's path.

A file of its own beside the database, without fsync: losing it costs a repeat,
never money. Answers are encrypted, because they are the buyer's; bounded each
and in all; and gone after their time.
"""

import asyncio
import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sidecar.adapters.system import random_bytes
from sidecar.ports import Kept

R = TypeVar("R")
Ts = TypeVarTuple("Ts")

NONCE_BYTES: Final = 12
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS answers (
    call_id TEXT PRIMARY KEY,
    until_us INTEGER NOT NULL,   -- gone after this
    sealed BLOB NOT NULL         -- AES-256-GCM over the answer, bound to its call
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_until ON answers (until_us);
"""


class AnswersFile:
    """Implements `ports.Answers`. One thread of its own; a fault here is a missing answer, never an error."""

    def __init__(self, path: Path, key: bytes, *, lifetime_s: int, total_bytes_max: int) -> None:
        self._path = path
        self._cipher = AESGCM(key)
        self._lifetime_us = lifetime_s * 1_000_000
        self._total_bytes_max = total_bytes_max
        self._total_bytes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._connection: sqlite3.Connection | None = None

    async def keep(self, call: str, kept: Kept, now_us: int) -> None:
        """Keep an answer for its time; the oldest give way when there is no more room."""
        await self._run(self._keep, call, kept, now_us)

    async def find(self, call: str, now_us: int) -> Kept | None:
        """Return the kept answer of *call*, or None."""
        return await self._run(self._find, call, now_us)

    async def close(self) -> None:
        """Release the file."""
        await self._run(self._close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[*Ts], R], *arguments: *Ts) -> R | None:
        with contextlib.suppress(sqlite3.Error, OSError):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        return None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {_SCHEMA}")
            total = "SELECT coalesce(sum(length(sealed)), 0) FROM answers"
            (self._total_bytes,) = connection.execute(total).fetchone()
            self._connection = connection
        return self._connection

    def _keep(self, call: str, kept: Kept, now_us: int) -> None:
        connection = self._open()
        nonce = random_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, _plain(kept), call.encode())
        self._drop("until_us <= ? OR call_id = ?", now_us, call)
        row = (call, now_us + self._lifetime_us, sealed)
        connection.execute("INSERT INTO answers VALUES (?, ?, ?)", row)
        self._total_bytes += len(sealed)
        while self._total_bytes > self._total_bytes_max:
            self._drop("call_id = (SELECT call_id FROM answers ORDER BY until_us LIMIT 1)")

    def _drop(self, condition: str, *parameters: object) -> None:
        sql = f"DELETE FROM answers WHERE {condition} RETURNING length(sealed)"  # noqa: S608 own text only
        self._total_bytes -= sum(size for (size,) in self._open().execute(sql, parameters).fetchall())

    def _find(self, call: str, now_us: int) -> Kept | None:
        connection = self._open()
        self._drop("until_us <= ?", now_us)
        row = connection.execute("SELECT sealed FROM answers WHERE call_id = ?", (call,)).fetchone()
        if row is None:
            return None
        nonce, sealed = row[0][:NONCE_BYTES], row[0][NONCE_BYTES:]
        try:
            return _kept(self._cipher.decrypt(nonce, sealed, call.encode()))
        except InvalidTag:  # another key: the secrets were made anew
            return None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _plain(kept: Kept) -> bytes:
    fields = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in kept.headers]
    head = json.dumps({"status": kept.status, "headers": fields}).encode()
    return len(head).to_bytes(4, "big") + head + kept.body


def _kept(plain: bytes) -> Kept:
    size = int.from_bytes(plain[:4], "big")
    head = json.loads(plain[4 : 4 + size])
    fields = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in head["headers"])
    return Kept(head["status"], fields, plain[4 + size :])
