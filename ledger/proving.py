"""Proving: finds in a book what proves one of its journals to a stranger. Reads only."""

from ledger import proofs, sealed
from ledger.proofs import Proof
from ledger.queries import Reads
from ledger.signing import Signed


class Unproven(Exception):
    """There is no proof. The message is one sentence for the operator."""


def prove(connection: Reads, journal_id: str) -> Proof:
    """Return the proof for the journal of this id; Unproven if it is not there, or not signed yet."""
    with sealed.snapshot(connection):
        found = sealed.booked(connection, journal_id)
        if found is None:
            raise Unproven(f"there is no journal {journal_id}")
        journal, content, prev_hash = found
        covering = sealed.read(connection, "covering", seq=journal.seq).fetchone()
        if covering is None:
            raise Unproven(f"journal {journal_id} is not signed yet; a running sidecar signs every minute")
        statement, signature, before, last = covering
        between = sealed.read(connection, "hashes_between", first=before + 1, last=last)
        hashes = [digest for (digest,) in between]
    try:
        return proofs.prove(content, prev_hash, hashes, Signed(statement, signature))
    except ValueError:
        raise Unproven(f"journal {journal_id} is not what was sealed: verify the books") from None
