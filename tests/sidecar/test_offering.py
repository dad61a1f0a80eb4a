"""Offering: every route is offered on its own terms, in every way to be paid."""

from contextlib import closing
from pathlib import Path

import pytest
from x402.http.utils import decode_payment_required_header
from x402.schemas import PaymentRequired

from sidecar.adapters.storage.reading import open_read_only
from tests.sidecar.assembled import CONFIG, ask, built, payment
from tests.sidecar.configs import PAY_TO, TOKEN


def versions(folder: Path) -> tuple[int, int]:
    """Return how many price versions of each priced route are on disk, numbered without a gap."""
    with closing(open_read_only(folder / "books.db")) as books:
        found = books.execute("SELECT endpoint, version FROM price_versions ORDER BY version").fetchall()
    research = [version for endpoint, version in found if endpoint == "POST /research"]
    models = [version for endpoint, version in found if endpoint == "GET /models/{name}"]
    assert research == list(range(1, len(research) + 1))
    assert models == list(range(1, len(models) + 1))
    return len(research), len(models)


async def test_every_way_to_be_paid_is_offered_on_every_priced_route(tmp_path: Path) -> None:
    """The 402 lists each accept at the route's price, rounded up to its token; the official SDK reads it."""
    async with built(tmp_path) as path:
        buyer = await ask(path, "POST", b"/research")

        assert buyer.status == 402
        document = decode_payment_required_header((buyer.header(b"payment-required") or b"").decode())
        assert isinstance(document, PaymentRequired)
        assert document.resource is not None
        assert document.resource.url == "https://agent.example/research"
        offered = [(each.network, each.amount, each.asset, each.pay_to) for each in document.accepts]
        assert offered == [
            ("eip155:84532", "55000", "0x036CbD53842c5426634e7929541eC2318f3dCF7e", PAY_TO),
            ("eip155:31337", "6", TOKEN, PAY_TO),
        ]
        assert len(path.offers) == 4


@pytest.mark.parametrize("required", [False, True])
async def test_a_purchases_name_is_asked_for_and_taken_as_the_route_says(
    tmp_path: Path, required: bool
) -> None:
    """The 402 declares it to version 2; where it is required, version 1 is offered nothing."""
    more = ", payment_identifier: required" if required else ""
    text = CONFIG.replace("workflow: reports", f"workflow: reports{more}")
    async with built(tmp_path, text) as path:
        asked = await ask(path, "POST", b"/research")
        header = decode_payment_required_header((asked.header(b"payment-required") or b"").decode())
        answer = await ask(path, "POST", b"/research", payment(path, b"/research"))

    assert isinstance(header, PaymentRequired)
    assert header.extensions is not None
    assert header.extensions["payment-identifier"]["info"] == {"required": required}
    assert (asked.document()["accepts"] == []) is required
    assert answer.document()["code"] == ("payment_identifier_required" if required else "buyer_denied")


async def test_each_route_has_its_own_terms(tmp_path: Path) -> None:
    """A deny list holds where it stands, and a payment for one price is none for another."""
    async with built(tmp_path) as path:
        denied = await ask(path, "POST", b"/research", payment(path, b"/research"))
        assert (denied.status, denied.document()["code"]) == (403, "buyer_denied")

        elsewhere = await ask(path, "GET", b"/models/x", payment(path, b"/research"))
        assert elsewhere.document()["reason"] == "invalid_payment_requirements"

        # Nobody at port 1 says what it settles, so it gets no further than that.
        allowed = await ask(path, "GET", b"/models/x", payment(path, b"/models/x"))
        assert (allowed.status, allowed.document()["code"]) == (503, "facilitator_unavailable")


async def test_a_price_version_lasts_until_the_terms_change(tmp_path: Path) -> None:
    """A restart with the same terms makes no version; other terms make the next one, also the old ones."""
    dearer = CONFIG.replace("$0.055", "$0.06")
    slower = dearer.replace("timeout: 80s", "timeout: 89s")
    for text, expected in (
        (CONFIG, (1, 1)),
        (CONFIG, (1, 1)),
        (dearer, (2, 1)),
        (CONFIG, (3, 1)),
        (slower, (4, 2)),
    ):
        async with built(tmp_path, text):
            assert versions(tmp_path) == expected
