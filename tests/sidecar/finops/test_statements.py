"""Statements: what a wallet reads of itself is what was booked, and only that."""

from contextlib import closing
from typing import Any

import pytest

from sidecar.adapters.storage.reading import fetch, open_read_only
from sidecar.domain.closing import Ending
from sidecar.finops import statements
from sidecar.x402.evm_text import checksummed
from tests.sidecar.shop import NETWORK, OTHER_PAYER, PAYER, Sale, Shop, line, paid


def rows(shop: Shop, query: str, parameters: dict[str, object]) -> list[dict[str, Any]]:
    with closing(open_read_only(shop.path)) as connection:
        return fetch(connection, query, parameters)


def page(shop: Shop, wallet: bytes = PAYER, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
    asked = statements.page_parameters(wallet, limit, cursor)
    return statements.page_object(rows(shop, "wallet_calls", asked), limit)


def credit(shop: Shop, wallet: bytes = PAYER) -> dict[str, Any]:
    (row,) = rows(shop, "wallet_credit", statements.credit_parameters(wallet))
    return statements.credit_object(wallet, row)


async def test_a_call_is_told_as_its_buyer_knows_it(shop: Shop) -> None:
    """Price, what was captured, settlement, transaction; no cost, no margin, no name of the seller's."""
    sale = Sale(surplus_nano=400)
    await shop.serve(sale, line())

    assert page(shop) == {
        "items": [
            {
                "call": sale.call,
                "at": "2026-05-01T12:00:00.000000Z",
                "endpoint": "POST /research",
                "method": "POST",
                "target": "/research",
                "price_usd": "0.050000000",
                "captured_usd": "0.050000000",
                "credited_usd": "0.000000000",
                "settlement": "settled",
                "network": NETWORK,
                "transaction": paid(sale).transaction,
                "outcome": "served",
                "status": 200,
            }
        ],
        "next_cursor": None,
    }


async def test_each_ending_is_told_apart(shop: Shop) -> None:
    """Credited, failed, unknown, let go, running: newest first."""
    await shop.break_off(Sale(1))
    await shop.fail(Sale(2))
    await shop.lose(Sale(3))
    await shop.release(Sale(4))
    await shop.admit(Sale(5))

    told = [
        (each["settlement"], each["outcome"], each["captured_usd"], each["credited_usd"])
        for each in page(shop)["items"]
    ]
    nothing = "0.000000000"
    assert told == [
        ("pending", "running", nothing, nothing),
        ("none", "refused:upstream_unreachable", nothing, nothing),
        ("unknown", "refused:settlement_unknown", nothing, nothing),
        ("failed", "refused:settlement_failed", nothing, nothing),
        ("settled", "failed", nothing, "0.050000000"),
    ]


@pytest.mark.parametrize(
    ("settlement", "outcome", "told"),
    [
        ("none", "served", "pending"),
        ("pending", "served", "pending"),
        ("settled", "", "settled"),
        ("none", "failed", "none"),
        ("unknown", "", "unknown"),
    ],
)
def test_what_is_served_and_settled_behind_is_pending(settlement: str, outcome: str, told: str) -> None:
    """A call that nobody has been asked to settle yet is not one that costs nothing."""
    assert statements.settlement({"settlement": settlement, "outcome": outcome}) == told


async def test_pages_follow_the_cursor_and_stay_with_the_wallet(shop: Shop) -> None:
    """Another wallet's calls are in no page, whatever cursor is sent."""
    for number in (1, 2, 3):
        await shop.serve(Sale(number))
    await shop.serve(Sale(4, payer=OTHER_PAYER))

    first = page(shop, limit=2)
    second = page(shop, limit=2, cursor=first["next_cursor"])
    assert [each["call"] for each in first["items"]] == [Sale(3).call, Sale(2).call]
    assert [each["call"] for each in second["items"]] == [Sale(1).call]
    assert (first["next_cursor"], second["next_cursor"]) == (Sale(1).call, None)
    assert page(shop, cursor=Sale(4).call)["items"] == page(shop)["items"]
    assert page(shop, bytes(20)) == {"items": [], "next_cursor": None}


async def test_credit_is_what_can_be_spent_now(shop: Shop) -> None:
    """What was paid and not delivered, for the wallet that paid; nothing for one that is not known."""
    await shop.break_off(Sale(1, surplus_nano=400))
    await shop.serve(Sale(2, payer=OTHER_PAYER))

    assert credit(shop) == {
        "wallet": checksummed(PAYER),
        "available_usd": "0.050000400",
        "held_usd": "0.000000000",
    }
    assert credit(shop, OTHER_PAYER)["available_usd"] == credit(shop, bytes(20))["available_usd"]


async def test_a_call_that_is_not_settled_gives_no_credit(shop: Shop) -> None:
    """Unknown money is nobody's credit until there is evidence."""
    payment = await shop.settle(await shop.admit(Sale()), paid(Sale()))
    before = credit(shop)["available_usd"]
    await shop.close(payment, Ending.UNDELIVERED, "failed")

    assert (before, credit(shop)["available_usd"]) == ("0.000000000", "0.050000000")
