"""Sealing: signs what was booked since the last checkpoint. The only writer of checkpoints."""

from ledger import checkpoints
from ledger.checkpoints import JOURNALS_MAX, Checkpoint
from ledger.signing import Signer
from ledger.store import SealableTx


def seal(tx: SealableTx, signer: Signer, least: int = 1) -> Checkpoint | None:
    """Sign the next journals, at most JOURNALS_MAX; None if fewer than *least* wait for it.

    Repeated until None, it seals all there is.
    """
    before = tx.last_checkpoint()
    sealed = 0 if before is None else checkpoints.read(before.statement).head.seq
    waiting = tx.head.seq - sealed
    if waiting < max(least, 1):
        return None
    hashes = tx.hashes(first=sealed + 1, count=min(waiting, JOURNALS_MAX))
    checkpoint = checkpoints.over(before, hashes, tx.recorded_us)
    tx.add_checkpoint(checkpoint.head.seq, signer.sign(checkpoint.statement()))
    return checkpoint
