"""Sealed books as operators read them."""

from pathlib import Path

import pytest

from ledger import proofs
from ledger.proving import Unproven
from ledger.signing import Signer
from sidecar.adapters.secrets import load as load_secrets
from sidecar.adapters.storage.reading import Unreadable
from sidecar.adapters.storage.sealed import prove_journal, verify_books
from tests.sidecar.shop import Sale, Shop, forced


def key(shop: Shop) -> bytes:
    return Signer(load_secrets(shop.path).checkpoints).public_key


async def test_books_are_verified_up_to_their_last_signature(shop: Shop) -> None:
    """What is signed and what is only chained, told apart."""
    await shop.serve(Sale(1))
    await shop.seal()
    await shop.admit(Sale(2))
    found = verify_books(shop.path, key(shop))

    assert {name: found[name] for name in found if name != "head"} == {
        "verified": True,
        "journals": 4,
        "signed_journals": 3,
        "checkpoints": 1,
        "periods": 0,
        "public_key": key(shop).hex(),
        "first_bad": None,
    }


async def test_the_first_bad_row_is_told(shop: Shop) -> None:
    """One amount, changed past all that protects it."""
    await shop.serve(Sale(1))
    with forced(shop.path) as connection:
        connection.execute("UPDATE transfers SET amount = amount + 1 WHERE journal_seq = 2")
    found = verify_books(shop.path, key(shop))

    assert found["verified"] is False
    assert found["first_bad"] == {"table": "journals", "row": 2, "what": "is not what was sealed"}


async def test_a_journal_of_a_call_is_proven(shop: Shop) -> None:
    """By its id, once it is signed."""
    await shop.serve(Sale(1))
    with pytest.raises(Unproven, match="is not signed yet"):
        prove_journal(shop.path, f"{Sale(1).call}/settled", key(shop))
    await shop.seal()
    found = prove_journal(shop.path, f"{Sale(1).call}/settled", key(shop))

    assert proofs.fault(proofs.read(found), key(shop)) is None


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """One sentence, whatever is asked."""
    with pytest.raises(Unreadable, match="there is no database"):
        verify_books(tmp_path / "none.db", bytes(32))
    with pytest.raises(Unreadable, match="there is no database"):
        prove_journal(tmp_path / "none.db", "j", bytes(32))
