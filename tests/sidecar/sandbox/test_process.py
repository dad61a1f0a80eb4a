"""Starting, asking and stopping the sandbox."""

import json

import httpx
import pytest

from sidecar.sandbox import keys, token
from sidecar.sandbox.process import Child, ChildFailed, RpcFailed, Sandbox
from tests.plainly import PLAINLY


def test_sandbox_is_what_it_says(sandbox: Sandbox) -> None:
    """Chain and facilitator answer at their URLs for the network and the asset that are named."""
    assert int(sandbox.rpc("eth_chainId"), 16) == sandbox.chain_id == 84532
    kinds = httpx.get(sandbox.facilitator_url + "/supported", **PLAINLY).json()["kinds"]
    assert sandbox.network in {kind["network"] for kind in kinds}
    assert sandbox.asset == token.ADDRESS
    assert sandbox.rpc("eth_getCode", sandbox.asset, "latest") != "0x"


def test_balances(sandbox: Sandbox) -> None:
    """Buyers have tokens, the penniless one has none."""
    assert all(sandbox.balance_of(buyer.address) > 0 for buyer in sandbox.buyers)
    assert len(sandbox.buyers) >= 4
    assert sandbox.balance_of(sandbox.penniless.address) == 0


def test_document_is_plain_json(sandbox: Sandbox) -> None:
    """The description survives JSON and has the buyers' keys."""
    document = sandbox.document()
    assert json.loads(json.dumps(document)) == document
    first = keys.BUYERS[0]
    assert document["buyers"][0] == {"address": first.address, "private_key": first.private_key}


def test_rpc_errors_are_exceptions(sandbox: Sandbox) -> None:
    """An error answer is raised with its whole body."""
    with pytest.raises(RpcFailed, match="does not exist") as raised:
        sandbox.rpc("eth_nothing")
    assert raised.value.body["code"] == -32601


def test_a_child_that_does_not_start(capfd: pytest.CaptureFixture[str]) -> None:
    """Bad arguments are a failure with the service's name, and its own words on standard error."""
    with pytest.raises(ChildFailed, match="chain did not start"):
        Child("chain", "--port", "nonsense")
    assert "invalid int value" in capfd.readouterr().err


def test_a_child_that_stops_answering() -> None:
    """Waiting for a process that is gone fails, and stopping it again is fine."""
    child = Child("agent")
    child.stop()
    with pytest.raises(ChildFailed, match="agent is not answering"):
        child.wait("/")
    child.stop()
