"""Each mode of the facilitator over HTTP: what the caller sees, and whether the money moved."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sidecar.sandbox import keys
from sidecar.sandbox.facilitator_modes import DELAY_MAX_S, MODES
from sidecar.sandbox.process import ModeRefused, Sandbox, start_sandbox
from tests.plainly import PLAINLY
from tests.sidecar.sandbox.payments import PRICE, Caller

SHORT_S = 1.0
PAYER = keys.BUYERS[1].address


@pytest.fixture
def caller(sandbox: Sandbox) -> Iterator[Caller]:
    """Ask the shared facilitator with little patience; it is honest again afterwards."""
    with httpx.Client(timeout=SHORT_S, **PLAINLY) as client:
        yield Caller(sandbox, client)
    sandbox.set_facilitator("honest")


def taken(caller: Caller) -> int:
    return caller.sandbox.balance_of(caller.sandbox.pay_to)


@pytest.mark.parametrize(("mode", "moves"), [("timeout-before", 0), ("timeout-after", PRICE)])
def test_no_answer(caller: Caller, mode: str, moves: int) -> None:
    """The caller waits for nothing; only one of the two has settled."""
    payment, before = caller.payment(), taken(caller)
    caller.sandbox.set_facilitator(mode)
    with pytest.raises(httpx.ReadTimeout):
        caller.ask("settle", payment)
    assert taken(caller) - before == moves
    assert caller.verify(caller.payment())["isValid"]


@pytest.mark.parametrize(("mode", "moves"), [("5xx-before", 0), ("5xx-after", PRICE)])
def test_an_error_for_an_answer(caller: Caller, mode: str, moves: int) -> None:
    """A 500 says nothing of the money."""
    payment, before = caller.payment(), taken(caller)
    caller.sandbox.set_facilitator(mode)
    answer = caller.ask("settle", payment)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert taken(caller) - before == moves


def test_pending(caller: Caller) -> None:
    """The transaction is named although it is not mined yet, and is mined three blocks later."""
    before = taken(caller)
    caller.sandbox.set_facilitator("pending")
    answers = [caller.settle(caller.payment()) for _ in range(2)]
    assert [(each["success"], each["errorReason"]) for each in answers] == [(False, "settlement_pending")] * 2
    for _ in range(4):
        caller.sandbox.rpc("evm_mine")
    receipts = [caller.sandbox.rpc("eth_getTransactionReceipt", each["transaction"]) for each in answers]
    assert [each["status"] for each in receipts] == ["0x1"] * 2
    assert taken(caller) - before == 2 * PRICE


@pytest.mark.parametrize("member", ["payer", "amount", "network", "transaction"])
def test_lies(caller: Caller, member: str) -> None:
    """The money moved, and the answer agrees with that but for one member."""
    before = taken(caller)
    caller.sandbox.set_facilitator(f"lying-{member}")
    answer = caller.settle(caller.payment())
    truth = {"success": True, "payer": PAYER, "network": caller.sandbox.network}
    assert {name for name in truth if answer[name] != truth[name]} == {member} & set(truth)
    assert answer.get("amount", str(PRICE)) == str(PRICE + (member == "amount"))
    assert (answer["transaction"] == "") is (member == "transaction")
    assert taken(caller) - before == PRICE


def test_an_invented_settlement(caller: Caller) -> None:
    """The answer is perfect, and no such transaction exists."""
    before = taken(caller)
    caller.sandbox.set_facilitator("lying-success")
    answer = caller.settle(caller.payment())
    assert (answer["success"], answer["payer"], answer["network"]) == (True, PAYER, caller.sandbox.network)
    assert caller.sandbox.rpc("eth_getTransactionByHash", answer["transaction"]) is None
    assert taken(caller) == before


def test_duplicate(caller: Caller) -> None:
    """Another payer is told the transaction of the settlement before, and pays nothing."""
    first = caller.settle(caller.payment())
    before = taken(caller)
    caller.sandbox.set_facilitator("duplicate")
    second = caller.settle(caller.payment(keys.BUYERS[2]))
    assert second == first | {"payer": keys.BUYERS[2].address}
    assert taken(caller) == before


def test_slow(caller: Caller) -> None:
    """It settles after its delay, also for a caller who has left."""
    before = taken(caller)
    caller.sandbox.set_facilitator("slow", delay_s=1.5 * SHORT_S)
    with pytest.raises(httpx.ReadTimeout):
        caller.ask("settle", caller.payment())
    assert taken(caller) == before
    assert caller.client.post(
        caller.sandbox.facilitator_url + "/settle", json=settle_of(caller), timeout=10
    ).json()["success"]
    assert taken(caller) - before == 2 * PRICE


def settle_of(caller: Caller) -> dict[str, Any]:
    return {"x402Version": 2, "paymentPayload": caller.payment(), "paymentRequirements": caller.offer}


def test_hanging_up(caller: Caller) -> None:
    """Neither question gets an answer, the list of kinds does; and nothing was settled."""
    payment, before = caller.payment(), taken(caller)
    caller.sandbox.set_facilitator("hangs-up")
    for endpoint in ("verify", "settle"):
        with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):
            caller.ask(endpoint, payment)
    assert caller.client.get(caller.sandbox.facilitator_url + "/supported").status_code == 200
    assert taken(caller) == before


def test_down_and_up_again(caller: Caller) -> None:
    """Connections are refused, those kept from before included; afterwards the same URL answers."""
    payment = caller.payment()
    assert caller.verify(payment)["isValid"]
    caller.sandbox.set_facilitator("down")
    with pytest.raises(httpx.NetworkError):  # the one kept may be told in the midst of its request
        caller.ask("settle", payment)
    with pytest.raises(httpx.ConnectError):
        caller.ask("settle", payment)
    caller.sandbox.set_facilitator("honest")
    assert caller.settle(payment)["success"]


@pytest.mark.parametrize("mode", MODES)
def test_refusals_are_refusals_in_every_mode(caller: Caller, mode: str) -> None:
    """Nonsense is never settled and never called settled."""
    if not MODES[mode].listens:
        return
    caller.sandbox.set_facilitator(mode, delay_s=0)
    try:
        answer = caller.client.post(caller.sandbox.facilitator_url + "/settle", content=b"{}", timeout=0.2)
    except httpx.HTTPError:
        return
    assert answer.status_code >= 400


@pytest.mark.parametrize(
    "wanted",
    [
        b"",
        b"[]",
        b'{"mode": "nice"}',
        b'{"mode": ["honest"]}',
        b'{"mode": "slow", "delay_s": -1}',
        b'{"mode": "slow", "delay_s": "soon"}',
        b'{"mode": "slow", "delay_s": %d}' % (DELAY_MAX_S + 1),
    ],
)
def test_only_what_is_in_the_table_is_a_mode(sandbox: Sandbox, wanted: bytes) -> None:
    """Anything else is refused with the list of modes, and changes nothing."""
    answer = httpx.post(sandbox.control_url + "/_mode", content=wanted, **PLAINLY)
    assert answer.status_code == 400
    assert "timeout-after" in answer.json()["error"]
    told = httpx.get(sandbox.control_url + "/_mode", **PLAINLY).json()
    assert (told["mode"], set(told["modes"])) == ("honest", set(MODES))
    with pytest.raises(ModeRefused, match="send a mode"):
        sandbox.set_facilitator("nice")


def test_a_sandbox_starts_in_its_modes() -> None:
    """A facilitator that is down from the start can still be told to be honest; so can the chain."""
    with (
        start_sandbox(facilitator_mode="down", chain_mode="delay") as sandbox,
        httpx.Client(timeout=30, **PLAINLY) as client,
    ):
        caller = Caller(sandbox, client)
        with pytest.raises(httpx.ConnectError):
            caller.verify(caller.payment())
        sandbox.set_facilitator("pending")
        pending = caller.settle(caller.payment())["transaction"]
        sandbox.set_facilitator("honest")
        sandbox.set_chain("honest")
        assert caller.settle(caller.payment())["success"]
        assert sandbox.rpc("eth_getTransactionReceipt", pending)["status"] == "0x1"
        before = int(sandbox.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        sandbox.pass_time(3_600)
        after = int(sandbox.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        assert after - before >= 3_600
