"""Buyers over HTTP: one wallet, by its address in any spelling."""

import httpx
import pytest

from sidecar.x402.evm_text import checksummed
from tests.sidecar.shop import PAYER, Sale, Shop


@pytest.mark.parametrize("named", ["0x" + "aa" * 20, checksummed(PAYER)])
async def test_a_buyer_is_read_by_its_address(operator: httpx.AsyncClient, shop: Shop, named: str) -> None:
    """Credit, exposure, today, totals and its last calls."""
    await shop.serve(Sale(1))
    await shop.break_off(Sale(2))
    found = (await operator.get(f"/api/v1/buyers/{named}")).json()

    assert (found["buyer"], found["credits_usd"]) == ("0x" + "aa" * 20, "0.050000000")
    assert found["total"]["calls"] == len(found["calls"]) == 2
    assert found["today"]["day"] == "2026-05-01"
    assert {call["call"] for call in found["calls"]} == {Sale(1).call, Sale(2).call}


async def test_a_wallet_that_never_called_is_404(operator: httpx.AsyncClient, shop: Shop) -> None:
    """Whatever others have bought."""
    await shop.serve(Sale())
    answer = await operator.get("/api/v1/buyers/0x" + "0" * 40)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("named", ["0x00", "aa" * 20, "buyer"])
async def test_what_is_no_address_is_refused(operator: httpx.AsyncClient, named: str) -> None:
    """A misspelt address is not a buyer without calls."""
    answer = await operator.get(f"/api/v1/buyers/{named}")

    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")
