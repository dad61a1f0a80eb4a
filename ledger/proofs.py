"""Proofs: that one journal is in a signed book, for somebody who sees nothing else of it. Pure.

`examples/check_proof.py` checks the same without this package.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger import checkpoints, merkle
from ledger.signing import Signed, is_signed_by

FORMAT: Final = "sidecar-proof/1"


@dataclass(frozen=True, slots=True)
class Proof:
    """A journal as it was sealed (`chain.canonical`), and the way from it to a signed checkpoint.

    Its chain hash is SHA-256 over `prev_hash` and its own bytes; that hash is
    the leaf at which `path` begins.
    """

    journal: str
    prev_hash: bytes
    path: tuple[bytes, ...]
    signed: Signed


def prove(journal: bytes, prev_hash: bytes, hashes: Sequence[bytes], signed: Signed) -> Proof:
    """Return the proof for *journal*; *hashes* are of all journals that the checkpoint *signed* covers.

    ValueError if it is not one of them.
    """
    index = hashes.index(hashlib.sha256(prev_hash + journal).digest())
    path = merkle.path([merkle.leaf(each) for each in hashes], index)
    return Proof(journal.decode("ascii"), prev_hash, path, signed)


def fault(proof: Proof, public_key: bytes) -> str | None:
    """Say why *proof* proves nothing to somebody who trusts *public_key*; None if it does."""
    if not is_signed_by(public_key, proof.signed):
        return "the checkpoint is not signed with this key"
    try:
        checkpoint = checkpoints.read(proof.signed.statement)
        seq = json.loads(proof.journal)[0]
        content = proof.journal.encode("ascii")
    except (ValueError, TypeError, LookupError, RecursionError):
        return "it is not a proof"
    # A hash of another length would let the journal begin somewhere else.
    if type(seq) is not int or len(proof.prev_hash) != hashlib.sha256().digest_size:
        return "it is not a proof"
    index = seq - checkpoint.first
    start = merkle.leaf(hashlib.sha256(proof.prev_hash + content).digest())
    if merkle.climb(start, index, checkpoint.size, proof.path) != checkpoint.root:
        return "the journal is not among those that were signed"
    return None


def proof_object(proof: Proof, public_key: bytes) -> dict[str, Any]:
    """Return *proof* as it is handed out: bytes in hexadecimal."""
    return {
        "format": FORMAT,
        "journal": proof.journal,
        "prev_hash": proof.prev_hash.hex(),
        "path": [step.hex() for step in proof.path],
        "checkpoint": proof.signed.statement,
        "signature": proof.signed.signature.hex(),
        "public_key": public_key.hex(),
    }


def read(found: Mapping[str, Any]) -> Proof:
    """Read what `proof_object` returned; ValueError for anything else. The key in it is nobody's word."""
    try:
        if found["format"] == FORMAT:
            return Proof(
                str(found["journal"]),
                bytes.fromhex(found["prev_hash"]),
                tuple(bytes.fromhex(step) for step in found["path"]),
                Signed(str(found["checkpoint"]), bytes.fromhex(found["signature"])),
            )
    except (KeyError, TypeError) as error:
        raise ValueError("not a proof") from error
    raise ValueError("not a proof of a known format")
