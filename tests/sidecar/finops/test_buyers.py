"""Buyers: what operators read of a wallet is what was booked for it, on all its networks."""

from contextlib import closing
from typing import Any

from sidecar.adapters.storage.reading import fetch, open_read_only
from sidecar.finops import buyers, statements
from tests.sidecar.shop import DAY_US, NOON_US, OTHER_PAYER, PAYER, TOOL, Sale, Shop, line


def told(shop: Shop, payer: bytes = PAYER, now_us: int = NOON_US) -> dict[str, Any]:
    with closing(open_read_only(shop.path)) as connection:
        (standing,) = fetch(connection, "wallet_standing", buyers.parameters(payer, now_us))
        (credit,) = fetch(connection, "wallet_credit", statements.credit_parameters(payer))
        calls = fetch(connection, "wallet_calls", buyers.calls_parameters(payer))
    return buyers.buyer_object(payer, now_us, standing, credit, calls)


async def test_a_buyer_is_its_credit_its_exposure_its_day_and_its_calls(shop: Shop) -> None:
    """A sale, a call that broke off, one that failed at our cost, one that runs: each in its sum."""
    await shop.serve(Sale(1, at_us=NOON_US - DAY_US))
    await shop.break_off(Sale(2), line())
    await shop.fail(Sale(3), TOOL)
    await shop.admit(Sale(4, surplus_nano=400))
    await shop.serve(Sale(5, payer=OTHER_PAYER))
    found = told(shop)

    assert [call["call"] for call in found.pop("calls")] == [Sale(n).call for n in (4, 3, 2, 1)]
    assert found == {
        "buyer": "0x" + "aa" * 20,
        "since": "2026-04-30T12:00:00.000000Z",
        "credits_usd": "0.050000000",
        "held_usd": "0.000000000",
        "exposure_usd": "0.050000400",
        "today": {"day": "2026-05-01", "spent_usd": "0.050000000", "uncharged_usd": "0.015600000"},
        "total": {"calls": 4, "captured_usd": "0.050000000", "credited_usd": "0.050000000"},
    }


async def test_a_day_is_its_own(shop: Shop) -> None:
    """Tomorrow nothing is spent yet; the totals stay."""
    await shop.serve(Sale())
    tomorrow = told(shop, now_us=NOON_US + DAY_US)

    assert tomorrow["today"] == {
        "day": "2026-05-02",
        "spent_usd": "0.000000000",
        "uncharged_usd": "0.000000000",
    }
    assert tomorrow["total"]["captured_usd"] == "0.050000000"


async def test_only_the_last_calls_are_shown(shop: Shop) -> None:
    """A buyer of many calls is one page."""
    for number in range(1, buyers.CALLS_SHOWN + 3):
        await shop.serve(Sale(number))
    found = told(shop)

    assert found["total"]["calls"] == buyers.CALLS_SHOWN + 2
    assert len(found["calls"]) == buyers.CALLS_SHOWN
    assert found["calls"][0]["call"] == Sale(buyers.CALLS_SHOWN + 2).call
