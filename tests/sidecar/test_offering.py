"""Offering: every route is offered on its own terms, in every way to be paid."""

import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from x402.http.utils import decode_payment_required_header
from x402.schemas import PaymentRequired

from ledger.money import nano
from pricing.price import FixedPrice
from sidecar.adapters.storage.reading import open_read_only
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain.verification import max_timeout_s
from sidecar.offering import REPLACED_MAX, _payable
from tests.sidecar.assembled import CONFIG, ask, built, payment
from tests.sidecar.builders import NOW_US, Books, a_payment_header, some_terms
from tests.sidecar.configs import PAY_TO, TOKEN
from tests.sidecar.fakes import Buyer
from tests.sidecar.x402.signing import WALLET


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    books = Books(tmp_path)
    yield books
    await books.storage.close()


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


def amounts(buyer: Buyer) -> list[str]:
    document: Any = decode_payment_required_header((buyer.header(b"payment-required") or b"").decode())
    return [each.amount for each in document.accepts]


async def test_a_computed_price_is_offered_in_every_way_to_be_paid(tmp_path: Path) -> None:
    """Each token's amount is rounded up from the same price; buyers' own prices too."""
    priced = CONFIG.replace(
        'price: "$0.001"',
        'price: {base: "$0.001", plus: [{query: n, each: "$0.02", max: 9, default: 0}]},'
        f' buyers: {{friends: {{wallets: ["{WALLET.address}"], price: "$0.0005"}}}}',
    )
    async with built(tmp_path, priced) as path:
        assert amounts(await ask(path, "GET", b"/models/x")) == ["1000", "1"]
        assert amounts(await ask(path, "GET", b"/models/x", query=b"n=3")) == ["61000", "7"]
        mine = await ask(path, "GET", b"/models/x", (b"sidecar-wallet", WALLET.address.encode()))
        assert amounts(mine) == ["500", "1"]


async def test_a_replaced_price_is_payable_after_a_restart(tmp_path: Path) -> None:
    """What was offered before the process ended is taken after it; what was never offered is not."""
    async with built(tmp_path) as path:
        signed = payment(path, b"/models/x")
    async with built(tmp_path, CONFIG.replace("$0.001", "$0.002")) as path:
        assert amounts(await ask(path, "GET", b"/models/x")) == ["2000", "1"]
        # Nobody at port 1 says what it settles, so a good payment gets no further than that.
        taken = await ask(path, "GET", b"/models/x", signed)
        assert (taken.status, taken.document()["code"]) == (503, "facilitator_unavailable")
        never = a_payment_header(path.offers[0], validBefore=str(int(time.time()) + 200))
        refused = await ask(path, "GET", b"/models/x", (b"payment-signature", never))
        assert (refused.status, refused.document()["code"]) == (402, "payment_invalid")


async def test_replaced_terms_are_loaded_until_they_end(books: Books) -> None:
    """To the microsecond, each counted from its own replacement; the newest first, and not without end."""

    async def in_force(price_nano: int, now_us: int) -> list[tuple[int, int | None]]:
        terms = some_terms(FixedPrice(nano(price_nano)), version=0)
        found = await books.run(_payable, "POST /research", terms, now_us)
        return [(each.version, each.until_us) for each in found]

    good_us = max_timeout_s(60) * 1_000_000
    assert await in_force(1_000, NOW_US) == [(1, None)]
    assert await in_force(2_000, NOW_US + 10) == [(2, None), (1, NOW_US + 10 + good_us)]
    assert await in_force(1_000, NOW_US + 20) == [
        (3, None),
        (2, NOW_US + 20 + good_us),
        (1, NOW_US + 10 + good_us),
    ]
    assert await in_force(1_000, NOW_US + 10 + good_us - 1) == await in_force(1_000, NOW_US + 20)
    assert await in_force(1_000, NOW_US + 10 + good_us) == [(3, None), (2, NOW_US + 20 + good_us)]
    assert await in_force(1_000, NOW_US + 20 + good_us) == [(3, None)]

    for number in range(REPLACED_MAX + 5):
        latest = await in_force(5_000 + number, NOW_US + 2 * good_us)
    assert [version for version, _ in latest] == list(range(24, 24 - REPLACED_MAX - 1, -1))


async def test_terms_that_cannot_be_read_are_not_sold_on(books: Books) -> None:
    """Another version of the sidecar wrote them; what is in force does not depend on them."""
    await books.run(RecordsSqliteTx.price_version, "POST /research", '{"accepts":[]}', NOW_US)

    found = await books.run(_payable, "POST /research", some_terms(version=0), NOW_US + 1)

    assert [each.version for each in found] == [2]
