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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.values import value
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


@value
class _Waiting:
    """An answer to be kept, and who waits for that."""

    call: str
    kept: Kept
    now_us: int
    done: "asyncio.Future[None]"


class AnswersFile:
    """Implements `ports.Answers`. One thread of its own; a fault here is a missing answer, never an error.

    Answers that come while others are written are written together, in one transaction.
    """

    def __init__(self, path: Path, key: bytes, *, lifetime_s: int, total_bytes_max: int) -> None:
        self._path = path
        self._cipher = AESGCM(key)
        self._lifetime_us = lifetime_s * 1_000_000
        self._total_bytes_max = total_bytes_max
        self._total_bytes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._connection: sqlite3.Connection | None = None
        self._waiting: list[_Waiting] = []
        self._writing = False

    def keep(self, call: str, kept: Kept, now_us: int) -> "asyncio.Future[None]":
        """Keep an answer for its time; the oldest give way when there is no more room."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(call, kept, now_us, done))
        if not self._writing:
            self._writing = True
            loop.call_soon(self._hand_over, loop)  # together with what else is kept in this turn
        return done

    async def find(self, call: str, now_us: int) -> Kept | None:
        """Return the kept answer of *call*, or None."""
        for each in reversed(self._waiting):  # what was handed over is written before it is looked for
            if each.call == call:
                return each.kept
        return await self._run(self._find, call, now_us)

    async def close(self) -> None:
        """Release the file, when what waits is written."""
        self._hand_over(asyncio.get_running_loop())
        await self._run(self._close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[*Ts], R], *arguments: *Ts) -> R | None:
        with contextlib.suppress(sqlite3.Error, OSError):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        return None

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        self._writing = bool(waiting)
        if waiting:
            self._thread.submit(self._write, waiting, loop)

    def _write(self, waiting: Sequence[_Waiting], loop: asyncio.AbstractEventLoop) -> None:
        try:
            with contextlib.suppress(sqlite3.Error, OSError):
                self._keep(waiting)
        finally:
            with contextlib.suppress(RuntimeError):  # a closed loop has nobody waiting
                loop.call_soon_threadsafe(self._written, waiting, loop)

    def _written(self, waiting: Sequence[_Waiting], loop: asyncio.AbstractEventLoop) -> None:
        for each in waiting:
            if not each.done.done():
                each.done.set_result(None)
        self._hand_over(loop)

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

    def _keep(self, waiting: Sequence[_Waiting]) -> None:
        connection, before = self._open(), self._total_bytes
        connection.execute("BEGIN")
        try:
            self._drop("until_us <= ?", max(each.now_us for each in waiting))
            for each in waiting:
                self._insert(connection, each)
            while self._total_bytes > self._total_bytes_max:
                self._drop("call_id = (SELECT call_id FROM answers ORDER BY until_us LIMIT 1)")
            connection.execute("COMMIT")
        except BaseException:
            self._total_bytes = before
            connection.execute("ROLLBACK")
            raise

    def _insert(self, connection: sqlite3.Connection, waiting: _Waiting) -> None:
        nonce = random_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, _plain(waiting.kept), waiting.call.encode())
        row = (waiting.call, waiting.now_us + self._lifetime_us, sealed)
        sql = "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        if connection.execute(sql, row).rowcount == 0:
            self._drop("call_id = ?", waiting.call)
            connection.execute(sql, row)
        self._total_bytes += len(sealed)

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
