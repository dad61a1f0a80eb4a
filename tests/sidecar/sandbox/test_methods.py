"""The method table: complete for its callers, and careful where clients rarely look."""

from typing import Any

import pytest

from sidecar.sandbox import keys, params
from sidecar.sandbox.methods import METHODS
from sidecar.sandbox.node import Node
from tests.sidecar.sandbox.transactions import a_node, raw

# What one settlement through the official SDK calls, and what EIP-1559 wallets call beside it.
SDK = {
    "eth_getCode",
    "eth_chainId",
    "eth_call",
    "eth_getTransactionCount",
    "eth_gasPrice",
    "eth_sendRawTransaction",
    "eth_getTransactionReceipt",
    "eth_maxPriorityFeePerGas",
    "eth_getBlockByNumber",
    "eth_estimateGas",
}


def ask(node: Node, method: str, *given: Any) -> Any:
    """Call a method of the table."""
    return METHODS[method](node, given)


def test_the_sdk_s_methods_are_there() -> None:
    """Nothing that a settlement calls is missing."""
    assert set(METHODS) >= SDK


def test_state_overrides_are_refused() -> None:
    """What is not supported is said, not ignored."""
    call = {"to": keys.PAY_TO.address}
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(params.BadParams, match="overrides"):
            ask(a_node(), method, call, "latest", {keys.PAY_TO.address: {}})


def test_fee_history_of_the_past() -> None:
    """The extra base fee is the next block's, known or to come; rewards come only when asked for."""
    node = a_node()
    for _ in range(3):
        node.mine()
    old = ask(node, "eth_feeHistory", "0x1", "0x1")
    new = ask(node, "eth_feeHistory", "0x400", "latest", [10, 90])
    assert old["oldestBlock"] == "0x1"
    assert old["baseFeePerGas"] == new["baseFeePerGas"][1:3]
    assert "reward" not in old
    assert len(new["baseFeePerGas"]) == 5
    assert {len(each) for each in new["reward"]} == {2}


def test_pending_and_latest_nonce() -> None:
    """Pending counts what waits without a gap, latest only what was mined."""
    node = a_node(automine=False)
    for nonce in (0, 1, 3):
        node.submit(raw(nonce))
    counts = [
        ask(node, "eth_getTransactionCount", keys.FACILITATOR.address, tag) for tag in ("latest", "pending")
    ]
    assert counts == ["0x0", "0x2"]


def test_storage_slots_in_both_spellings() -> None:
    """A slot may be a quantity or 32 bytes; the value always has 32."""
    node = a_node()
    short = ask(node, "eth_getStorageAt", keys.PAY_TO.address, "0x1")
    long = ask(node, "eth_getStorageAt", keys.PAY_TO.address, "0x" + "00" * 31 + "01", "latest")
    assert short == long == "0x" + "00" * 32


def test_accounts_are_nobody_s_but_the_client_s() -> None:
    """The chain holds no keys."""
    assert ask(a_node(), "eth_accounts") == []
