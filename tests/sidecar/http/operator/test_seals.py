"""The seals of the books over HTTP."""

from functools import partial

import httpx

from ledger import proofs, sealing
from tests.sidecar.http.operator.conftest import SIGNER
from tests.sidecar.shop import Sale, Shop


async def test_the_books_are_verified(operator: httpx.AsyncClient, shop: Shop) -> None:
    """With the key of this sidecar, which it tells."""
    await shop.serve(Sale())
    found = (await operator.get("/api/v1/ledger/verify")).json()

    assert (found["verified"], found["journals"], found["signed_journals"]) == (True, 3, 0)
    assert found["public_key"] == SIGNER.public_key.hex()


async def test_a_proof_is_handed_out(operator: httpx.AsyncClient, shop: Shop) -> None:
    """By the journal's id; not before it is signed."""
    await shop.serve(Sale())
    asked = {"journal": f"{Sale().call}/admit"}
    early = await operator.get("/api/v1/ledger/proof", params=asked)
    await shop.store.run(partial(sealing.seal, signer=SIGNER))
    found = (await operator.get("/api/v1/ledger/proof", params=asked)).json()

    assert (early.status_code, early.json()["code"]) == (404, "not_found")
    assert proofs.fault(proofs.read(found), SIGNER.public_key) is None
