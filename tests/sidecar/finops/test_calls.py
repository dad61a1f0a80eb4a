"""Calls: what operators read of a call is what was booked."""

from typing import Any

from pricing.cost import Basis, Kind
from sidecar.adapters.storage.reading import fetch, open_read_only
from sidecar.domain.closing import Ending
from sidecar.finops.calls import call_object, one_parameters, page_object, page_parameters
from tests.sidecar.shop import FACILITATOR, FEE, NETWORK, PLATFORM_FEE, TOOL, Sale, Shop, line, paid

UNKNOWN = line(name="new-model", units=None)
ESTIMATED = line(Kind.EXTERNAL, "crawler", 2_000_000, Basis.ESTIMATED, provider="")


def call_of(shop: Shop, call: str) -> dict[str, Any]:
    connection = open_read_only(shop.path)
    try:
        (row,) = fetch(connection, "calls", one_parameters(call))
    finally:
        connection.close()
    return call_object(row)


async def test_a_served_call_is_a_waterfall_from_price_to_margin(shop: Shop) -> None:
    """Price, hold, capture, each cost line, each fee, and the margin they leave."""
    sale = Sale(surplus_nano=400, run="run_9", session="s_1")
    await shop.serve(sale, line(), TOOL, platform_fee=PLATFORM_FEE)

    assert call_of(shop, sale.call) == {
        "id": "call_00000000000000000000000001",
        "at": "2026-05-01T12:00:00.000000Z",
        "endpoint": "POST /research",
        "buyer": "0x" + "aa" * 20,
        "status": 200,
        "policy": "allowed",
        "outcome": "served",
        "settlement": "settled",
        "network": NETWORK,
        "transaction": paid(sale).transaction,
        "price_usd": "0.050000000",
        "held_usd": "0.050000400",
        "captured_usd": "0.050000000",
        "credited_usd": "0.000000000",
        "costs": [
            {
                "kind": "model",
                "name": "gpt-4o",
                "amount_usd": "0.012000000",
                "basis": "measured",
                "rate": "prices 2026-05-01",
                "provider": "openai",
                "step": None,
                "attempt": 1,
                "source": "usage",
            },
            {
                "kind": "tool",
                "name": "web_search",
                "amount_usd": "0.003600000",
                "basis": "reported",
                "rate": "prices 2026-05-01",
                "provider": None,
                "step": None,
                "attempt": 1,
                "source": "usage",
            },
        ],
        "fees": [
            {
                "kind": "fee",
                "name": "facilitator",
                "amount_usd": "0.001000000",
                "basis": "measured",
                "rate": "prices 2026-05-01",
                "provider": FACILITATOR,
                "step": None,
                "attempt": 1,
                "source": "tariff",
            },
            {
                "kind": "fee",
                "name": "platform",
                "amount_usd": "0.000500000",
                "basis": "measured",
                "rate": "prices 2026-05-01",
                "provider": None,
                "step": None,
                "attempt": 1,
                "source": "tariff",
            },
        ],
        "cost_usd": "0.015600000",
        "fees_usd": "0.001500000",
        "estimated_cost_usd": "0.000000000",
        "unknown_costs": 0,
        "known_margin_usd": "0.032900000",
        "run": "run_9",
        "session": "s_1",
        "workflow": "competitor-research",
        "agent": "research-agent",
        "workspace": "growth",
        "latency_ms": 1250,
        "settle_ms": 204,
    }


async def test_a_running_call_is_pending_and_earns_nothing_yet(shop: Shop) -> None:
    """Nothing is said of a call that still runs but what is held for it."""
    await shop.admit(Sale())

    call = call_of(shop, Sale().call)

    assert (call["outcome"], call["settlement"], call["status"]) == ("running", "pending", None)
    assert (call["held_usd"], call["captured_usd"]) == ("0.050000000", "0.000000000")
    assert (call["known_margin_usd"], call["transaction"], call["run"]) == ("0.000000000", None, None)


async def test_unknown_is_shown_as_unknown_and_estimates_apart(shop: Shop) -> None:
    """An unknown amount is null and counted; an estimate is in no known figure."""
    await shop.serve(Sale(), TOOL, UNKNOWN, ESTIMATED)

    call = call_of(shop, Sale().call)

    assert [cost["amount_usd"] for cost in call["costs"]] == ["0.003600000", None, "0.002000000"]
    assert (call["cost_usd"], call["estimated_cost_usd"]) == ("0.003600000", "0.002000000")
    assert call["unknown_costs"] == 1
    assert call["known_margin_usd"] == "0.045400000"


async def test_a_call_of_unknown_settlement_has_no_margin_but_its_fees(shop: Shop) -> None:
    """While nobody can tell whether it was paid, its costs are shown and not yet judged."""
    await shop.lose(Sale(), line())

    call = call_of(shop, Sale().call)

    assert (call["outcome"], call["settlement"]) == ("refused:settlement_unknown", "unknown")
    assert (call["cost_usd"], call["known_margin_usd"]) == ("0.012000000", "0.000000000")
    assert [cost["kind"] for cost in call["costs"]] == ["retry"]


async def test_a_failed_settlement_is_a_loss(shop: Shop) -> None:
    """Work whose payment failed costs what it cost."""
    await shop.fail(Sale(), line())

    call = call_of(shop, Sale().call)

    assert (call["settlement"], call["captured_usd"]) == ("failed", "0.000000000")
    assert call["known_margin_usd"] == "-0.012000000"


async def test_paid_and_not_delivered_is_credit_and_no_revenue(shop: Shop) -> None:
    """What became the buyer's credit is shown, and earns nothing."""
    await shop.break_off(Sale(surplus_nano=400))

    call = call_of(shop, Sale().call)

    assert (call["captured_usd"], call["credited_usd"]) == ("0.000000000", "0.050000400")
    assert call["known_margin_usd"] == "-0.001000000"


async def test_pages_are_newest_first_and_the_cursor_goes_on_where_one_ended(shop: Shop) -> None:
    """Walking all pages meets each call once, newest first."""
    for number in range(1, 6):
        await shop.admit(Sale(number))
    connection = open_read_only(shop.path)
    met: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = page_object(fetch(connection, "calls", page_parameters(2, cursor)), 2)
        met += [call["id"] for call in page["items"]]
        cursor = page["next_cursor"]
    connection.close()

    assert met == [Sale(number).call for number in (5, 4, 3, 2, 1)]
    assert cursor is None


async def test_a_page_that_is_just_full_is_the_last(shop: Shop) -> None:
    """No cursor leads to an empty page."""
    payment = await shop.admit(Sale(1))
    await shop.close(await shop.settle(payment, paid(Sale(1)), FEE), Ending.DELIVERED, "served")
    connection = open_read_only(shop.path)
    page = page_object(fetch(connection, "calls", page_parameters(1, None)), 1)
    connection.close()

    assert [call["id"] for call in page["items"]] == [Sale(1).call]
    assert page["next_cursor"] is None
