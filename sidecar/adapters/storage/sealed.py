"""Sealed books: verifying them, and proving a journal of them, over the file itself. Blocks; reads only."""

import sqlite3
from contextlib import closing
from typing import Any, Final

from ledger import proofs
from ledger.proving import prove
from ledger.verifying import verify
from sidecar.adapters.storage.reading import Place, Unreadable, file_of, open_read_only

SIGNED: Final = "what rests on signed checkpoints"


def verify_books(place: Place, public_key: bytes) -> dict[str, Any]:
    """Verify the books at *place* against the key; takes seconds on large ones."""
    path = file_of(place, SIGNED)
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


def prove_journal(place: Place, journal_id: str, public_key: bytes) -> dict[str, Any]:
    """Return the proof of one journal; `ledger.proving.Unproven` says why there is none."""
    path = file_of(place, SIGNED)
    with closing(open_read_only(path)) as connection:
        try:
            return proofs.proof_object(prove(connection, journal_id), public_key)
        except sqlite3.Error as error:
            raise Unreadable(f"{path} could not be read: {error}") from error
