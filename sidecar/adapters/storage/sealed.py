"""Sealed books: verifying them, and proving a journal of them, over the file itself. Blocks; reads only."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from ledger import proofs
from ledger.proving import prove
from ledger.verifying import verify
from sidecar.adapters.storage.reading import Unreadable, open_read_only


def verify_books(path: Path, public_key: bytes) -> dict[str, Any]:
    """Verify the books at *path* against the key; takes seconds on large ones."""
    with closing(open_read_only(path)) as connection:
        try:
            verdict = verify(connection, public_key)
        except sqlite3.Error as error:
            raise Unreadable(f"{path} could not be verified: {error}") from error
    bad = verdict.bad
    return {
        "verified": bad is None,
        "journals": verdict.head.seq,
        "head": verdict.head.hash.hex(),
        "signed_journals": verdict.signed,
        "checkpoints": verdict.checkpoints,
        "periods": verdict.periods,
        "public_key": public_key.hex(),
        "first_bad": None if bad is None else {"table": bad.table, "row": bad.row, "what": bad.what},
    }


def prove_journal(path: Path, journal_id: str, public_key: bytes) -> dict[str, Any]:
    """Return the proof of one journal; `ledger.proving.Unproven` says why there is none."""
    with closing(open_read_only(path)) as connection:
        try:
            return proofs.proof_object(prove(connection, journal_id), public_key)
        except sqlite3.Error as error:
            raise Unreadable(f"{path} could not be read: {error}") from error
