"""The seals of the books over HTTP."""

from functools import partial

import httpx
import pytest

from ledger import proofs, sealing
from sidecar.adapters.metrics import MetricsObserver
from sidecar.adapters.storage.reading import Reader
from sidecar.adapters.storage.sealed import SIGNED
from sidecar.http.operator.app import operator_app
from tests.sidecar.http.operator.conftest import POLICIES, SIGNER, TOKEN, StoppedClock
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


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("GET", "verify", SIGNED),
        ("GET", "proof?journal=j", SIGNED),
        ("POST", "close", "closing a period"),
    ],
)
async def test_what_a_postgresql_cannot_yet_is_told(
    shop: Shop, reader: Reader, metrics: MetricsObserver, method: str, path: str, what: str
) -> None:
    """A code of its own: neither the question nor the database is to blame."""
    app = operator_app(
        reader=reader,
        metrics=metrics,
        token=TOKEN,
        readiness=dict,
        clock=StoppedClock(),
        audit_place="postgresql://u@127.0.0.1:1/none",
        in_force=POLICIES,
        signer=SIGNER,
        storage=shop.store,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://operator") as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        answer = await client.request(
            method, f"/api/v1/ledger/{path}", json={"before": "2026-01-01"} if method == "POST" else None
        )

    found = (answer.status_code, answer.json()["code"], answer.json()["detail"])
    assert found == (501, "not_on_postgresql", f"{what} is not yet on PostgreSQL.")
