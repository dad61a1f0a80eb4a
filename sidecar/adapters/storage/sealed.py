"""Sealed books: verifying them, and proving a journal of them, over the database. Blocks; reads only."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from ledger import proofs
from ledger.proving import prove
from ledger.verifying import verify
from sidecar.adapters.storage.reading import Opened, Place, Unreadable, name_of, of_database, open_read_only


def verify_books(place: Place, public_key: bytes) -> dict[str, Any]:
    """Verify the books at *place* against the key; takes seconds on large ones."""
    with _books(place, "verified") as connection:
        verdict = verify(connection, public_key)
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
    with _books(place, "read") as connection:
        return proofs.proof_object(prove(connection, journal_id), public_key)


@contextmanager
def _books(place: Place, done: str) -> Iterator[Opened]:
    with closing(open_read_only(place)) as connection:
        try:
            yield connection
        except Exception as error:
            if not of_database(error):
                raise
            raise Unreadable(f"{name_of(place)} could not be {done}: {error}") from error
