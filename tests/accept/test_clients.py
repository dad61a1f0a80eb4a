"""Every official client buys every kind of call, and books and chain agree afterwards."""

import json
import subprocess
import sys
from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any, Final

import pytest

from sidecar.sandbox import facilitator_modes, keys
from tests.accept.clients import CLIENTS, Bought, Buy, Client, Order
from tests.accept.kinds import CHAT, KINDS, Receipt, Step
from tests.scenarios import money
from tests.scenarios.stand import NANO_PER_UNIT, Running, Stand, refusal
from tests.sidecar.sandbox.live_chain import Chain

PURSE: Final = 5_000_000  # what a payer has, in the token's units: more than any price
NANO_PER_USD: Final = 10**9


@pytest.mark.parametrize("named", CLIENTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_buys(
    kind: str, named: str, buyers: Mapping[str, Buy], stand: Stand, running: Running
) -> None:
    """It is handed each answer as it came, signs once for it, and its money is where the table says."""
    client, payer = CLIENTS[named], keys.published(f"{named} buys {kind}")
    Chain(stand.sandbox.rpc_url).give(stand.sandbox.buyers[0], payer.address, PURSE)
    taken = sold = owed = admitted = 0

    for step in KINDS[kind]:
        stand.sandbox.set_facilitator(step.facilitator)
        bought = buyers[named](Order(running.url + step.sold.asked, step.sold.method, step.sold.body), payer)
        stand.sandbox.set_facilitator(facilitator_modes.HONEST)
        books = money.settled_down(stand, running)

        taken += step.end.taken * step.sold.units
        sold += step.end.sold * step.sold.units
        owed += step.end.owed * step.sold.units
        admitted += step.end.signs
        _as_told(bought, step, client)
        _paid_in_its_own_words(bought, step, client)
        _receipt_as_told(bought, step, client, payer.address, books.paid_in())
        assert stand.taken().get(payer.address.lower(), 0) == taken
        assert stand.sandbox.balance_of(payer.address) == PURSE - taken
        assert books.sold_to(payer.address) == sold * NANO_PER_UNIT
        assert books.owed_to(payer.address) == owed * NANO_PER_UNIT
        assert sum(call["buyer"] == payer.address.lower() for call in books.calls) == admitted


def test_the_till_is_right_after_all_of_it(buyers: Mapping[str, Buy], stand: Stand, running: Running) -> None:
    """What the chain holds for the seller is the revenue and the credit that the commands show, audited."""
    order = Order(running.url + CHAT.asked, CHAT.method, CHAT.body)
    bought = buyers["python"](order, stand.sandbox.buyers[1])
    books = money.settled_down(stand, running)

    margin, by_buyer = _told(stand, "margin"), _told(stand, "margin", "--by", "buyer")
    audit, reconciled = _told(stand, "ledger", "audit"), _told(stand, "reconcile")
    onchain = stand.sandbox.balance_of(stand.pay_to) * NANO_PER_UNIT
    assert bought.statuses == [402, 200]
    assert audit["clean"] is True
    assert onchain == _nano(margin["total"]["revenue_usd"]) + books.of("buyer")
    assert onchain >= CHAT.units * NANO_PER_UNIT
    assert {row["buyer"]: _nano(row["revenue_usd"]) for row in by_buyer["items"]} == {
        call["buyer"]: books.sold_to(call["buyer"]) for call in books.calls
    }
    assert _nano(margin["total"]["unsettled_usd"]) == _nano(margin["total"]["bad_debt_usd"]) == 0
    assert [till["explained_ratio"] for till in reconciled["items"]] == ["1.0000"]


def _as_told(bought: Bought, step: Step, client: Client) -> None:
    """Check what was handed over: the answer itself, or the client's own refusal."""
    status, code = step.end.told
    if not step.end.signs:
        assert (bought.answer, bought.statuses) == (None, [402])
        assert client.too_dear in bought.error
        return
    assert bought.error == ""
    assert bought.answer is not None
    assert bought.statuses == [402, status]
    assert refusal(bought.answer) == (status, code)
    assert bought.answer.headers["sidecar-call-id"].startswith("call_")
    assert code or step.sold.says in bought.answer.text
    assert not code or int(bought.answer.headers["retry-after"]) > 0


def _paid_in_its_own_words(bought: Bought, step: Step, client: Client) -> None:
    """Check that one payment left, in the client's version, for the price."""
    assert len(bought.payments) == step.end.signs
    for header, payment in bought.payments:
        assert (header, payment["x402Version"]) == (client.header, client.version)
        terms = payment if client.version == 1 else payment["accepted"]
        assert terms["network"] == client.network
        assert payment["payload"]["authorization"]["value"] == str(step.sold.units)


def _receipt_as_told(bought: Bought, step: Step, client: Client, payer: str, paid_in: Set[str]) -> None:
    """Check what the client's own decoder reads: nothing, a transaction in the books, or no need of one."""
    receipt = bought.receipt
    if step.end.receipt is Receipt.NONE:
        assert receipt is None
        return
    assert receipt is not None
    assert (receipt["success"], receipt["payer"], receipt["network"]) == (True, payer, client.network)
    if step.end.receipt is Receipt.CREDIT:
        assert receipt["transaction"] == ""
        assert receipt.get("amount") == (None if client.version == 1 else "0")
    else:
        assert receipt["transaction"] in paid_in


def _told(stand: Stand, *words: str) -> Mapping[str, Any]:
    """Run a reading command of the sidecar beside the one that serves, and return what it prints."""
    command = [sys.executable, "-m", "sidecar", *words, "--json", "--config", str(stand.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document: Mapping[str, Any] = json.loads(done.stdout)
    return document


def _nano(usd: str) -> int:
    return int(Decimal(usd) * NANO_PER_USD)
