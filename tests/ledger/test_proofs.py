"""A proof convinces whoever trusts the key, of one journal, and of nothing else."""

import hashlib
import json
from dataclasses import replace

import pytest

from ledger import checkpoints, proofs
from ledger.proofs import Proof
from ledger.signing import Signed, Signer

SIGNER = Signer(bytes(range(32)))
CONTENT = b'[3,"j","sale",5,9,"call_1","",[],[["j/0","post","buyer:0xb","revenue:a",40,"h"]]]'
PREV = bytes([9]) * 32
HASHES = [
    bytes([1]) * 32,
    bytes([2]) * 32,
    hashlib.sha256(PREV + CONTENT).digest(),
    bytes([4]) * 32,
    bytes([5]) * 32,
]
CHECKPOINT = checkpoints.over(None, HASHES, 7)
PROOF = proofs.prove(CONTENT, PREV, HASHES, SIGNER.sign(CHECKPOINT.statement()))


def test_a_proof_is_short_and_convinces() -> None:
    """Three steps for five journals; a thousand need ten."""
    assert len(PROOF.path) == 3
    assert proofs.fault(PROOF, SIGNER.public_key) is None


def test_what_is_not_covered_cannot_be_proven() -> None:
    """A journal of another content is not among the hashes."""
    with pytest.raises(ValueError, match="not in list"):
        proofs.prove(CONTENT + b" ", PREV, HASHES, PROOF.signed)


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (replace(PROOF, journal=PROOF.journal.replace("40", "41")), "not among those"),
        (replace(PROOF, journal=PROOF.journal.replace("[3", "[2")), "not among those"),
        (replace(PROOF, journal=PROOF.journal.replace("[3", "[9")), "not among those"),
        (replace(PROOF, prev_hash=bytes(32)), "not among those"),
        (replace(PROOF, path=PROOF.path[:-1]), "not among those"),
        (replace(PROOF, path=(*PROOF.path, bytes(32))), "not among those"),
        (replace(PROOF, path=PROOF.path[::-1]), "not among those"),
        (replace(PROOF, signed=Signed(PROOF.signed.statement + " ", PROOF.signed.signature)), "not signed"),
        (replace(PROOF, signed=Signer(bytes(32)).sign(CHECKPOINT.statement())), "not signed"),
        (replace(PROOF, signed=SIGNER.sign("another text of the seller")), "not a proof"),
        (replace(PROOF, journal="nothing"), "not a proof"),
        (replace(PROOF, journal="7"), "not a proof"),
        (replace(PROOF, journal="[]"), "not a proof"),
        (replace(PROOF, journal='["3"]'), "not a proof"),
        (replace(PROOF, journal='[3,"é"]'), "not a proof"),
        (replace(PROOF, journal="[3.5]"), "not a proof"),
        (replace(PROOF, journal="[" * 100_000), "not a proof"),
        (replace(PROOF, prev_hash=PREV + CONTENT[:1], journal=PROOF.journal[1:]), "not a proof"),
        (replace(PROOF, prev_hash=PREV[:-1]), "not a proof"),
    ],
)
def test_nothing_else_convinces(forged: Proof, why: str) -> None:
    """Whatever is changed, somebody says no, and says why."""
    assert why in (proofs.fault(forged, SIGNER.public_key) or "")


def test_a_proof_is_handed_out_as_json() -> None:
    """What was written is what is read."""
    text = json.dumps(proofs.proof_object(PROOF, SIGNER.public_key))

    assert proofs.read(json.loads(text)) == PROOF


@pytest.mark.parametrize("change", [{"format": "x"}, {"path": 7}, {"prev_hash": "zz"}, {"signature": None}])
def test_anything_else_is_no_proof(change: dict[str, object]) -> None:
    """Another format, or members that are not what they should be."""
    found = proofs.proof_object(PROOF, SIGNER.public_key) | change
    with pytest.raises(ValueError, match=r".+"):
        proofs.read(found)
