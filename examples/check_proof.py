"""Check that one journal is in a seller's signed books: no more is needed than the proof and the public key.

    python examples/check_proof.py PROOF.json PUBLIC_KEY

PROOF.json is what `sidecar ledger prove JOURNAL --json` printed. PUBLIC_KEY (64 hexadecimal digits) is the
one the seller published; the key inside the proof is nobody's word, so it is not looked at. Needs
`pip install cryptography`.

1. Ed25519 (RFC 8032): the signature is over the UTF-8 bytes of `checkpoint`.
2. `checkpoint` is JSON: it covers the journals `first` to `seq` by one Merkle root (RFC 6962).
3. The journal's chain hash is SHA-256(prev_hash + journal). Its leaf is SHA-256(0x00 + chain hash).
4. The steps of `path` lead from the leaf to the root: a node is SHA-256(0x01 + left + right).
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def fault(proof: dict, public_key: bytes) -> str | None:
    """Say what is wrong with the proof; None if the journal is proven."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(proof["signature"]), proof["checkpoint"].encode())
    except InvalidSignature:
        return "the checkpoint is not signed with this key"
    checkpoint = json.loads(proof["checkpoint"])
    if checkpoint.get("format") != "sidecar-checkpoint/1":
        return "what is signed is not a checkpoint"

    if len(bytes.fromhex(proof["prev_hash"])) != 32:  # else the journal could be said to begin elsewhere
        return "prev_hash is not a hash"
    index = json.loads(proof["journal"])[0] - checkpoint["first"]
    size = checkpoint["seq"] - checkpoint["first"] + 1
    steps = [bytes.fromhex(step) for step in proof["path"]]
    chain_hash = sha256(bytes.fromhex(proof["prev_hash"]) + proof["journal"].encode()).digest()
    reached = sha256(b"\x00" + chain_hash).digest()
    if not 0 <= index < size:
        return "the checkpoint does not cover this journal"
    while size > 1:
        if index ^ 1 < size:  # it has a neighbour on this level
            if not steps:
                return "the path is too short"
            step = steps.pop(0)
            reached = sha256(b"\x01" + (step + reached if index % 2 else reached + step)).digest()
        index, size = index // 2, (size + 1) // 2
    if steps or reached.hex() != checkpoint["root"]:
        return "the journal is not among those that were signed"
    return None


def main() -> int:
    """Check the proof named on the command line."""
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    try:
        proof = json.loads(Path(sys.argv[1]).read_text())
        wrong = fault(proof, bytes.fromhex(sys.argv[2]))
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        print(f"this is no proof, or no key: {error}")
        return 2
    print(wrong or f"proven: {proof['journal']}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
